"""`kulanz ledger`: whether the decisions are as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kulanz.cli.options import emit, json_option, services, table
from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.privacy.audit import AuditResult


@click.group()
def ledger() -> None:
    """Check the chain of decisions, and show the key that signs it."""


@ledger.command()
@click.argument("ident", metavar="[ID]", required=False)
@json_option
def verify(*, ident: str | None, as_json: bool) -> None:
    """Check every account's chain of decisions, or one's; exit 1 and a list where one was edited, cut or reordered."""
    from kulanz.cli.progress import counted
    from kulanz.privacy import audit

    accounts = decisions = 0
    flawed = []
    with services() as opened, counted("accounts") as count:
        for audit_result in audit.verify(opened, ident):
            accounts, decisions = accounts + 1, decisions + audit_result.decisions
            if audit_result.flaw is not None:
                flawed.append(audit_result)
            count(1)
    document = {
        "accounts": accounts,
        "decisions": decisions,
        "flawed": [
            {
                "account_id": other_audit_result.account,
                "decision": other_audit_result.at,
                "flaw": other_audit_result.flaw,
            }
            for other_audit_result in flawed
        ],
    }
    emit(document, as_json, lambda: _print(accounts, decisions, flawed))
    if flawed:
        raise RefusedError(f"the decisions of {how_many(len(flawed), 'account')} are not as they were written")


@ledger.command()
@json_option
def key(*, as_json: bool) -> None:
    """Show the public key that signs this installation's ledger and evidence: publish it where others can compare."""
    from kulanz.crypto.signing import fingerprint

    with services() as opened:
        public = opened.vault.signer.public
    document = {"algorithm": "Ed25519", "public_key": public.hex(), "fingerprint": fingerprint(public)}
    emit(document, as_json, f"Ed25519 {public.hex()}\n{fingerprint(public)}")


def _print(accounts: int, decisions: int, flawed: list[AuditResult]) -> None:
    from kulanz.privacy.audit import FLAW_TEXTS

    rows = [(audit_result.account, audit_result.at, FLAW_TEXTS[str(audit_result.flaw)]) for audit_result in flawed]
    table(("account", "decision", "what is wrong"), rows, "every chain is whole")()
    click.echo(f"{how_many(decisions, 'decision')} of {how_many(accounts, 'account')} checked")
