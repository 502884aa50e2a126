"""Every metric of Kulanz, declared in one place; labels come from small closed sets, never from ids."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
"""Ours alone: what other libraries register for themselves is not published."""

DELIVERIES = Counter(
    "kulanz_deliveries",
    "Webhook deliveries by endpoint and by what was answered.",
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

SPOOLED = Counter(
    "kulanz_spooled",
    "Deliveries that were kept beside the database because it did not take them.",
    registry=REGISTRY,
)

REQUESTS = Counter(
    "kulanz_requests",
    "Answers of the API by method and status.",
    ("method", "status"),
    registry=REGISTRY,
)
