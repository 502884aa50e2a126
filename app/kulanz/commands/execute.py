"""Executes a person's command at once, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from kulanz.commands import elsewhere, handler, silence, versions
from kulanz.commands.commands import Command
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.messages import message
from kulanz.policy.facts import Fact
from kulanz.policy.state import Decision
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.services import Services
from kulanz.store import accounts
from kulanz.store.database import Connection


def command(
    services: Services,
    account: str,
    order: Command,
    actor: str,
    *,
    signed_in: bool = False,
    dry_run: bool = False,
    silent: bool = False,
    then: Callable[[Connection, tuple[Fact, ...]], None] | None = None,
) -> Decision:
    """Execute a person's command at once; with `dry_run` return the consequences and write nothing (I8).

    `silent` withholds the mails that promise nothing and take nothing: a person informs the customer in another way.
    `signed_in` says that the actor's name was authenticated: any other name is a note, and approves nothing.
    `then` is called with the command's facts in the same transaction: its writes are committed with them.
    """
    services.vault.prepare()
    with services.database.write() as tx:
        row = accounts.answering(tx, account)
        if row is None:
            raise NotFoundError(message("no account {account}", account=repr(account)))
        if row.key is None:
            raise RefusedError(
                message("{account}: the account was closed and its data were destroyed", account=account)
            )
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        unit_of_work.lock([row.id])
        versions.prepare(services, unit_of_work, tx, order, actor, dry_run=dry_run)
        order = elsewhere.informed(services, unit_of_work, tx, row.id, order)
        facts = handler.facts_of(
            order, unit_of_work.account(row.id), unit_of_work.terms, actor, unit_of_work.now, signed_in=signed_in
        )
        decision = unit_of_work.decide(row.id, facts, Cause(kind="command", name=type(order).__name__, ref=actor))
        withheld = silence.withhold(unit_of_work, decision, actor) if silent else ()
        if not dry_run:
            unit_of_work.save()
            silence.write(tx, withheld, actor)
            if then is not None:
                then(tx, facts)
    if not dry_run:
        services.notifier.notify()
    return decision
