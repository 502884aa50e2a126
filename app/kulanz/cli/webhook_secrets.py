"""Changing a webhook secret with evidence: which are in use, and a refusal to take one away that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kulanz.cli import stored_secrets
from kulanz.cli.options import table
from kulanz.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kulanz.ingest.secret_usage import SecretUse
    from kulanz.services import Services


def make_one(opened: Services, endpoint: str, *, dry_run: bool) -> str:
    """Put a new secret before the stored ones; return the next step."""
    from kulanz.cli.up.secrets import MADE

    name = _variable(endpoint)
    path = stored_secrets.place(opened, name)
    if name not in MADE:
        raise RefusedError(f"{endpoint} makes its secrets itself: put the new one first in {name}")
    if not dry_run:
        stored_secrets.write(path, name, [MADE[name](), *stored_secrets.entries(path, name)])
    return f"restart `kulanz up`, then give the provider the first of {name} in {path}; the old one still counts"


def retire(opened: Services, endpoint: str, *, leaked: bool, dry_run: bool) -> int:
    """Take all but the newest secret out of the stored ones; return how many.

    Raise RefusedError while one of them is in use, unless it has `leaked`: then its deliveries are refused from the
    next start on.
    """
    from kulanz.ingest import secret_usage

    name = _variable(endpoint)
    if not leaked:
        _refuse_in_use([use for use in _uses(opened) if use.endpoint == endpoint])
    path = stored_secrets.place(opened, name)
    kept = stored_secrets.entries(path, name)
    if list(secret_usage.configured(opened.settings)[endpoint]) != kept:
        raise RefusedError(f"{path} has changed meanwhile: try again")
    if not dry_run:
        stored_secrets.write(path, name, kept[:1])
    return len(kept) - 1


def document(opened: Services) -> list[dict[str, Any]]:
    """Return the usage of every secret, without its value."""
    from kulanz.ingest import secret_usage
    from kulanz.runtime.clock import real_now

    now, uses = real_now(), _uses(opened)
    return [
        {
            "id": use.fingerprint,
            "endpoint": use.endpoint,
            "position": use.place,
            "last_used": use.last_used,
            "in_use": use.in_use(now),
            "safe_to_retire": use.place is not None and secret_usage.objection(use, uses, now) is None,
        }
        for use in uses
    ]


def show(matches: Sequence[dict[str, Any]]) -> None:
    """Print the secrets that are configured, or that are missing."""
    shown = [each for each in matches if each["position"] or each["in_use"]]
    rows = [(each["endpoint"], each["position"], each["id"], each["last_used"], _verdict(each)) for each in shown]
    table(("webhook secret of", "", "id", "last used", ""), rows)()


def refuse_a_missing_one(matches: Sequence[dict[str, Any]]) -> None:
    """Raise RefusedError where one is configured no longer although deliveries are signed with it."""
    gone = [each["id"] for each in matches if each["position"] is None and each["in_use"]]
    if gone:
        raise RefusedError(f"{', '.join(gone)}: in use and configured no longer, so its deliveries are refused")


def _uses(opened: Services) -> list[SecretUse]:
    from kulanz.ingest import secret_usage

    with opened.database.read() as conn:
        return secret_usage.status(opened, conn)


def _refuse_in_use(uses: Sequence[SecretUse]) -> None:
    from kulanz.ingest import secret_usage
    from kulanz.runtime.clock import real_now

    now = real_now()
    said = [
        f"{use.fingerprint}: {why}"
        for use in uses
        if use.place and use.place > 1 and (why := secret_usage.objection(use, uses, now))
    ]
    if said:
        raise RefusedError(f"{'; '.join(said)} (if it has leaked: --leaked)")


def _verdict(each: dict[str, Any]) -> str:
    if each["position"] is None:
        return "in use, and configured no longer"
    if each["position"] == 1:
        return "the newest"
    return "safe to retire" if each["safe_to_retire"] else "still needed"


def _variable(endpoint: str) -> str:
    return f"{endpoint.upper()}_WEBHOOK_SECRETS"
