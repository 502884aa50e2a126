"""Texts of the reasons for a verdict on a refund request: for mails, sentences and pages."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "not_paid": "it was never paid",
    "nothing_paid": "nothing was charged",
    "by_transfer": "it was paid by a transfer, outside the provider",
    "disputed": "a bank is asked for the same money",
    "nothing_left": "nothing is left to refund",
    "withdrawal": "the add-on that it paid for was withdrawn from in time",
    "never": "such a product is never refundable",
    "delegated": "the product follows its developer's policy",
    "licence_unused": "the licence is neither activated nor deployed",
    "licence_in_use": "the licence was activated or deployed",
    "licence_too_late": "the window for licences is over",
    "licence_renewal": "it is the renewal of a licence",
    "within_window": "it is the payment that the guarantee is for, within its window",
    "too_late": "the window is over",
    "renewal": "it is a renewal",
    "plan_change": "it is the charge for a change of plan",
    "not_the_first_subscription": "the customer had paid for another subscription before",
    "refunded_before": "another payment of the account went back in full before",
    "refunded_elsewhere": "the same customer id had a payment back in full under another account",
    "exceptional": "the reason names exceptional circumstances",
    "charged_twice": "the same seems to have been charged twice",
    "move_to_on_premise": "the reason names a move to on-premise",
    "used_up": "its days were used before the move to on-premise",
    "abuse_suspected": "an operator suspended the account, also if that is over, or it lost another dispute",
    "above_limit": "the amount is above the policy's limit",
    "no_rule": "the policy has no rule for it",
    "no_refunds": "the policy refunds nothing of the kind",
}
"""By the code in a request's document; the catalogue has the translations."""
