"""Lists to read: policies and their differences, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from flask import Blueprint, render_template

from kulanz.errors import NotFoundError
from kulanz.formats.messages import Message, message
from kulanz.policy import document
from kulanz.policy.document.differences import differences
from kulanz.services import Services
from kulanz.store import audit_log, policies
from kulanz.store.policies import PolicyRow
from kulanz.web.console import questions
from kulanz.web.console.questions import ROWS_PER_PAGE
from kulanz.web.console.reading import reading


class RecordPages:
    """The pages that are only read."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/policies", "policies", self.policies, methods=["GET"])
        blueprint.add_url_rule("/policies/diff", "policy_diff", self.difference, methods=["GET"])
        blueprint.add_url_rule("/policies/<name>", "policy", self.policy, methods=["GET"])
        blueprint.add_url_rule("/log", "log", self.log, methods=["GET"])

    def policies(self) -> str:
        """Show the versions that were in force here, and the presets."""
        with self._services.database.read() as conn:
            rows, now = policies.all(conn), self._services.clock.now(conn)
        current = policies.in_force(rows, now)
        presets = [(name, document.parse(document.preset(name)).title) for name in document.presets()]
        return render_template(
            "ops/policies.html",
            rows=list(reversed(rows)),
            presets=presets,
            in_force=current.version if current else None,
            choices=_choices(rows),
            **_latest_two(rows),
            now=now,
            done=questions.number("done"),
        )

    def policy(self, name: str) -> str:
        """Show one version by its number, or a preset by its name."""
        with self._services.database.read() as conn:
            rows = policies.all(conn)
        return render_template("ops/policy.html", name=name, text=_text(name, rows), choices=_choices(rows))

    def difference(self) -> str:
        """Show how two of them differ, as text."""
        with self._services.database.read() as conn:
            rows = policies.all(conn)
        old, new = questions.text("old") or "", questions.text("new") or ""
        before, after = _text(old, rows), _text(new, rows)
        lines = unified_diff(before.splitlines(), after.splitlines(), _called(old), _called(new), lineterm="", n=2)
        return render_template(
            "ops/diff.html",
            lines=[(_kind(line), line) for line in lines],
            keys=differences(document.parse(before), document.parse(after)),
            old=old,
            new=new,
            choices=_choices(rows),
        )

    def log(self) -> str:
        """Show the audit log of the console."""
        with self._services.database.read() as conn:
            rows = audit_log.page(conn, questions.number("before"), ROWS_PER_PAGE + 1)
        return render_template(
            "ops/log.html",
            rows=rows[:ROWS_PER_PAGE],
            more=rows[ROWS_PER_PAGE - 1].id if len(rows) > ROWS_PER_PAGE else None,
        )


def _latest_two(rows: list[PolicyRow]) -> dict[str, str]:
    """Return the versions with which a comparison begins: the previous one and the newest."""
    return {"old": str(rows[-2].version), "new": str(rows[-1].version)} if len(rows) > 1 else {}


def _choices(rows: list[PolicyRow]) -> list[tuple[str, str]]:
    versions = [
        (str(row.version), _read(message("version {version} ({name})", version=row.version, name=row.name)))
        for row in reversed(rows)
    ]
    return [*versions, *((name, _read(message("preset {name}", name=name))) for name in document.presets())]


def _text(name: str, rows: list[PolicyRow]) -> str:
    for row in rows:
        if str(row.version) == name:
            return row.document
    if name in document.presets():
        return document.preset(name)
    raise NotFoundError(message("There is no such policy."))


def _read(each: Message) -> str:
    return reading().reader.read(each)


def _called(name: str) -> str:
    return f"version {name}" if name.isdigit() else name


def _kind(line: str) -> str:
    kinds: Iterator[tuple[str, str]] = iter(
        (("---", "head"), ("+++", "head"), ("@@", "head"), ("+", "plus"), ("-", "minus"))
    )
    return next((kind for start, kind in kinds if line.startswith(start)), "same")
