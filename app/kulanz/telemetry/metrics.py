"""Every metric of Kulanz, declared in one place; labels come from small closed sets, never from ids.

Counts of processes are counters and histograms here: each process counts for itself, and `kulanz.runtime.counters`
adds them up in the database. A `Gauge` is computed from the database by `kulanz.queries.gauges`. Each metric is
defined in docs/operations.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
"""Our own registry: metrics of other libraries are not published."""
_LATENCY_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21_600, 86_400)

DELIVERIES = Counter(
    "kulanz_deliveries",
    "Webhook deliveries by endpoint and answer.",
    ("endpoint", "answer"),
    registry=REGISTRY,
)
"""`answer` is a status word of the contract (`accepted`, `invalid_signature`, …); `endpoint` may be `unknown`."""

COMMIT_ROWS = Histogram(
    "kulanz_commit_rows",
    "Deliveries that shared one durable commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
    registry=REGISTRY,
)

SLOW_BODIES = Counter(
    "kulanz_slow_bodies",
    "Requests that were given up because their bodies came too slowly.",
    registry=REGISTRY,
)

SPOOLED = Counter(
    "kulanz_spooled",
    "Deliveries that were spooled to disk because the database did not take them.",
    registry=REGISTRY,
)

REQUESTS = Counter(
    "kulanz_requests",
    "Answers of the API by method and status.",
    ("method", "status"),
    registry=REGISTRY,
)

EVENT_LAG = Histogram(
    "kulanz_event_lag_seconds",
    "Time from the arrival of an event to the commit of its changes.",
    buckets=_LATENCY_BUCKETS,
    registry=REGISTRY,
)

EVENTS_SETTLED = Counter(
    "kulanz_events_settled",
    "Events that a worker has settled, by final state.",
    ("state",),
    registry=REGISTRY,
)

EVENT_FAILURES = Counter(
    "kulanz_event_failures",
    "Failed attempts to apply an event, by outcome: tried again, or parked.",
    ("became",),
    registry=REGISTRY,
)

UNKNOWN_WORDS = Counter(
    "kulanz_unknown_words",
    "Words of providers that are unknown here and that no decision needed, by the field of the payload.",
    ("provider", "field"),
    registry=REGISTRY,
)

OTHER_DECIMALS = Counter(
    "kulanz_amounts_with_other_decimals",
    "Payments whose provider writes amounts with other decimals than the currency has.",
    ("provider", "currency"),
    registry=REGISTRY,
)

TIMER_LATENESS = Histogram(
    "kulanz_timer_lateness_seconds",
    "Time from the due time of a timer to its firing, in policy time.",
    buckets=_LATENCY_BUCKETS,
    registry=REGISTRY,
)

EFFECT_ATTEMPTS = Counter(
    "kulanz_effect_attempts",
    "Attempts to deliver outgoing actions, by kind and outcome.",
    ("kind", "became"),
    registry=REGISTRY,
)

NOTIFICATIONS = Counter(
    "kulanz_notifications",
    "Wake-up signals by queue, and whether Redis took them.",
    ("queue", "heard"),
    registry=REGISTRY,
)

NOTIFICATION_REPAIRS = Counter(
    "kulanz_notification_repairs",
    "Wake-up signals of the scheduler for work due for more than two seconds: its own was lost, or no worker came.",
    ("queue",),
    registry=REGISTRY,
)

HOLDS = Counter(
    "kulanz_dunning_holds_placed",
    "Dunning holds that took access away after a grace period.",
    registry=REGISTRY,
)

VIOLATIONS = Counter(
    "kulanz_notice_before_action_violations",
    "Of these, the ones without a warning delivered as long before as the policy promises. Must stay 0.",
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A metric that is computed at each scrape."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, documentation: str, *labels: str) -> Gauge:
    return Gauge(name=f"kulanz_{name}", documentation=documentation, labels=labels)


INBOX = _gauge("inbox_events", "Events by state, without the handled ones, whose number only grows.", "state")
INBOX_OLDEST = _gauge("inbox_oldest_seconds", "Age of the oldest event in a state, in policy time.", "state")
EFFECTS = _gauge("effects", "Outgoing actions by state, without those that are done.", "state")
EFFECTS_OLDEST = _gauge("effects_oldest_due_seconds", "Time since the oldest due outgoing action was due.")
TIMERS_DUE = _gauge("timers_due", "Timers that are due now, at most 10000.")
TIMERS_OLDEST = _gauge("timers_oldest_due_seconds", "Time since the oldest due timer was due.")
CLOCK_AGE = _gauge("clock_age_seconds", "Time since the scheduler was last seen; it reports once a minute.")
CLOCK_JUMP = _gauge("clock_jump", "1 while the host's time is not believed and no timer fires.")
TEST_CLOCK = _gauge("test_clock", "1 while the test clock is set.")
BREAKER_TRIPPED = _gauge("breaker_tripped", "1 while the circuit breaker for mass downgrades is tripped.")
BREAKER_WAITING = _gauge("breaker_waiting_accounts", "Accounts whose grace is over and that have not lost access.")
RECONCILED_AGE = _gauge("reconcile_age_seconds", "Time since the last complete reconciliation, if any.")
POLICY = _gauge("policy_info", "1 for the policy version in force.", "policy", "policy_version")
ACCOUNTS = _gauge("accounts", "Accounts by standing.", "standing")
AT_RISK = _gauge("mrr_at_risk", "Unpaid renewals in open dunning cases, in minor units.", "currency")
CASES_OPEN = _gauge("dunning_cases_open", "Dunning cases open now.", "state", "currency")
CASES_OPENED = _gauge("dunning_cases_opened", "Dunning cases ever opened.", "policy_version", "currency")
CASES_RECOVERED = _gauge("dunning_cases_recovered", "Of these, those paid after all.", "policy_version", "currency")
CASES_EXHAUSTED = _gauge("dunning_cases_exhausted", "Of these, those given up.", "policy_version", "currency")
RECOVERIES = _gauge("dunning_recoveries", "Recovered cases by where they were and what showed it.", "stage", "cause")
RECOVERED = _gauge("dunning_recovered_amount", "Amounts of recovered cases, in minor units.", "currency")
DISPUTES = _gauge("disputes", "Disputes by outcome.", "status")
SPOOL = _gauge("spool_bytes", "Deliveries on this host's disk that the database did not take yet.")
REFUNDS = _gauge("refund_requests", "Refund requests by state.", "state")
COLLECTIONS = _gauge("collections", "Debts handed over to collection, or proposed to be, by state.", "state")
QUEUE_JOBS = _gauge("queue_jobs", "RQ jobs that wait or failed; they carry no work of their own.", "state")
WORKERS = _gauge("workers", "Worker processes alive, by their queue.", "queue")
GAUGE_READ_OK = _gauge("gauge_read_ok", "1 where the source of readings could be read, else 0.", "source")
GAUGE_READ_SECONDS = _gauge("gauge_read_duration_seconds", "How long reading it took.", "source")

GAUGES = tuple(value for value in list(globals().values()) if isinstance(value, Gauge))


FORMER_NAMES = {
    "kulanz_notifications_total": "kulanz_doorbell_rings_total",
    "kulanz_notification_repairs_total": "kulanz_doorbell_repairs_total",
    "kulanz_breaker_tripped": "kulanz_brake_on",
    "kulanz_breaker_waiting_accounts": "kulanz_brake_waiting_accounts",
    "kulanz_gauge_read_ok": "kulanz_reading_ok",
    "kulanz_gauge_read_duration_seconds": "kulanz_reading_duration_seconds",
}
"""Names of the release before, under which the same samples are shown for one release."""


def names() -> frozenset[str]:
    """Return the name of every possible sample of the page."""
    counted = {sample for family in REGISTRY.collect() for sample in _samples(family.name, family.type)}
    return frozenset({*counted, *(gauge.name for gauge in GAUGES), *FORMER_NAMES.values()})


def _samples(name: str, kind: str) -> tuple[str, ...]:
    if kind == "histogram":
        return (f"{name}_bucket", f"{name}_count", f"{name}_sum")
    return (f"{name}_total",)
