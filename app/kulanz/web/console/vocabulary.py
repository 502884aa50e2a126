"""Names of ours that pages show in the reader's language: states, kinds and acts, for the catalogue."""

from __future__ import annotations

from itertools import chain

from kulanz.delivery.notices import REQUIRED
from kulanz.errors import InvalidInputError, KulanzError, NotFoundError, PolicyError, RefusedError
from kulanz.policy.areas.credit.pots import PotStatus
from kulanz.policy.document.differences import Leniency
from kulanz.policy.facts import Channel, DisputeStatus, OverrideKind
from kulanz.policy.facts.words import LicenceStatus, Status
from kulanz.policy.state import Standing
from kulanz.policy.state.bookings import BookingStatus
from kulanz.policy.state.findings import Access, CaseState, Owner
from kulanz.policy.state.refunds import RefundState, Verdict
from kulanz.policy.topics import Severity
from kulanz.processing.outbox import CALLS
from kulanz.queries.money import FLOWS, PERIODS
from kulanz.store.account_list import Sort
from kulanz.store.inbox import EVENT_STATES
from kulanz.store.outbox import EFFECT_STATES
from kulanz.web.console.formatting import ACTION_KINDS
from kulanz.web.problems import BadRequestError, ForbiddenError, UnauthorizedError

_ENUMS = (
    *(Access, BookingStatus, CaseState, Channel, DisputeStatus, Leniency, LicenceStatus, OverrideKind, Owner),
    *(PotStatus, RefundState, Severity, Sort, Standing, Status, Verdict),
)
_ERRORS = (
    *(KulanzError, BadRequestError, ForbiddenError, InvalidInputError, NotFoundError, PolicyError, RefusedError),
    UnauthorizedError,
)
_TIMERS = (
    *("data_deletion_eligible", "data_deletion_notice", "dispute_answer_by", "dunning_level", "grace_end"),
    *("grace_reminder", "grace_started", "grace_warning", "hold_end", "kept_end", "override_end", "pause_end"),
    *("period_end", "retention_end", "review_due", "shared_end", "trial_end", "dispute_silent", "facts_first"),
    *("held_back", "paid_twice", "renewal_overdue"),
)
_CLOSURES = ("waiting", "approval", "announced", "closed", "withdrawn")
_OBSTACLES = (
    *("case_open", "dispute_open", "legal_hold", "notice_period", "notice_undelivered", "refund_open"),
    "subscription_runs",
)
_COLLECTIONS = ("proposed", "handed_over", "recalled", "withdrawn")
_WARNINGS = ("warned", "charged_back", "refunded", "expired")
_BADGES = ("claim", "frozen", "held", "in_force", "late", "open", "own_terms", "scheduled", "yet_to_come")
_CAUSES = ("command", "effect", "event", "import", "ownership", "reconcile", "timer")
_MODES = ("live", "test")
_ACTS = (
    *(
        "changed a queue",
        "done by hand",
        "downloaded",
        "logged in",
        "looked at personal data",
        "moved the database",
        "put in force",
    ),
    *("retried", "sent a test mail", "skipped", "took the evidence file"),
)

NAMES = tuple(
    dict.fromkeys(
        name.replace("_", " ")
        for name in chain(
            *([str(member) for member in each] for each in _ENUMS),
            (each.title for each in _ERRORS),
            *(EVENT_STATES, EFFECT_STATES, ACTION_KINDS.values(), REQUIRED, FLOWS, CALLS),
            (f"by_{period}" for period in PERIODS),
            *(_TIMERS, _CLOSURES, _OBSTACLES, _COLLECTIONS, _WARNINGS, _BADGES, _CAUSES, _MODES, _ACTS),
        )
    )
)
"""Every name, with spaces. Names of providers, merchants and programs stay as they are."""
