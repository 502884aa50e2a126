"""Keys of a policy document that are well-formed alone and contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from kulanz.policy.calendar.time import Span
from kulanz.policy.document.closure import RecordClass
from kulanz.policy.document.collections import CollectionRules
from kulanz.policy.document.rules import DisputeRules, DunningRules

_A_DAY = 86_400.0


class Contradiction(NamedTuple):
    """A contradiction, by the key that is to be changed."""

    key: str
    """Within its table."""
    expected: str
    fatal: bool = True
    """False: the document can be used, and the key has no effect."""


def contradictions(kind: type, values: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield the contradictions in one table; `values` are given or default, without what could not be read.

    A list of tables is a list of such values, so that an error in one of them hides nothing in the others.
    """
    check = _CHECKS.get(kind)
    return check(values) if check is not None else iter(())


def of_document(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield the contradictions across tables of a document."""
    rules, off = document.get("dunning"), document.get("mails")
    unmailed = off == "off" or (isinstance(off, tuple) and "grace_warning" in off)
    if unmailed and isinstance(rules, DunningRules) and rules.warn_by == "mail" and _seconds(rules.grace):
        words = 'expected "callback": the final warning is not mailed (mails), so no mail of it can be delivered'
        yield Contradiction("dunning.warn_by", words)


def _of_dunning(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    grace, warning, notice = (_seconds(document.get(key)) for key in ("grace", "final_warning", "warning_notice"))
    if grace != 0 and None not in (warning, notice) and notice >= warning:
        yield Contradiction("warning_notice", "expected less than dunning.final_warning, or no warning is ever in time")
    if grace:
        for place, span in enumerate(document.get("reminders", ()), start=1):
            if _seconds(span) >= grace:
                words = f'expected less than dunning.grace ("{document["grace"]}"): the reminder is never sent'
                yield Contradiction(f"reminders[{place}]", words, fatal=False)
        yield from _too_close(document, grace, warning)
    before = None
    for place, level in enumerate(document.get("levels", ()), start=1):
        after = _seconds(level.get("after"))
        if None not in (before, after) and after <= before:
            yield Contradiction(f"levels[{place}].after", "expected more than that of the level before")
        before = before if after is None else after


def _too_close(document: Mapping[str, Any], grace: float, warning: float | None) -> Iterator[Contradiction]:
    """Yield the reminders that go out within a day of another notice: of the first one, or of the final warning."""
    sent = {_seconds(span): f"reminders[{place}]" for place, span in enumerate(document.get("reminders", ()), start=1)}
    others = [
        (0.0, "the first notice"),
        *((grace - warning, "dunning.final_warning") for _ in [0] if warning is not None),
    ]
    for at, key in sent.items():
        near = next(
            (name for other, name in (*others, *sent.items()) if name != key and abs(other - at) < _A_DAY), None
        )
        if near is not None and at < grace:
            yield Contradiction(key, f"expected a day between it and {near}: two notices at once", fatal=False)


def _of_disputes(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    after = document.get("deletion_after")
    for place, span in enumerate(document.get("deletion_notices", ()), start=1):
        if after is not None and _seconds(span) > _seconds(after):
            words = f'expected at most dispute.deletion_after ("{after}"): the notice comes too late for its day'
            yield Contradiction(f"deletion_notices[{place}]", words, fatal=False)


def _of_collections(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    for name in document.get("only_where_needed", ()):
        if name not in document.get("fields", (name,)):
            words = f'expected only what collections.fields names: "{name}" goes with no debt'
            yield Contradiction("only_where_needed", words, fatal=False)


def _of_records(document: Mapping[str, Any]) -> Iterator[Contradiction]:
    if document.get("years") and document.get("basis") == "":
        yield Contradiction("years", "expected a basis too: without one nothing is kept", fatal=False)


def _seconds(span: Span | None) -> Any:
    return None if span is None else span.days * 86400 + span.rest.total_seconds()


_CHECKS: Mapping[type, Callable[[Mapping[str, Any]], Iterator[Contradiction]]] = {
    DunningRules: _of_dunning,
    DisputeRules: _of_disputes,
    CollectionRules: _of_collections,
    RecordClass: _of_records,
}
