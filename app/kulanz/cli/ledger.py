"""`kulanz ledger`: verification of the decisions, and the head of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.options import actor_option, dry_run_option, emit, json_option, services, shown, table, words
from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.privacy.audit import AuditResult
    from kulanz.privacy.ledger_head import Head


@click.group()
def ledger() -> None:
    """Check the chain of decisions, and show the key that signs it."""


@ledger.command()
@click.argument("ident", metavar="[ID]", required=False)
@click.option(
    "--head",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A copy of the file ledger.head that was kept elsewhere [default: the one in the data directory].",
)
@json_option
def verify(*, ident: str | None, head: Path | None, as_json: bool) -> None:
    """Verify every account's decisions, row and encrypted contents, or one account's; exit 1 and list changes.

    The signed head of the ledger reveals lost accounts and decisions, and the restore of an older state.
    """
    from kulanz.cli.progress import counted
    from kulanz.privacy import audit, ledger_head

    accounts = decisions = 0
    flawed = []
    with services() as opened, counted("accounts") as count:
        known = ledger_head.read(head or ledger_head.path_of(opened))
        for audit_result in audit.verify(opened, ident, known):
            accounts, decisions = accounts + 1, decisions + audit_result.decisions
            if audit_result.flaw is not None:
                flawed.append(audit_result)
            count(1)
    document = {
        "accounts": accounts,
        "decisions": decisions,
        "head": _summary(known),
        "flawed": [
            {
                "account_id": other_audit_result.account,
                "decision": other_audit_result.at,
                "flaw": other_audit_result.flaw,
            }
            for other_audit_result in flawed
        ],
    }
    emit(document, as_json, lambda: _print(accounts, decisions, flawed, known))
    if flawed:
        raise RefusedError(f"{how_many(len(flawed), 'account')} not as they were written")


@ledger.command()
@json_option
def key(*, as_json: bool) -> None:
    """Show the public key that signs this installation's ledger and evidence: publish it where others can compare."""
    from kulanz.crypto.signing import fingerprint

    with services() as opened:
        public = opened.vault.signer.public
    document = {"algorithm": "Ed25519", "public_key": public.hex(), "fingerprint": fingerprint(public)}
    emit(document, as_json, f"Ed25519 {public.hex()}\n{fingerprint(public)}")


@ledger.command("accept-restore")
@click.option("--reason", required=True, type=words, help="Which backup was restored, and why.")
@dry_run_option
@actor_option
@json_option
def accept_restore(*, reason: str, dry_run: bool, actor: str, as_json: bool) -> None:
    """Start a new head of the ledger after an honest restore, and record the losses since the last one."""
    from kulanz.privacy import after_restore

    with services() as opened:
        lost = after_restore.accept(opened, actor, reason, dry_run=dry_run)
    document = {
        "lost": [{"account_id": loss.account or None, "flaw": loss.flaw, "decision": loss.at} for loss in lost],
        "dry_run": dry_run,
        "actor": actor,
    }
    words_ = f"{how_many(len(lost), 'loss', 'losses')} accepted: the head of the ledger begins here"
    emit(document, as_json, words_ if not dry_run else f"{how_many(len(lost), 'loss', 'losses')} would be accepted")


def _summary(head: Head | None) -> dict[str, Any] | None:
    if head is None:
        return None
    return {"at": head.summary.at, "accounts": head.summary.accounts, "decisions": head.summary.decisions}


def _print(accounts: int, decisions: int, flawed: list[AuditResult], head: Head | None) -> None:
    from kulanz.privacy.audit import FLAW_TEXTS

    rows = [(audit_result.account, audit_result.at, FLAW_TEXTS[str(audit_result.flaw)]) for audit_result in flawed]
    table(("account", "decision", "what is wrong"), rows, "every chain is whole")()
    click.echo(f"{how_many(decisions, 'decision')} of {how_many(accounts, 'account')} checked")
    if head is None:
        click.echo("no head of the ledger here: a loss or restore of the whole ledger cannot be detected")
    else:
        click.echo(f"compared with the head of {shown(head.summary.at)}")
