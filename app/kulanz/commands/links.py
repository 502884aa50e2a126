"""Operators' links: purchases of one account belong to another from then on (DOMAIN section 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.formats.messages import message
from kulanz.processing import owners
from kulanz.processing.decision_log import Cause
from kulanz.processing.ownership import read
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.providers.naming import is_usable
from kulanz.services import Services
from kulanz.store import accounts, bindings
from kulanz.store.bindings import BindingRow
from kulanz.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Link: the purchases of one account are to belong to another; `undo` takes the link back."""

    source: str
    target: str
    reason: str
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Result of a link: the moved objects, and both accounts afterwards."""

    link: Link
    objects: tuple[str, ...]
    plans: Mapping[str, str]


class _DryRunError(Exception):
    """Takes a transaction back whose outcome is known."""


def link(
    services: Services,
    links: Sequence[Link],
    actor: str,
    *,
    dry_run: bool = False,
    then: Callable[[Connection, Sequence[Linked]], None] = lambda *_: None,
) -> list[Linked]:
    """Execute links in one transaction, all or none; with `dry_run` return the consequences and write nothing (I8).

    `then` is called in the same transaction: its writes are committed with them.
    """
    services.vault.prepare()
    done: list[Linked] = []
    with suppress(_DryRunError), services.database.write() as tx:
        done.extend(_link(services, tx, each, actor) for each in links)
        then(tx, done)
        _take_back(dry_run=dry_run)
    if not dry_run:
        services.notifier.notify()
    return done


def _take_back(*, dry_run: bool) -> None:
    if dry_run:
        raise _DryRunError


def _link(services: Services, tx: Connection, wanted: Link, actor: str) -> Linked:
    _check(tx, wanted)
    rows = _undone(tx, wanted) if wanted.undo else _owned(tx, wanted.source)
    if not rows:
        raise RefusedError(_NOTHING[wanted.undo].given(account=wanted.source))
    unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
    account = "" if wanted.undo else wanted.target
    resolver = owners.linked(services, tx, dict.fromkeys(rows, account), unit_of_work.now, wanted.source)
    cause = Cause(kind="command", name="Unlink" if wanted.undo else "Link", ref=actor)
    concerned = {wanted.target if wanted.undo else wanted.source}
    owners.apply(services, tx, unit_of_work, resolver, concerned, cause=cause, reason=wanted.reason)
    owners.share_customers(unit_of_work, resolver)
    unit_of_work.save()
    names = sorted({*concerned, *(name for move in resolver.moves for name in (move.old, move.new))})
    return Linked(
        link=wanted,
        objects=tuple(sorted(move.key for move in resolver.moves)),
        plans={name: unit_of_work.account(name).plan for name in names},
    )


def _check(tx: Connection, wanted: Link) -> None:
    if wanted.source == wanted.target:
        raise InvalidInputError(message("an account cannot be linked to itself"))
    source, target = accounts.exactly(tx, wanted.source), accounts.exactly(tx, wanted.target)
    # A customer whose purchases all name accounts has no account of its own, and may have one by the next purchase.
    if source is None and not wanted.undo and not _owned(tx, wanted.source):
        raise NotFoundError(message("no account {account}", account=repr(wanted.source)))
    if target is None and (wanted.undo or not is_usable(wanted.target)):
        raise NotFoundError(message("no account {account}", account=repr(wanted.target)))
    for row in (source, target):
        if row is not None and row.key is None:
            raise RefusedError(message("{account}: the account was closed and its data were destroyed", account=row.id))
        if row is not None and row.alias_of is not None:
            raise RefusedError(message("{id} is another name of {alias_of}", id=row.id, alias_of=row.alias_of))


def _owned(tx: Connection, account: str) -> list[str]:
    """Return the purchases of an account, and the customers whose unnamed purchases go there."""
    return [row.key for row in bindings.of_account(tx, account) if _is_object(row) and row.whole is None]


def _undone(tx: Connection, wanted: Link) -> list[str]:
    """Return the result of such a link."""
    return [row.key for row in bindings.of_account(tx, wanted.target) if _is_linked(row, wanted)]


def _is_linked(row: BindingRow, wanted: Link) -> bool:
    link = read(row.claims).link if row.claims is not None else None
    return link is not None and (link.digest, link.account) == (wanted.source, wanted.target)


def _is_object(row: BindingRow) -> bool:
    """Whether a name is an object's: `lemonsqueezy:customer:1`, and not a dispute's or a refund request's."""
    return row.claims is not None or (row.key.count(":") == _PARTS and not row.key.startswith(_NAMES))


_PARTS = 2
_NAMES = ("dispute:", "refund:", "collection:")
_NOTHING = {
    False: message("{account}: it owns nothing that could be linked"),
    True: message("{account}: no such link is in force"),
}
