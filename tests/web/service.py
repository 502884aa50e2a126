"""A desk of the tests' own: a few accounts in memory, and every command that was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from kulanz.commands.commands import (
    AgreeTerms,
    ApproveDeletion,
    ApproveOverride,
    CloseDispute,
    Closing,
    Command,
    DeclineOverride,
    EndTerms,
    OpenDispute,
    SetOverride,
)
from kulanz.commands.links import Link
from kulanz.commands.todos import Acknowledge, Assign
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.policy.areas.plan_change import Wanted
from kulanz.queries.views import JsonDocument, Page
from kulanz.store.account_list import AccountQuery
from kulanz.web.api.service import StoreResponse, forgotten

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def an_account(account: str, *, version: int = 7, standing: str = "grace") -> JsonDocument:
    return {
        "account_id": account,
        "plan": "professional",
        "access": "full",
        "standing": standing,
        "grace_ends_at": "2026-03-08T14:08:20Z",
        "data_deletion_eligible_at": None,
        "subscriptions": [
            {
                "provider": "lemonsqueezy",
                "id": "421953",
                "plan": "professional",
                "quantity": 1,
                "status": "past_due",
                "renews_at": "2026-03-04T14:08:20Z",
                "ends_at": None,
                "upgrade_unpaid": False,
                "paid_twice": False,
                "trial_ends_at": None,
            }
        ],
        "dunning_cases": [],
        "disputes": [],
        "chargeback_warnings": [],
        "holds": [],
        "overrides": [],
        "terms": [],
        "add_ons": [],
        "licences": [],
        "refund_requests": [],
        "payments": [],
        "credits": [],
        "migrations": [],
        "cancellations": [],
        "contacts": [],
        "collections": [],
        "debtor": None,
        "closures": [],
        "links": [],
        "linkable_to": None,
        "delivery": {"by": "mail", "postal_address_known": False},
        "mandates": [],
        "timers": [{"kind": "grace_end", "due_at": "2026-03-08T14:08:20Z"}],
        "policy": {"name": "plexo", "version": 1, "sha256": "ab"},
        "version": version,
    }


def an_override(**told: Any) -> JsonDocument:
    existing = {"id": "o1", "kind": "exempt", "state": "active", "until": None, "actor": "writer", "approved_by": []}
    return {**existing, "reason": "goodwill", **told}


def a_closure() -> JsonDocument:
    return {
        "id": "cl_1",
        "state": "waiting",
        "requested_at": NOW,
        "actor": "shop",
        "reason": "we stop",
        "clause": "13",
        "obstacles": ["subscription_runs"],
        "closed_at": None,
    }


def an_ending(command: Closing, actor: str) -> JsonDocument:
    if not isinstance(command, ApproveDeletion):
        return a_closure()
    subject = command.subject or "cl_1"
    return {"subject": subject, "approved_at": NOW, "actor": actor, "reason": command.reason, "standing": "closed"}


class ServiceInMemory:
    """A `Service` without a database, which remembers what it was told to do."""

    def __init__(self, *accounts: str) -> None:
        self.documents = {account: an_account(account) for account in sorted(accounts)}
        self.orders: list[tuple[str, Any, str]] = []
        self.disputes: dict[str, str] = {}
        self.kept: dict[tuple[str, str], tuple[bytes, JsonDocument]] = {}

    def accounts(self, wanted: AccountQuery, *, after: str | None, limit: int) -> Page:
        fitting = [
            document
            for account, document in self.documents.items()
            if account > (after or "")
            and wanted.standing in {None, document["standing"]}
            and wanted.plan in {None, document["plan"]}
        ]
        more = len(fitting) > limit
        return Page(items=fitting[:limit], after=fitting[limit - 1]["account_id"] if more else None)

    def account(self, account: str) -> JsonDocument:
        if account not in self.documents:
            raise NotFoundError("There is no such account.")
        return self.documents[account]

    def entitlement(self, account: str, _: Sequence[str]) -> JsonDocument:
        document = self.account(account)
        return {
            "account_id": account,
            "plan": document["plan"],
            "access": document["access"],
            "allows": ["login"],
            "add_ons": [],
            "version": document["version"],
            "known": True,
            "notice": None,
        }

    def explanation(self, account: str, _: Sequence[str]) -> JsonDocument:
        document = self.account(account)
        stated = {name: document[name] for name in ("account_id", "standing", "plan", "access")}
        return {**stated, "why": [], "steps": [], "outlook": []}

    def timeline(self, account: str, *, after: str | None, limit: int) -> Page:
        self.account(account)
        numbers = range(int(after or 0) + 1, 8)[:limit]
        last = numbers[-1] if numbers else 7
        return Page(items=[a_decision(number) for number in numbers], after=str(last) if last < 7 else None)

    def certificates(self, account: str) -> JsonDocument:
        self.account(account)
        return {"certificates": [], "kept": []}

    def link(self, wanted: Link, actor: str, _: StoreResponse, *, dry_run: bool) -> JsonDocument:
        self.account(wanted.source)
        self.orders.append((wanted.source, wanted, actor))
        document = {"account_id": wanted.source, "to": wanted.target, "objects": [], "plans": {}}
        return document | {"undone": wanted.undo, "dry_run": dry_run}

    def evidence(self, account: str) -> bytes:
        self.account(account)
        return b"<!doctype html><p>signed</p>"

    def order(self, account: str, command: Command, actor: str, _: StoreResponse) -> JsonDocument:
        self.account(account)
        self.orders.append((account, command, actor))
        return an_ending(command, actor) if isinstance(command, Closing) else self._made(account, command, actor)

    def _made(self, account: str, command: Command, actor: str) -> JsonDocument:
        match command:
            case OpenDispute():
                self.disputes["operator:1"] = account
                return self._dispute("operator:1", "opened", command)
            case CloseDispute(dispute=dispute, outcome=outcome):
                return {**self._opened(), "id": dispute, "status": str(outcome)}
            case SetOverride(kind=kind, until=until, reason=reason):
                return an_override(kind=kind, until=until, actor=actor, reason=reason)
            case ApproveOverride(override=override):
                return an_override(id=override, approved_by=[actor])
            case DeclineOverride(override=override):
                return an_override(id=override, state="declined")
            case AgreeTerms() | EndTerms():
                policy = {"name": "acme", "version": 2, "sha256": "cd"}
                times = {"since": "2026-03-02T12:00:00Z", "until": "2026-04-02T12:00:00Z"}
                return {"id": "t1", "policy": policy, **times, "actor": actor, "reason": command.reason}

    def policy(self, name: str) -> str:
        if name != "acme":
            raise NotFoundError("There is no such policy.")
        return 'name = "acme"'

    def charges(self, account: str) -> JsonDocument:
        self.account(account)
        return {"account_id": account, "charges": []}

    def plan_change(self, account: str, wanted: Wanted) -> JsonDocument:
        self.account(account)
        return {"account_id": account, "to_plan": wanted.plan, "price_then": wanted.price}

    def note_todo(self, word: Acknowledge | Assign, actor: str, _: StoreResponse) -> JsonDocument:
        return {"id": word.todo, "acknowledged_by": actor}

    def account_of_dispute(self, dispute: str) -> str:
        if dispute not in self.disputes:
            raise NotFoundError("There is no such dispute.")
        return self.disputes[dispute]

    def once(
        self, *, actor: str, key: str, request: bytes, act: Callable[[StoreResponse], JsonDocument]
    ) -> tuple[JsonDocument, bool]:
        if (actor, key) not in self.kept:
            self.kept[actor, key] = (request, act(forgotten))
            return self.kept[actor, key][1], False
        first, document = self.kept[actor, key]
        if first != request:
            raise InvalidInputError("This Idempotency-Key was used for another request.")
        return document, True

    def _opened(self) -> JsonDocument:
        return self._dispute(
            "", "opened", next(command for _, command, _ in self.orders if isinstance(command, OpenDispute))
        )

    @staticmethod
    def _dispute(key: str, status: str, command: OpenDispute) -> JsonDocument:
        return {
            "id": key,
            "status": status,
            "opened_at": NOW,
            "amount": command.amount,
            "currency": command.currency,
            "fee": command.fee,
            "decimals": 2,
            "fee_currency": command.fee_currency,
            "payment_id": command.payment,
            "reference": command.reference,
            "reason": command.reason,
            "claim": False,
            "answer_by": command.answer_by,
        }


def a_decision(number: int) -> JsonDocument:
    return {
        "at": f"2026-03-01T14:08:{number:02}Z",
        "cause": {"kind": "event", "ref": f"evt_{number}", "name": "subscription_payment_failed"},
        "rule": "grace_started",
        "clause": "6.1",
        "policy": {"name": "plexo", "version": 1},
        "from": {"standing": "good"},
        "to": {"standing": "grace"},
        "effects": [],
        "changes": [],
    }
