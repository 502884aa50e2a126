"""Translates an event into facts, by the translator of its sender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kulanz.policy.facts import ProviderFact
from kulanz.providers.address import known
from kulanz.providers.naming import Naming
from kulanz.providers.reading import UnknownWord
from kulanz.providers.standard import dodo, polar
from kulanz.providers.standard.sender import StandardEvent, event_of, is_dodo, kind_of
from kulanz.providers.standard.vocabulary import CUSTOMER, DISPUTE, PAYMENT, REFUND, SUBSCRIPTION

_Translation = Callable[[StandardEvent], tuple[ProviderFact, ...]]
_DODO: Mapping[str, _Translation] = {
    SUBSCRIPTION: dodo.subscription,
    PAYMENT: dodo.payment,
    REFUND: dodo.refund,
    DISPUTE: dodo.dispute,
}
_POLAR: Mapping[str, _Translation] = {
    SUBSCRIPTION: polar.subscription,
    PAYMENT: polar.order,
    REFUND: polar.refund,
    CUSTOMER: polar.customer,
}


def translate(
    name: str, payload: Mapping[str, Any], digest: str, naming: Naming, unknown: list[UnknownWord] | None = None
) -> tuple[ProviderFact, ...]:
    """Translate an event into facts; none for a kind that is not acted on."""
    kind = kind_of(payload)
    if not kind:
        return ()
    event = event_of(name, payload, digest, naming, unknown)
    facts = (_DODO if is_dodo(payload) else _POLAR)[kind](event)
    return (*facts, *known(event.address, event.at))
