"""Changes of the policy in the middle of a story: versions, own terms, approvals; and who watches what is pinned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from kulanz.policy import facts as f
from kulanz.policy.areas.versions.applying import applicable
from kulanz.policy.document import Policy
from kulanz.policy.document.differences import more_lenient
from kulanz.policy.facts import Fact, OverrideKind
from kulanz.policy.state import State, Terms
from tests.policy.stories import DAY, PLEXO, an_override, plexo_but
from tests.replacing import replace

if TYPE_CHECKING:
    from tests.policy.scenarios import Witness

Step = Callable[["Witness"], None]
VARIANTS: tuple[Policy, ...] = tuple(
    replace(policy, version=number)
    for number, policy in enumerate(
        (
            PLEXO,
            plexo_but(grace="14d", final_warning="72h"),
            plexo_but(grace="3d", hold_access="none", dispute={"scope": "subscription"}),
            plexo_but(hold_days="60d", on_grace_end="hold_only", dispute={"partially_lost": "restore"}),
            plexo_but(grace="0d", reminders=()),
        ),
        start=10,
    )
)
"""What may come into force, or be agreed on, in a story."""


def with_versions(terms: Terms) -> Terms:
    """Return terms that know every document that a story may name."""
    policies = [*VARIANTS, *(policy for _, policy in terms.policies)]
    return replace(terms, versions={policy.version: policy for policy in policies})


def repinned(facts: Sequence[Fact], before: State | None, state: State) -> Iterator[str]:
    """DOMAIN 6: what is open keeps its version, unless a more lenient one was applied to it."""
    applied = {fact.subject for fact in facts if isinstance(fact, f.VersionApplied)}
    for case in before.cases if before else ():
        now = state.case(case.key)
        if now is None or now.opened_at != case.opened_at or now.policy == case.policy:
            continue
        if not (applied & {*now.names} and more_lenient(case.policy, now.policy, "dunning")):
            yield "pinned"


def activated(variant: Policy) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        line = dict(stage.terms.policies) | {stage.now: variant}
        stage.terms = replace(stage.terms, policies=tuple((at, line[at]) for at in sorted(line)))
        stage.hear()

    return f"activate version {variant.version}", step


def _applied(stage: Witness) -> None:
    stage.hear(*applicable(stage.state, stage.terms.by(stage.now).current, stage.now, "ada"))


def agreed(version: int, span: timedelta) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        ident = f"terms_{len(stage.decisions):04}"
        until = stage.now + span
        stage.hear(
            f.TermsAgreed(id=ident, version=version, at=stage.now, until=until, actor="ada", reason="a contract")
        )

    return f"agree on version {version} for {span}", step


def _asked(kind: OverrideKind, span: timedelta, *, approved: bool) -> tuple[str, Step]:
    def step(stage: Witness) -> None:
        made = an_override(
            kind, stage.now, None if kind is OverrideKind.WAIVE else stage.now + span, id=f"ov{len(stage.decisions)}"
        )
        document = {name: getattr(made, name) for name in ("id", "kind", "at", "until", "actor", "reason")}
        stage.hear(f.OverrideAsked(**document, signed_in=True))
        if approved:
            stage.hear(f.OverrideApproved(id=made.id, at=stage.now, actor="bob"), replace(made, approved_by=("bob",)))
        else:
            stage.hear(f.OverrideDeclined(id=made.id, at=stage.now, actor="bob", reason="no"))

    return f"ask for {kind} {span}, {'approved' if approved else 'declined'}", step


A_POLICY_CHANGE = (activated(VARIANTS[1]), ("apply the version in force to what is open", _applied))
_PERIODS = st.sampled_from([DAY, 7 * DAY, 31 * DAY])
POLICY_CHANGES = st.one_of(
    st.builds(activated, st.sampled_from(VARIANTS)),
    st.just(A_POLICY_CHANGE[1]),
    st.builds(agreed, st.sampled_from([0, *(variant.version for variant in VARIANTS)]), _PERIODS),
    st.builds(_asked, st.sampled_from(list(OverrideKind)), _PERIODS, approved=st.booleans()),
)
