"""The desk over the real accounts: enquiries answer, commands go through the pipeline, answers are kept sealed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app import enquiries, pipeline
from app.clock import real_now
from app.commands import CloseDispute, Command, OpenDispute, SetOverride
from app.enquiries import Document, Page
from app.policy.model import Decision
from app.services import Services
from app.store import idempotency


class AccountDesk:
    """Keeps the promises of `app.web.desk.Desk`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def accounts(self, *, standing: str | None, plan: str | None, after: str | None, limit: int) -> Page:
        """Return accounts in the order of their ids."""
        return enquiries.accounts(self._services, standing=standing, plan=plan, after=after, limit=limit)

    def account(self, account: str) -> Document:
        """Return an account's document."""
        return enquiries.account_document(self._services, account)

    def entitlement(self, account: str) -> Document:
        """Return what an account may use now."""
        return enquiries.entitlement(self._services, account)

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        """Return an account's decisions."""
        return enquiries.timeline(self._services, account, after=after, limit=limit)

    def account_of_dispute(self, dispute: str) -> str:
        """Return whose dispute it is."""
        return enquiries.account_of_dispute(self._services, dispute)

    def order(self, account: str, command: Command, actor: str) -> Document:
        """Carry out a command and return the dispute or the exception that it is about."""
        decision = pipeline.command(self._services, account, command, actor)
        kind, item = _subject(command, decision)
        found = enquiries.account_document(self._services, account)[kind]
        return next(document for document in found if document["id"] == item)

    def once(self, *, actor: str, key: str, request: bytes, act: Callable[[], Document]) -> tuple[Document, bool]:
        """Note that the request has begun, act, and keep the answer; what failed may be tried again under its key."""
        database, vault = self._services.database, self._services.vault
        with database.write() as tx:
            kept = idempotency.begin(tx, actor, key, request, real_now())
        if kept is not None:
            return msgspec.json.decode(vault.open(kept.document), type=Document), True
        try:
            document = act()
        except Exception:
            with database.write() as tx:
                idempotency.forget(tx, actor, key)
            raise
        answer = idempotency.Answer(status=201, document=vault.seal(msgspec.json.encode(document)))
        with database.write() as tx:
            idempotency.finish(tx, actor, key, answer)
        return document, False


def _subject(command: Command, decision: Decision) -> tuple[str, str]:
    """Return under which name of an account's document, and under which id, a command's subject stands."""
    match command:
        case CloseDispute():
            return "disputes", command.dispute
        case OpenDispute():
            before = {one.key for one in decision.before.chargebacks} if decision.before else set()
            return "disputes", next(one.key for one in decision.state.chargebacks if one.key not in before)
        case SetOverride():
            rule = f"override.{command.kind}"
            return "overrides", next(change.subject for change in decision.changes if change.rule == rule)
