"""Bulk retry of events and outgoing actions: all of a state, or one group, counted before they are tried again."""

from __future__ import annotations

from time import monotonic

from flask import Blueprint, g, render_template, request

from kulanz.formats.messages import message
from kulanz.processing import bulk_retry
from kulanz.processing.bulk_retry import BulkRetry
from kulanz.runtime.notifier import EFFECTS_QUEUE, EVENTS_QUEUE
from kulanz.services import Services
from kulanz.web.console import questions
from kulanz.web.problems import BadRequestError

RETRY_SECONDS_PER_REQUEST = 4.0
"""Seconds that one request takes for a bulk retry before it asks to be continued."""
RETRYABLE = {"events": bulk_retry.EVENT_STATES, "effects": bulk_retry.EFFECT_STATES}
_QUEUES = {"events": EVENTS_QUEUE, "effects": EFFECTS_QUEUE}
LONGEST_REASON = 4_000


class BulkRetryPages:
    """The pages that retry many at once."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        for what, path in (("events", "/events/retry"), ("effects", "/effects/retry-all")):
            of_one = {"what": what}
            blueprint.add_url_rule(path, f"count_{what}", self.count, methods=["GET"], defaults=of_one)
            blueprint.add_url_rule(path, f"retry_{what}", self.retry_all, methods=["POST"], defaults=of_one)

    def count(self, what: str) -> str:
        """Say how many a bulk retry would be; nothing is done."""
        state = questions.word("state", RETRYABLE[what]) or "parked"
        reason, kind = questions.given("reason", LONGEST_REASON), questions.text("type") or ""
        with self._services.database.read() as conn:
            retry = bulk_retry.begin(conn, what, state, reason=reason, type=kind)
            number = bulk_retry.remaining(conn, retry)
        return render_template("ops/retry_all.html", retry=retry, number=number, tried=False)

    def retry_all(self, what: str) -> str:
        """Retry what was there when it was counted, for as long as one request may take.

        Each row is tried once, however often the run is stopped: a retried row has left the state, and one that fails
        again has a number that the run has passed.
        """
        retry = self._run(_asked(what))
        self._services.notifier.notify(_QUEUES[what])
        return render_template("ops/retry_all.html", retry=retry, tried=True)

    def _run(self, requested: BulkRetry) -> BulkRetry:
        began, retry = monotonic(), requested
        while not retry.finished and (retry is requested or monotonic() - began < RETRY_SECONDS_PER_REQUEST):
            retry = bulk_retry.step(self._services, retry, g.user.name, kept=False)
        return retry


def _asked(what: str) -> BulkRetry:
    form = request.form
    numbers = {name: questions.whole(name, form.get(name, "")) for name in ("after", "through", "done")}
    state, through = form.get("state", ""), numbers["through"]
    if state not in RETRYABLE[what] or through is None:
        raise BadRequestError(message("Count first what would be tried again."))
    return BulkRetry(
        what=what,
        state=state,
        after=numbers["after"] or 0,
        through=through,
        done=numbers["done"] or 0,
        reason=form["reason"][:LONGEST_REASON] if "reason" in form else None,
        type=form.get("type", ""),
    )
