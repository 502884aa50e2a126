"""Trial of a policy before it is in force: differences, affected accounts, and activation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import versions
from kulanz.errors import InvalidInputError, KulanzError, PolicyError, RefusedError
from kulanz.formats.messages import message
from kulanz.policy import document
from kulanz.policy.document.differences import Difference, differences
from kulanz.queries.replay import simulation
from kulanz.queries.replay.simulation import Totals
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, policies
from kulanz.web.console import orders, questions

ACCOUNTS_SHOWN = 50
TRIAL_SECONDS = 6.0
"""Seconds that one page looks at accounts; the command line looks at all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTrial:
    """Effect of a document."""

    text: str
    name: str
    sha256: str
    differences: tuple[Difference, ...]
    activation: versions.Activation
    findings: list[dict[str, Any]]
    totals: dict[str, Any]
    looked_at: int
    whole: bool
    """Whether there was time to look at every account."""
    newest: int
    """The version that is the newest while we look."""


class PolicyTrialPages:
    """The pages on which a policy is tried and put in force."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/policies/trial", "policy_trial", self.write, methods=["GET"])
        blueprint.add_url_rule("/policies/trial", "try_policy", self.try_it, methods=["POST"])
        blueprint.add_url_rule("/policies/activation", "activate_policy", self.activate, methods=["POST"])

    def write(self) -> str:
        """Show a form with a document to begin with: a version or a preset, else the one in force."""
        with self._services.database.read() as conn:
            named = questions.text("base")
            row = policies.in_force(policies.all(conn), self._services.clock.now(conn))
            base = named or (str(row.version) if row is not None else "plexo")
            text = versions.text_of(conn, base)
        return render_template("ops/trial.html", text=text, base=base, problems=(), trial=None)

    def try_it(self) -> Response:
        """Show a document's effect; nothing is written."""
        text = _document()
        try:
            trial = self._tried(text, _since())
        except PolicyError as error:
            return _again(text, error.problems, error.status)
        except (RefusedError, InvalidInputError) as error:
            return _again(text, [error.detail], error.status)
        return make_response(
            render_template("ops/trial.html", text=text, base=trial.name, problems=(), trial=trial, since=_written())
        )

    def activate(self) -> Response:
        """Put a document in force that was tried before, unless another one has been put in force since."""
        text, sha256 = _document(), request.form.get("sha256", "")
        try:
            if document.parse(text).sha256 != sha256:
                raise RefusedError(message("This is not the document that you looked at: try it first."))
            with self._services.database.read() as conn:
                if str(policies.newest(conn)) != request.form.get("newest", ""):
                    raise RefusedError(message("Another version has been put in force meanwhile: try it again."))
            reason = questions.reason()
            done = versions.activate(self._services, text, actor=g.user.name, effective_from=_since())
        except PolicyError as error:
            return _again(text, error.problems, error.status)
        except KulanzError as error:
            if error.retryable:
                raise
            return _again(text, [error.detail], error.status)
        with self._services.database.write() as tx:
            subject = f"policy version {done.row.version}"
            audit_log.record(tx, at=real_now(), actor=g.user.name, act="put in force", subject=subject, detail=reason)
        return make_response(redirect(url_for("ops.policies", done=str(done.row.version)), code=303))

    def _tried(self, text: str, since: datetime | None) -> PolicyTrial:
        policy, totals = document.parse(text), Totals()
        activation = versions.activate(self._services, text, actor=g.user.name, effective_from=since, dry_run=True)
        with self._services.database.read() as conn:
            row = policies.in_force(policies.all(conn), self._services.clock.now(conn))
            current = document.parse(row.document) if row else document.parse(document.preset("plexo"))
            newest = policies.newest(conn)
        findings, whole = _while_there_is_time(self._services, text, totals)
        return PolicyTrial(
            text=text,
            name=policy.name,
            sha256=policy.sha256,
            differences=differences(current, policy),
            activation=activation,
            findings=findings,
            totals=simulation.sum_up(totals),
            looked_at=totals.accounts,
            whole=whole,
            newest=newest,
        )


class _OutOfTimeError(Exception):
    """The time limit of the trial is over."""


def _while_there_is_time(services: Services, text: str, totals: Totals) -> tuple[list[dict[str, Any]], bool]:
    """Return the first findings, and whether every account was checked."""
    shown: list[dict[str, Any]] = []
    ends_at = monotonic() + TRIAL_SECONDS

    def look_at_the_clock(_done: int, _of: int) -> None:
        if monotonic() > ends_at:
            raise _OutOfTimeError

    try:
        for result in simulation.simulate(services, text, totals, look_at_the_clock):
            if len(shown) < ACCOUNTS_SHOWN:
                shown.append(simulation.report(result))
    except _OutOfTimeError:
        return shown, False
    return shown, True


def _document() -> str:
    return "\n".join(request.form.get("document", "").splitlines()) + "\n"


def _written() -> str:
    return request.form.get("since", "").strip()


def _since() -> datetime | None:
    return datetime.fromisoformat(orders.until_of(_written())) if _written() else None


def _again(text: str, problems: list[str], status: int) -> Response:
    return make_response(render_template("ops/trial.html", text=text, base="", problems=problems, trial=None), status)
