"""A run through the provider's lists: finds missed changes and, on request, applies them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from kulanz.errors import RefusedError
from kulanz.policy.facts import Status
from kulanz.privacy import erasure
from kulanz.processing import outbox
from kulanz.processing.decision_log import Cause
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient, ResourceKind
from kulanz.providers.provider import Listed
from kulanz.providers.stripe.client import StripeClient
from kulanz.reconcile import apply as reconcile_apply
from kulanz.reconcile.drift import IN_FLIGHT, Drift, DriftKind
from kulanz.reconcile.missed_events import MissedEvents
from kulanz.services import Services
from kulanz.store import accounts

PROVIDER, STRIPE = "lemonsqueezy", "stripe"
Progress = Callable[[str, int, int], object]
"""Progress callback, called for every page: the list, the page's number, and the last page's number."""
ACCOUNTS_PER_PAGE = 500
_BINDING = f"{PROVIDER}:subscription:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Only objects that the provider changed in a period; an end that is None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, entry: Listed) -> bool:
        """Whether it was changed in the window."""
        after = self.since is None or entry.changed_at >= self.since
        return after and (self.until is None or entry.changed_at <= self.until)

    @property
    def whole(self) -> bool:
        """Whether it has no bounds."""
        return self.since is None and self.until is None


EVERYTHING = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """Result of a run."""

    at: datetime
    compared: int
    in_flight: int
    """Changed within the last minutes: not judged yet."""
    drifts: tuple[Drift, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of drifts of each kind."""
        return dict(sorted(Counter(str(drift.kind) for drift in self.drifts).items()))

    @property
    def left(self) -> int:
        """Number of drifts that are not repaired."""
        return sum(not drift.applied for drift in self.drifts)


@dataclass(slots=True)
class _Run:
    services: Services
    window: Window
    apply: bool
    now: datetime
    drifts: list[Drift] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    compared: int = 0
    in_flight: int = 0

    def compare(self, entries: Iterable[Listed]) -> None:
        """Compare one page."""
        acting = reconcile_apply.ours(self.services, entries)
        settled = [entry for entry in acting if entry.changed_at + IN_FLIGHT <= self.now]
        wanted = [entry for entry in settled if self.window.holds(entry)]
        self.in_flight += len(acting) - len(settled)
        self.compared += len(wanted)
        drifts = reconcile_apply.inspect(self.services, wanted, self.now)
        if self.apply and drifts:
            different = {drift.object for drift in drifts}
            drifting = [entry for entry in wanted if entry.binding in different]
            drifts, _ = reconcile_apply.apply(self.services, drifting, Cause(kind="reconcile", name=""))
        self.drifts.extend(drifts)


def reconcile(
    services: Services,
    *,
    apply: bool = False,
    window: Window = EVERYTHING,
    progress: Progress = lambda *_: None,
) -> ReconcileReport:
    """Compare everything, or the changes in a window, with the provider. Writes nothing unless `apply`.

    `progress` is called for every page: the list, the page's number, and the last one's. Raises FarEndError if the
    provider does not answer: nothing is half done, and the next run finds what this one did not reach.
    """
    client, stripe = services.patient_clients().get(PROVIDER), services.patient_stripe()
    if client is None and stripe is None:
        raise RefusedError("neither LEMONSQUEEZY_API_KEY nor STRIPE_API_KEY is set: no provider can be asked")
    now = services.clock.now()
    round_ = _Run(services, window, apply, now)
    if client is not None:
        _compare_lists(round_, client, progress)
    if stripe is not None:
        _look_for_events(round_, stripe)
    if apply and any(drift.applied for drift in round_.drifts):
        services.notifier.notify()
    return ReconcileReport(
        at=now,
        compared=round_.compared,
        in_flight=round_.in_flight,
        drifts=tuple(round_.drifts),
        unreadable=tuple(round_.unreadable),
    )


def _compare_lists(round_: _Run, client: LemonSqueezyClient, progress: Progress) -> None:
    """Go through the lists of Lemon Squeezy, which keeps no events."""
    services, window = round_.services, round_.window
    for kind in ResourceKind:
        for page in client.pages(kind, asked_at=round_.now):
            round_.compare(page.items)
            round_.unreadable.extend(f"{kind} {line}" for line in page.unreadable)
            if kind is ResourceKind.SUBSCRIPTIONS:
                round_.listed.update(entry.binding for entry in page.items)
            progress(kind, page.number, page.last)
    if window.whole and not round_.unreadable:
        round_.drifts.extend(_not_at_provider(services, round_.listed, round_.now, apply=round_.apply))


def _look_for_events(round_: _Run, client: StripeClient) -> None:
    """Go through Stripe's list of events; the latest may still be on their way."""
    missed = MissedEvents(round_.services, client, round_.apply)
    settled = round_.now - IN_FLIGHT
    missed.look(round_.window.since, min(round_.window.until or settled, settled), round_.now)
    round_.drifts.extend(missed.drifts)
    round_.unreadable.extend(missed.unreadable)
    round_.compared += missed.compared


def _not_at_provider(services: Services, listed: set[str], now: datetime, *, apply: bool) -> list[Drift]:
    """Return the subscriptions that we hold and the provider did not list, and alert operators of them."""
    drifts: list[Drift] = []
    after = None
    while True:
        with services.database.read() as conn:
            rows = accounts.page(conn, None, None, after, ACCOUNTS_PER_PAGE)
        if not rows:
            break
        drifts.extend(drift for row in rows for drift in _unknown_objects(services, row, listed, now - IN_FLIGHT))
        after = rows[-1].id
    if apply and drifts:
        with services.database.write() as tx:
            for drift in drifts:
                outbox.alert(services, tx, topic=f"reconcile_{drift.kind}", subject=drift.object)
    return drifts


def _unknown_objects(
    services: Services, row: accounts.AccountRow, listed: set[str], before: datetime
) -> Iterable[Drift]:
    if row.key is None or row.book is None:
        return
    book = erasure.book_of(services.vault, row)
    for key, sub in book.subscriptions.items():
        binding, status = _BINDING + key.partition(":")[2], sub.seen.status
        old = (sub.seen.created_at or sub.seen.stamp.at) < before
        if old and key.startswith(f"{PROVIDER}:") and status is not Status.EXPIRED and binding not in listed:
            yield Drift(
                kind=DriftKind.NOT_AT_PROVIDER,
                object=binding,
                account=row.id,
                changed_at=sub.seen.stamp.at,
                ours=str(status),
                theirs=None,
            )
