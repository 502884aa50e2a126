"""`kulanz evidence`: check a file, with nothing but the file."""

from __future__ import annotations

from pathlib import Path

import click

from kulanz.cli.options import emit, json_option
from kulanz.errors import RefusedError


@click.group()
def evidence() -> None:
    """Check evidence of an account; `kulanz account evidence` makes it."""


@evidence.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", help="The public key, or its fingerprint, that must have signed it.")
@json_option
def verify(*, file: Path, key: str | None, as_json: bool) -> None:
    """Check signature, hashes and policy texts of a file; needs no database, no network and no secret."""
    from kulanz.queries.evidence.check import check

    evidence_verdict = check(file.read_bytes(), key)
    document = {
        "sound": not evidence_verdict.problems,
        "account_id": evidence_verdict.account,
        "made_at": evidence_verdict.made_at,
        "decisions": evidence_verdict.decisions,
        "public_key": evidence_verdict.public_key,
        "fingerprint": evidence_verdict.fingerprint,
        "problems": list(evidence_verdict.problems),
    }
    emit(document, as_json, lambda: _print(document, compared=key is not None))
    if evidence_verdict.problems:
        raise RefusedError("; ".join(evidence_verdict.problems))


def _print(document: dict[str, object], *, compared: bool) -> None:
    if document["sound"]:
        click.echo(f"Sound: {document['decisions']} decisions about {document['account_id']}, of {document['made_at']}")
    click.echo(f"Signed with {document['fingerprint']}")
    if not compared:
        click.echo("Compare that with what the merchant publishes, or give it as --key.")
