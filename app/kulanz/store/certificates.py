"""Certificates of destroyed data: signed documents without personal data, kept for ever."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import certificates


class Certificate(msgspec.Struct, frozen=True):
    """A signed document; `document` is the JSON that was signed."""

    id: str
    account: str
    at: datetime
    document: str
    signature: bytes


_COLUMNS = Certificate.__struct_fields__
_ROW = select(*(certificates.c[name] for name in _COLUMNS))
_OF_ACCOUNT = _ROW.where(certificates.c.account == bindparam("account")).order_by(certificates.c.at, certificates.c.id)
_ONE = _ROW.where(certificates.c.id == bindparam("certificate"))


def add(tx: Connection, row: Certificate) -> None:
    """Keep a certificate."""
    bulk.insert(tx, certificates, _COLUMNS, [msgspec.structs.astuple(row)])


def of_account(conn: Connection, account: str) -> list[Certificate]:
    """Return the certificates about an account, oldest first."""
    return [Certificate(*row) for row in conn.execute(_OF_ACCOUNT, {"account": account})]


def get(conn: Connection, certificate: str) -> Certificate | None:
    """Return one certificate."""
    row = conn.execute(_ONE, {"certificate": certificate}).one_or_none()
    return Certificate(*row) if row is not None else None
