"""Sentences of case tables about individual terms, and of a policy that changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kulanz.policy.areas.versions.applying import applicable
from kulanz.policy.calendar.time import Span
from kulanz.policy.document import Policy
from kulanz.policy.facts import TermsAgreed
from kulanz.policy_tests.story import Sentences, Story
from kulanz.policy_tests.told import DAY


def _agrees(story: Story, policy: Policy, days: str) -> None:
    stage, until = story.stage, story.stage.now + int(days) * DAY
    version = _known(story, policy)
    agreed = TermsAgreed(id="terms_1", version=version, at=stage.now, until=until, actor="ada", reason="a contract")
    stage.hear(agreed)


def _agrees_on_grace(story: Story, grace: str, days: str) -> None:
    _agrees(story, _with_grace(story, grace), days)


def _agrees_on_refunds(story: Story, window: str, days: str) -> None:
    policy = story.stage.terms.current
    refund = replace(policy.refund, subscriptions="any_payment", window=Span(days=int(window)), guarantee_clause="7")
    _agrees(story, replace(policy, refund=refund), days)


def _agrees_on_none(story: Story, days: str) -> None:
    policy = story.stage.terms.current
    said: dict[str, Any] = {"otherwise": "not_eligible", "otherwise_clause": policy.refund.excluded_clause}
    _agrees(story, replace(policy, refund=replace(policy.refund, subscriptions="none", **said)), days)


def _publishes_refunds(story: Story, window: str) -> None:
    policy = story.stage.terms.current
    _publishes(story, replace(policy, refund=replace(policy.refund, window=Span(days=int(window)))))


def _publishes_grace(story: Story, grace: str) -> None:
    _publishes(story, _with_grace(story, grace))


def _publishes(story: Story, policy: Policy) -> None:
    stage = story.stage
    version = _known(story, policy)
    line = (*stage.terms.policies, (stage.now, stage.terms.versions[version]))
    stage.terms = replace(stage.terms, policies=line)
    stage.hear()


def _is_applied(story: Story) -> None:
    stage = story.stage
    stage.hear(*applicable(stage.state, stage.terms.current, stage.now, "ada"))


def _with_grace(story: Story, days: str) -> Policy:
    policy = story.stage.terms.current
    return replace(policy, dunning=replace(policy.dunning, grace=Span(days=int(days))))


def _known(story: Story, other: Policy) -> int:
    """Add another policy to the terms, and return its version."""
    stage, version = story.stage, 2
    policy = stage.terms.current
    versions = {policy.version: policy, version: replace(other, version=version)}
    stage.terms = replace(stage.terms, versions=versions)
    return version


STEPS: Sentences = {
    r"individual terms with (\d+) days of grace are agreed for (\d+) days": _agrees_on_grace,
    r"individual terms with a refund within (\d+) days are agreed for (\d+) days": _agrees_on_refunds,
    r"individual terms without a refund are agreed for (\d+) days": _agrees_on_none,
    r"a policy with (\d+) days of grace is published": _publishes_grace,
    r"a policy with a refund within (\d+) days is published": _publishes_refunds,
    r"it is applied to what is open": _is_applied,
}
