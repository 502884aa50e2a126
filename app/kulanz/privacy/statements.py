"""MAC over each account's row: its plain columns, its encrypted book, and the end of its chain of decisions.

An account whose data key an earlier version made has only a signature over the end of its chain, until
`kulanz secrets rotate` binds its encrypted values.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from kulanz.crypto import signing
from kulanz.crypto.vault import Vault
from kulanz.store import accounts, ledger
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

MAC_BYTES = 32
"""Length of a MAC, which distinguishes it from an earlier version's signature."""


def is_bound(vault: Vault, row: AccountRow) -> bool:
    """Whether a statement covers the whole row; for an erased account its last statement counts."""
    if row.key is not None:
        return vault.is_bound(row.key)
    return row.signature is not None and len(row.signature) == MAC_BYTES


def stated(vault: Vault, row: AccountRow) -> AccountRow:
    """Return a row with its statement, as it is to be stored."""
    if is_bound(vault, row):
        return msgspec.structs.replace(row, signature=mac(vault, row))
    signature = vault.signer.sign(ledger.statement(row.id, row.seq, row.head))
    return msgspec.structs.replace(row, signature=signature)


def mac(vault: Vault, row: AccountRow) -> bytes:
    """Return the MAC of a row as it is."""
    return vault.signer.mac(ledger.row_statement(row))


def is_stated(vault: Vault, row: AccountRow) -> bool:
    """Whether a row is as it was stored."""
    if row.signature is None:
        return accounts.is_blank(row)
    if is_bound(vault, row):
        return vault.signer.has_mac(ledger.row_statement(row), row.signature)
    return signing.has_signed(vault.signer.public, ledger.statement(row.id, row.seq, row.head), row.signature)


def restate(vault: Vault, tx: Connection, names: Collection[str]) -> None:
    """State the rows of locked accounts as they are now, after columns were changed one by one."""
    rows = [row for name in names if (row := accounts.exactly(tx, name)) is not None]
    accounts.state(tx, [stated(vault, row) for row in rows if is_bound(vault, row)])
