"""The texts of recorded changes, by rule; the catalogue has them in other languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SENTENCES: Mapping[str, str] = {
    "dunning.grace_started": (
        "A renewal payment of subscription {subscription} failed. Access stays on until {grace_ends_at}."
    ),
    "dunning.grace_started_by_snapshot": (
        "The provider calls subscription {subscription} unpaid, and reported no failed charge. "
        "Access stays on until {grace_ends_at}."
    ),
    "dunning.failure_counted": ("The charge failed again (failure {failures}). The deadline is {grace_ends_at}."),
    "dunning.failure_known": "The failed charge was reported. The deadline is {grace_ends_at}.",
    "dunning.deadline_moved": "The end of grace moved to {grace_ends_at}.",
    "dunning.hold_placed": "Grace ended unpaid. Subscription {subscription} is on hold until it is paid.",
    "dunning.exhausted": "The hold ran its full length unpaid. Subscription {subscription} is given up.",
    "dunning.exhausted_and_barred": (
        "Subscription {subscription} is given up unpaid. Its hold stays until what is owed is paid, waived or void."
    ),
    "dunning.recovered": "The payment of subscription {subscription} arrived. The case is closed.",
    "dunning.closed_void": "Nothing is owed any more for subscription {subscription}. The case is closed.",
    "dunning.closed_voluntarily": (
        "The customer cancelled subscription {subscription} while it was unpaid. Access stays on until {grace_ends_at}."
    ),
    "dunning.closed_with_the_organisation": (
        "The organisation asks to be deleted, so nothing more is asked for the unpaid subscription {subscription}. "
        "Access stays on until {grace_ends_at}."
    ),
    "dunning.frozen": "A dispute is open, so the deadline of subscription {subscription} is paused.",
    "dunning.thawed": "The dispute no longer holds the account, so the deadline runs again, to {grace_ends_at}.",
    "dunning.paused": "Subscription {subscription} is paused, so its deadline rests.",
    "dunning.unpaused": (
        "The pause of subscription {subscription} is over, so the deadline runs again, to {grace_ends_at}."
    ),
    "dunning.explained": (
        "What is unpaid of subscription {subscription} is the charge for a change, not a renewal. The case is closed."
    ),
    "dunning.reach_moved": (
        "It is known better who bought subscription {subscription}: its case reaches that purchase, and nothing else."
    ),
    "dispute.inquiry": "The bank asked about payment {payment}. Nothing is taken from the customer for an inquiry.",
    "dispute.opened": "A chargeback of {amount} was opened (fee: {fee}).",
    "dispute.under_review": "The chargeback is under review.",
    "dispute.won": "The chargeback was won.",
    "dispute.lost": "The chargeback was lost.",
    "dispute.partially_lost": "The chargeback was lost in part.",
    "dispute.accepted": "The chargeback was accepted.",
    "dispute.withdrawn": "The chargeback was withdrawn.",
    "dispute.prevented": "The chargeback was prevented.",
    "warning.received": (
        "Payment {payment} is likely to be charged back. Nothing is taken from the customer for a warning; "
        "a refund in time prevents the chargeback."
    ),
    "warning.closed": "A refund prevents no chargeback of payment {payment} any more.",
    "warning.closed_by_refund": "Payment {payment} went back, so it can hardly be charged back any more.",
    "warning.closed_by_request": "A refund of payment {payment} is asked for, as it is likely to be charged back.",
    "dispute.suspended": "What the disputing customer pays for is suspended at once.",
    "dispute.reach_moved": "It is known better what is disputed: the hold reaches that purchase, and nothing else.",
    "dispute.released": "The dispute's hold is released. Other holds stay as they are.",
    "dispute.claim_held": "A stranger disputes a payment under this account's id. Only what is theirs is held.",
    "dispute.claim_released": "The hold of a stranger's dispute is released.",
    "dunning.joined": "The failure of subscription {subscription} arrived; its case is now named by the invoice.",
    "dunning.begins_anew": "What arrived late shows the case of subscription {subscription} to begin at another time.",
    "dispute.settled": "The refund is no longer taken for a chargeback.",
    "dunning.settled": "The case of subscription {subscription}, closed before, is settled for good.",
    "ownership.moved": "{objects} moved here from account {from}, with everything that is known of it.",
    "ownership.moved_away": "{objects} moved to account {to}, with everything that is known of it.",
    "entitlement.recomputed": "The plans or the policy changed, so the entitlement was computed again.",
    "override.in_force_again": "The clock was set back, so the exception of {actor} is in force again.",
    "override.ended": "The exception of {actor} ended, and the policy applies again.",
    "override.reinstate.lifted": "The hold is lifted by the operator's reinstatement.",
    "override.extend_grace": "{actor} extended the grace period to {until}.",
    "override.waive": "{actor} waived what is owed. The case is closed as void, not as paid.",
    "override.reinstate": "{actor} lifted the holds until {until}.",
    "override.suspend": "{actor} suspended the account until {until}.",
    "override.exempt": "{actor} exempted the account from dunning until {until}.",
    "override.legal_hold": "{actor} put the account's data under a legal hold until {until}.",
    "add_on.booked": (
        "The add-on {kind} was booked, {quantity} of it at {unit_price} a piece and month, and can be used at once. "
        "Billed until {billed_until}."
    ),
    "add_on.cancelled": "The add-on {kind} ({quantity} of it) is cancelled to {ends_at}. It can be used until then.",
    "add_on.withdrawn": (
        "The booking of the add-on {kind} was withdrawn from in time. It ends at once, and its draft line is removed."
    ),
    "add_on.withdrawn_when_paid": (
        "The booking of the add-on {kind} was withdrawn from in time. It ends at once, and {refund_due} that was "
        "charged for it is to go back."
    ),
    "add_on.withdrawn_when_unpaid": (
        "The booking of the add-on {kind} was withdrawn from in time. It ends at once, and {taken_off} on the unpaid "
        "invoice is no longer due."
    ),
    "add_on.drafted": "{draft_amount} waits as a draft for the next regular invoice of subscription {subscription}.",
    "add_on.invoiced": "The draft of the add-on {kind} went out with the invoice of subscription {subscription}.",
    "add_on.renewed": "The add-on {kind} renewed with its subscription. Billed until {billed_until}.",
    "add_on.ended": "The add-on {kind} ended at {ends_at}.",
    "add_on.resumed": "The add-on {kind} can be used again, with its subscription.",
    "credit.bought": "Credit of {amount} was bought for {pot}.",
    "credit.spent": "{amount} of the credit for {pot} was spent. Beyond what was bought, {due} stays due.",
    "credit.blocked": "The credit for {pot} ({amount}) is blocked while the account has no access. It is not lost.",
    "credit.released": "The credit for {pot} ({amount}) can be used again.",
    "credit.forfeited": "The credit for {pot} has ended, and what was left of it ({amount}) is forfeited.",
    "cancellation.noted": (
        "{actor} noted that the customer cancelled subscription {subscription}. What is paid for runs to its end."
    ),
    "contact.noted": (
        "{actor} noted that the customer got in touch ({channel}, {contacted_at}). A later chargeback is for a person."
    ),
    "move.recorded": (
        "{actor} recorded that the account was moved to on-premise on {moved_at}. "
        "A request for the unused days is for a person to decide."
    ),
    "notice.add_on_booked": "The customer is informed of the booking.",
    "notice.add_on_cancelled": "The customer is informed of the end of the add-on.",
    "notice.add_on_withdrawn": "The customer is informed that the booking is undone.",
    "subscription.on_trial": "Subscription {subscription} is on trial until {trial_ends_at}.",
    "subscription.active": "Subscription {subscription} is active.",
    "subscription.paused": "Collection of subscription {subscription} is paused.",
    "subscription.past_due": "The provider calls subscription {subscription} past due. That alone takes nothing.",
    "subscription.unpaid": "The provider gave up charging subscription {subscription}. That alone takes nothing.",
    "subscription.cancelled": "Subscription {subscription} is cancelled. Access stays to {access_until}.",
    "subscription.cancelled_while_held": "Subscription {subscription} is cancelled. A hold has taken its access.",
    "subscription.cancelled_by_us": (
        "The provider cancelled subscription {subscription}, as we asked. It ends there at {ends_at}."
    ),
    "subscription.expired": "Subscription {subscription} expired at the provider.",
    "plan.given": "Subscription {subscription} gives the plan {plan}.",
    "plan.given_for_a_term": ("Subscription {subscription} gives the plan {plan}; it is paid in advance for {term}."),
    "lifetime.given": "The order {order} gives the plan {plan} for good.",
    "lifetime.ended": "The order {order} no longer gives the plan {plan}: it was refunded, disputed or taken back.",
    "plan.ended": "Subscription {subscription} no longer gives the plan {plan}: what was paid for is over.",
    "plan.ended_by_pause": "Subscription {subscription} no longer gives the plan {plan}: it is paused.",
    "plan.raised": "Subscription {subscription} gives the higher plan {plan} at once.",
    "plan.quantity_changed": "Subscription {subscription} gives {plan} {quantity} times.",
    "plan.kept_end": (
        "The plan {kept}, which an earlier version gave against today's rules, was kept for a final warning. "
        "The plan is {plan}."
    ),
    "plan.lowered": "Subscription {subscription} gives the lower plan {plan}.",
    "plan.upgrade_unpaid": (
        "The plan {wanted} was chosen for subscription {subscription} and is not paid for yet. "
        "The subscription gives the plan {plan}."
    ),
    "plan.pieces_unpaid": (
        "More of {plan} was chosen for subscription {subscription} than is paid for. It gives {quantity} of it."
    ),
    "plan.downgrade_scheduled": (
        "A lower plan was chosen. The plan {plan} is paid for and stays to the end of its period."
    ),
    "plan.downgrade_scheduled_unpaid": (
        "A lower plan was chosen. The plan {plan} stays to the end of the period announced before."
    ),
    "notice.recorded": (
        "The words of the notice {notice} are recorded as handed over ({outcome}), with the hash {sha256}."
    ),
    "notice.grace_started": "The customer is asked to pay.",
    "notice.grace_reminder": "Reminder {step} is sent to the customer.",
    "notice.grace_warning": "The final warning (number {step}) is sent to the customer.",
    "notice.dunning_level": "Dunning letter {step} is sent to the customer.",
    "notice.downgraded": "The customer is informed of the downgrade.",
    "notice.recovered": "The customer is informed that all is well.",
    "notice.suspended": "The customer is informed of the suspension.",
    "notice.reinstated": "The customer is informed that access is back.",
    "notice.data_deletion_notice": "The customer is informed that data may be deleted.",
    "renewal.stopped": "The renewal of subscription {subscription} is to be cancelled at the provider.",
    "renewal.resumed": "Our cancellation of subscription {subscription} is to be taken back at the provider.",
    "closure.requested": "{actor} asked for the organisation to be deleted. What is subscribed to runs out first.",
    "closure.withdrawn": "{actor} took back that the organisation is to be deleted.",
    "closure.approved": "{actor} approved that the data are deleted.",
    "closure.deletion_due": "Nothing prevents it any more: the product is asked to delete the account's data.",
    "closure.erased": "The account is closed. Our personal data about it are destroyed, but for what the law keeps.",
    "retention.held": "{actor} keeps the archived records until {until}, despite the policy.",
    "retention.destroyed": "All records have been kept as long as the law asks: they are destroyed.",
    "look.asked": "Subscription {subscription} is checked again at the provider before anything is taken.",
    "override.asked": "{actor} asked for an exception ({kind}), which a second person has to approve.",
    "override.approved": "{actor} approved the exception ({kind}).",
    "override.declined": "{actor} declined the exception ({kind}).",
    "policy.applied": "Version {version} of the policy ({policy}) is applied, because it is the more lenient one.",
    "terms.agreed": "{actor} put the account under terms of its own ({policy}) until {until}.",
    "terms.revoked": "{actor} ended the account's own terms; the general policy ({policy}) counts again.",
    "terms.ended": "The account's own terms ({policy}) ended, and the general policy counts again.",
    "payment.voided": "{actor} voided the transfer of {amount}: what it had paid is owed again.",
    "collections.proposed": "{actor} proposed to hand the debt over to a collection agency.",
    "collections.approved": "{actor} approved the hand-over.",
    "collections.handed_over": (
        "The debt of {amount} was handed over to a collection agency with {fields}; statement {statement_sha256}. "
        "Every reminder stops."
    ),
    "collections.recalled": "The debt was recalled from the collection agency ({cause}).",
    "collections.withdrawn": "The proposal to hand the debt over was withdrawn ({cause}).",
    "collections.report_approved": "{actor} approved the report to a credit bureau.",
    "collections.reported": "The debt was reported to a credit bureau with {fields}.",
    "delivery.chosen": "Letters come by {by} from now on.",
    "mandate.granted": "A direct-debit mandate was granted ({by}, recorded by {actor}).",
    "mandate.revoked": "The direct-debit mandate was revoked for the future. What is owed has to be transferred.",
    "debtor.told": "{actor} recorded the debtor's data ({fields}).",
    "payment.recorded_for_another": (
        "{actor} recorded a transfer of {amount}. It names an invoice that account {another_account} owes, so it pays "
        "nothing here: a person decides."
    ),
    "payment.recorded": (
        "{actor} recorded a transfer of {amount}, received at {received_at}. Paid too much: {unmatched}."
    ),
    "notice.refund_decided": "The customer is informed of the decision about the refund.",
    "refund.received": "The request names who asks, the organisation and the payment, as it has to.",
    "refund.amended": "The open request for payment {payment} was amended: {verdict_words}; {amount} is asked for.",
    "refund.reduced": "Taxes, a set-up fee and what went back before stay out of it: {refundable} of it can go back.",
    "refund.answer_due": "Working days count to the answer, and from an approval to the money.",
    "refund.version_of_payment": (
        "The version of the policy in force at the payment answers better than that of the request, so it counts."
    ),
    "refund.requested": (
        "A refund of payment {payment} was asked for. The policy says: {verdict_words}. "
        "{refundable} of it can go back. An answer is due by {decide_by}."
    ),
    "refund.review": "A person has to decide about the refund of payment {payment}: {why_words}.",
    "refund.approval_lapsed": (
        "The approved refund of payment {payment} is not carried out: {why_words}. A person has to decide again."
    ),
    "refund.hold_placed": "Nothing else pays for what payment {payment} had paid for: it ended with the refund.",
    "refund.hold_released": "Something else pays for what payment {payment} had paid for: it is given back.",
    "refund.judged_anew": "News changed what the policy says of payment {payment}: {verdict_words}; {refundable}.",
    "refund.approved": "{actor} approved a refund of {amount} of payment {payment}. It is to arrive by {pay_by}.",
    "refund.denied": "{actor} denied the refund of payment {payment}. Statutory rights are not affected.",
    "refund.ordered": "The provider is asked to give {amount} of payment {payment} back.",
    "refund.sent": "The provider has taken the refund of payment {payment}, and has not yet confirmed it.",
    "refund.paid": "The provider confirmed that {amount} of payment {payment} went back.",
    "refund.failed": "The refund of payment {payment} could not be carried out. A person has to look.",
    "licence.switched_off": "The licence that payment {payment} had bought is to be disabled at the provider.",
    "kept": "What was promised was recorded.",
}
VARIANTS: tuple[tuple[str, str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("dunning.grace_started", "dunning.grace_started_by_snapshot", lambda detail: "invoice" not in detail),
    ("dunning.failure_counted", "dunning.failure_known", lambda detail: detail.get("failures") == 1),
    (
        "dunning.closed_voluntarily",
        "dunning.closed_with_the_organisation",
        lambda detail: bool(detail.get("closing")),
    ),
    ("dunning.exhausted", "dunning.exhausted_and_barred", lambda detail: bool(detail.get("stays_on_hold"))),
    ("plan.given", "plan.given_for_a_term", lambda detail: "term_months" in detail),
    ("ownership.moved", "ownership.moved_away", lambda detail: "to" in detail),
    ("warning.closed", "warning.closed_by_refund", lambda detail: detail.get("closed_as") == "refunded"),
    ("warning.closed", "warning.closed_by_request", lambda detail: detail.get("closed_as") == "answered"),
    ("plan.ended", "plan.ended_by_pause", lambda detail: detail.get("status") == "paused"),
    (
        "plan.downgrade_scheduled",
        "plan.downgrade_scheduled_unpaid",
        lambda detail: detail.get("paid") is False or detail.get("status") == "on_trial",
    ),
    ("subscription.cancelled", "subscription.cancelled_while_held", lambda detail: bool(detail.get("held"))),
    ("payment.recorded", "payment.recorded_for_another", lambda detail: bool(detail.get("another_account"))),
    ("add_on.withdrawn", "add_on.withdrawn_when_paid", lambda detail: "refund_due" in detail),
    ("add_on.withdrawn", "add_on.withdrawn_when_unpaid", lambda detail: "taken_off" in detail),
)
"""Rules whose sentence depends on their details."""
