"""Topics of the matters that wait for a person: how grave each is, what it says, what to do, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Urgency of a matter."""

    URGENT = "urgent"
    """Money, access or a promise is at stake until a person acts."""
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of matter. `act` is a command; `{subject}` and `{account}` stand for those of the matter."""

    says: str
    act: str
    severity: Severity = Severity.NORMAL
    ends_when_seen: bool = False
    """Whether nothing that happens ends it: it ends when a person says that it is done."""


_EXPLAIN = "kulanz account explain {account}"
_SHOW = "kulanz account show {account}"
_EVENT = "kulanz events show {subject}"
_URGENT = Severity.URGENT

TOPICS: Mapping[str, Topic] = {
    # Seen in other tables.
    "parked_events": Topic("events could not be applied", "kulanz events list --state parked", _URGENT),
    "quarantined_events": Topic("events are not of the provider's shape", "kulanz events list --state quarantined"),
    "parked_effects": Topic("outgoing actions failed for good", "kulanz effects list --state parked", _URGENT),
    "todo_effects": Topic("outgoing actions are to be done by hand", "kulanz effects list --state todo", _URGENT),
    "unknown_effects": Topic("outgoing actions have no known outcome", "kulanz effects list --state unknown"),
    "refund_to_decide": Topic("a refund is asked for", "kulanz refund show {subject}"),
    "dispute_to_answer": Topic(
        "a dispute is to be answered at the provider", "kulanz account evidence {account}", _URGENT
    ),
    "collection_to_approve": Topic(
        "a hand-over to a collection agency waits for an approval", "kulanz collections approve {subject}"
    ),
    "breaker_tripped": Topic(
        "the circuit breaker keeps accounts from losing access: is the provider down, is the clock right?",
        "kulanz breaker show",
        _URGENT,
    ),
    "clock_jumped": Topic(
        "the host's time has jumped and no timer fires: is it right by now?", "kulanz clock accept", _URGENT
    ),
    "receiver_awaited": Topic(
        "dunning waits for a receiver whose spool may hold deliveries: start it again", "kulanz doctor"
    ),
    "webhook_secret_missing": Topic(
        "a webhook secret that is still in use was taken away: its deliveries are refused",
        "kulanz secrets status",
        _URGENT,
    ),
    # By an account's last decision.
    "unrequested_refund": Topic(
        "a payment went back in full without a request here", _EXPLAIN, _URGENT, ends_when_seen=True
    ),
    "chargeback_warned": Topic("a chargeback is announced: a refund prevents it", _EXPLAIN, _URGENT),
    "dispute_answer_due": Topic(
        "the time to answer a dispute at the provider runs out",
        "kulanz account evidence {account}",
        _URGENT,
        ends_when_seen=True,
    ),
    "dispute_silent": Topic(
        "nothing is heard of a dispute, and dunning continues: has the bank decided?", _EXPLAIN, _URGENT
    ),
    "dispute_needs_review": Topic("a dispute takes nothing until a person decides", _EXPLAIN, _URGENT),
    "dispute_claim": Topic("a dispute takes less than the whole account: a person may suspend it", _EXPLAIN),
    "data_deletion_eligible": Topic("the account's data may be deleted", _EXPLAIN),
    "data_deletion_needs_approval": Topic(
        "the deletion of the data waits for an approval", "kulanz account approve-deletion {account} --reason …"
    ),
    "data_deletion_notice_undelivered": Topic("the notice of deletion could not be delivered", _EXPLAIN),
    "refund_to_decide_again": Topic("an approved refund cannot be carried out", "kulanz refund show {subject}"),
    "refund_answer_late": Topic("the answer to a refund request is late", "kulanz refund show {subject}", _URGENT),
    "refund_payment_late": Topic("the money of a refund is late", "kulanz refund show {subject}", _URGENT),
    "refund_failed": Topic("a refund could not be carried out", "kulanz refund show {subject}", _URGENT),
    "refund_differs": Topic(
        "another amount went back than was approved", "kulanz refund show {subject}", ends_when_seen=True
    ),
    "dunning_claim": Topic("an unpaid purchase is the account's by an unsigned claim only", _EXPLAIN),
    "warning_cannot_be_delivered": Topic(
        "the final warning cannot be delivered, so nothing is taken", _EXPLAIN, _URGENT
    ),
    "provider_gives_no_answer": Topic("the provider does not say whether the renewal is unpaid", _EXPLAIN),
    "pause_has_no_end": Topic("an unpaid subscription is paused without an end", _EXPLAIN),
    "paid_twice": Topic("two subscriptions pay for one plan: ask which to end", _SHOW, ends_when_seen=True),
    "override_awaits_approval": Topic(
        "an exception waits for a second person", "kulanz account decline {account} {subject} --reason …"
    ),
    "renewal_overdue": Topic("a renewal is overdue and nothing is heard of it", "kulanz reconcile", _URGENT),
    "plan_not_told": Topic("a running subscription does not say what it gives", _SHOW),
    "purchase_shared": Topic("another account has the same purchase", _SHOW, ends_when_seen=True),
    "plan_kept": Topic("the upgrade would have taken a plan, which is kept for a while", _EXPLAIN, ends_when_seen=True),
    "events_not_delivered": Topic(
        "a provider does not deliver events that are acted on", "kulanz doctor", _URGENT, ends_when_seen=True
    ),
    "transfer_names_another_account": Topic(
        "a transfer names a debt of another account", _SHOW, _URGENT, ends_when_seen=True
    ),
    "resume_impossible": Topic("a subscription that was stopped cannot be resumed at the provider", _EXPLAIN),
    "add_on_draft_left": Topic("an ended add-on was not charged", _SHOW, ends_when_seen=True),
    "mandate_revoked": Topic("a direct-debit mandate was revoked", _SHOW, ends_when_seen=True),
    "overpaid": Topic("a transfer paid more than is owed", _SHOW, ends_when_seen=True),
    "paid_in_collections": Topic(
        "a transfer paid a debt that the agency has: inform it",
        "kulanz collections list",
        _URGENT,
        ends_when_seen=True,
    ),
    "ready_for_collections": Topic(
        "a debt may go to a collection agency", "kulanz collections propose {account} --reason …"
    ),
    "collection_recalled": Topic(
        "a debt was recalled: inform the agency", "kulanz collections show {subject}", _URGENT, ends_when_seen=True
    ),
    "credit_report_to_correct": Topic(
        "a credit report is to be corrected", "kulanz collections show {subject}", _URGENT, ends_when_seen=True
    ),
    "no_mail_address": Topic("a customer in grace has no mail address", _EXPLAIN, _URGENT),
    "no_postal_address": Topic("a letter is due and there is no postal address", _EXPLAIN),
    # Alerted once.
    "account_could_be_linked": Topic(
        "a customer bought with and without an account's id",
        "kulanz account link {subject} {account} --reason … --dry-run",
        ends_when_seen=True,
    ),
    "account_claim_closed": Topic(
        "a purchase names an account whose data were destroyed", "kulanz account find {subject}", ends_when_seen=True
    ),
    "template_failed": Topic(
        "a mail template of yours failed, and our own words were sent", "kulanz mail check", ends_when_seen=True
    ),
    "account_id_unusable": Topic("an event names an account by an id that is none", _EVENT, ends_when_seen=True),
    "dispute_of_unknown_payment": Topic(
        "a dispute is about a payment of no known account", _EVENT, _URGENT, ends_when_seen=True
    ),
    "mass_expiry": Topic(
        "the provider ended more paid accounts within an hour than the limit: is that right?",
        "kulanz account list",
        _URGENT,
        ends_when_seen=True,
    ),
    "receiver_silent": Topic(
        "a receiver has not reported: look whether its disk still holds a spool",
        "kulanz doctor",
        _URGENT,
        ends_when_seen=True,
    ),
    "endpoint_cannot_work": Topic(
        "a provider's events can never act as its endpoint is set up", "kulanz doctor", ends_when_seen=True
    ),
    "reconcile_found": Topic("the provider differs from our records", "kulanz reconcile", ends_when_seen=True),
    "reconcile_not_at_provider": Topic(
        "the provider's lists lack a subscription that we hold", "kulanz reconcile", ends_when_seen=True
    ),
    "reconcile_cancel_did_not_stick": Topic(
        "a subscription that we cancelled renews at the provider", "kulanz reconcile", _URGENT, ends_when_seen=True
    ),
    "reconcile_resume_did_not_stick": Topic(
        "a subscription that we resumed is cancelled at the provider", "kulanz reconcile", _URGENT, ends_when_seen=True
    ),
}
ENDING_WHEN_SEEN = frozenset(name for name, topic in TOPICS.items() if topic.ends_when_seen)
SEEN_ELSEWHERE = frozenset(
    {
        "dispute_inquiry",
        "effect_parked",
        "effect_to_do",
        "event_parked",
        "hold_waits_for_parked_event",
        "mass_action_brake",
        "refund_needs_review",
    }
)
"""Topics of alerts whose matter is listed elsewhere: parked events, effects, requests, disputes, the breaker."""
NOTES = frozenset({"unknown_word"})
"""Topics of alerts that need no person."""


def is_listed(topic: str) -> bool:
    """Whether an alert of the topic is a matter of its own that waits for a person."""
    return topic not in SEEN_ELSEWHERE and topic not in NOTES


def topic_of(name: str) -> Topic:
    """Return the topic of a name; an unknown name gets a general one."""
    return TOPICS.get(name) or Topic(name.replace("_", " "), "kulanz doctor", ends_when_seen=True)
