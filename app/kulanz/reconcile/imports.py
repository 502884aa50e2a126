"""Import of an existing store: its lists are read page by page; an interrupted run resumes at the last page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kulanz.errors import InvalidInputError, RefusedError
from kulanz.policy.facts import (
    BillingReason,
    Fact,
    InvoiceSeen,
    InvoiceStatus,
    OperatorsAlerted,
    OrderSeen,
    OrderStatus,
    Provenance,
)
from kulanz.processing import owners
from kulanz.processing.account_resolver import kept
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient, ResourceKind, ResourcePage
from kulanz.providers.naming import is_usable
from kulanz.providers.provider import Listed
from kulanz.reconcile import apply
from kulanz.reconcile.drift import Drift, seen_in
from kulanz.services import Services
from kulanz.store import shared_values

PROVIDER = "lemonsqueezy"
PROGRESS_KEY = "import:lemonsqueezy"
"""Position of an import: `{"kind", "page"}` of the next page to be read."""
REVIEW = "unrequested_refund"
"""Alert topic that does not apply to imported history: earlier refunds were decided before Kulanz came."""
Progress = Callable[[str, int, int], object]


@dataclass(slots=True, kw_only=True)
class Import:
    """Progress of an import."""

    read: Counter[str] = field(default_factory=Counter)
    """Objects by kind."""
    new: Counter[str] = field(default_factory=Counter)
    """Number of records that contained something new."""
    unreadable: list[str] = field(default_factory=list)
    resumed_at: str | None = None


def import_store(
    services: Services,
    *,
    named: Mapping[str, str] | None = None,
    restart: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda *_: None,
) -> Import:
    """Import subscriptions, orders, invoices and licence keys with provenance `imported`.

    `named` gives accounts by the provider's customer id, because the API returns no custom data. Raises FarEndError if
    the provider does not answer; the next call resumes at that page unless `restart`.
    """
    client = services.patient_clients().get(PROVIDER)
    if client is None:
        raise RefusedError("LEMONSQUEEZY_API_KEY is not set: the provider cannot be asked")
    pairs = _bindings(services, named or {})
    outcome = Import()
    if not dry_run:
        owners.link(services, pairs)
    for kind, page in _remaining(services, client, outcome, restart=restart or dry_run):
        drifts = _inspect(services, page) if dry_run else _apply(services, page)
        outcome.read[str(kind)] += len(page.items)
        outcome.new[str(kind)] += len({drift.object for drift in drifts})
        outcome.unreadable.extend(f"{kind} {line}" for line in page.unreadable)
        if not dry_run:
            _mark(services, {"kind": str(kind), "page": page.number + 1})
        progress(kind, page.number, page.last)
    if not dry_run:
        _mark(services, None)
        services.notifier.notify()
    return outcome


def _remaining(
    services: Services, client: LemonSqueezyClient, outcome: Import, *, restart: bool
) -> Iterator[tuple[ResourceKind, ResourcePage[Listed]]]:
    with services.database.read() as conn:
        mark = None if restart else shared_values.get(conn, PROGRESS_KEY)
        now = services.clock.now(conn)
    kinds, first = list(ResourceKind), 1
    if mark is not None:
        outcome.resumed_at = f"{mark['kind']}, page {mark['page']}"
        kinds, first = kinds[kinds.index(ResourceKind(mark["kind"])) :], int(mark["page"])
    for kind in kinds:
        for page in client.pages(kind, first=first, provenance=Provenance.IMPORTED, asked_at=now):
            yield kind, page
        first = 1


def _inspect(services: Services, page: ResourcePage[Listed]) -> list[Drift]:
    return apply.inspect(services, apply.ours(services, page.items), services.clock.now())


def _apply(services: Services, page: ResourcePage[Listed]) -> list[Drift]:
    entries = apply.ours(services, page.items)
    drifts, _ = apply.apply(services, entries, Cause(kind="import", name="imported"), also=_history)
    return drifts


def _history(entry: Listed, unit_of_work: UnitOfWork) -> Iterable[Fact]:
    """Withhold alerts about refunds that were given before the import."""
    match seen_in(entry.fact):
        case OrderSeen(status=OrderStatus.REFUNDED, key=key):
            yield OperatorsAlerted(subject=key, topic=REVIEW, at=unit_of_work.now)
        case InvoiceSeen(status=InvoiceStatus.REFUNDED, key=key, reason=reason) if reason is not BillingReason.INITIAL:
            yield OperatorsAlerted(subject=key, topic=REVIEW, at=unit_of_work.now)


def _mark(services: Services, value: Any) -> None:
    with services.database.write() as tx:
        shared_values.put(tx, PROGRESS_KEY, value)


def _bindings(services: Services, named: Mapping[str, str]) -> dict[str, str]:
    """Return the customers' bindings; an id that no event could name is refused."""
    unusable = {name for name in named.values() if not is_usable(name)}
    with services.database.read() as conn:
        unusable -= kept(conn, unusable)
    if unusable:
        raise InvalidInputError(f"{min(unusable)!r} is no usable account id")
    return {f"{PROVIDER}:customer:{customer}": account for customer, account in named.items()}
