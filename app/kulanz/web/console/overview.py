"""The first page: to-do items, the money, the next seven days, and the health in one line."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from kulanz.formats.messages import message
from kulanz.policy.state import Standing
from kulanz.queries.money import FAILED, MOST_LISTED, PERIODS, Course, Outlook
from kulanz.queries.overview import Figures
from kulanz.services import Services
from kulanz.store.case_index import RECOVERED
from kulanz.store.recovery import LOST
from kulanz.web.console import health, questions
from kulanz.web.console.charts import Series, bars
from kulanz.web.console.formatting import words
from kulanz.web.console.reading import reading

LISTED = 8
"""Rows of a list here; the page of its own has more."""
TONES = {FAILED: "warn", RECOVERED: "good", LOST: "bad"}


class OverviewPage:
    """The overview of one process's figures."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._figures = Figures(services)

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/", "overview", self.show, methods=["GET"])
        blueprint.add_url_rule("/ahead", "ahead", self.ahead, methods=["GET"])

    def show(self) -> str:
        """Show the overview."""
        by = questions.word("by", PERIODS) or "day"
        flow, money = self._figures.flow(), self._figures.money(by)
        lights = health.lights(self._services, flow, self._figures.workers())
        read = reading().reader.read
        hours, standings = self._figures.events_by_hour(), self._figures.standings()
        received = Series(name=read(message("events")), tone="plain", values=[number for _, number in hours])
        return render_template(
            "ops/overview.html",
            lights=lights,
            troubles=[light for light in lights if light.tone != "good"],
            waiting=self._figures.todo(),
            amounts=money,
            charts=[(course.currency, _chart(course, money.labels, by)) for course in money.courses[:3]],
            periods=PERIODS,
            standings=[(str(standing), standings.get(standing, 0)) for standing in Standing],
            accounts=sum(standings.values()),
            flow=flow,
            hours=bars(
                read(message("Events received in the last 24 hours")), [f"{at:%H}:00" for at, _ in hours], [received]
            ),
            events=sum(received.values),
            **_ahead(money.outlook, LISTED),
        )

    def ahead(self) -> str:
        """Show the accounts that are warned or lose access within the next seven days."""
        money = self._figures.money("day")
        return render_template("ops/ahead.html", now=money.at, **_ahead(money.outlook, MOST_LISTED))


def _chart(course: Course, labels: Any, by: str) -> Any:
    reader = reading()
    series = [Series(name=reader.word(name), tone=TONES[name], values=course.values[name]) for name in TONES]
    title = message("Failed, recovered and lost, {currency}, {by}", currency=course.currency, by=words(f"by_{by}"))
    return bars(reader.reader.read(title), labels, series, lambda amount: reader.money(amount, course.currency))


def _ahead(outlook: Outlook, most: int) -> dict[str, Any]:
    return {
        "outlook": outlook,
        "lists": [
            ("losing", message("Lose access unless they pay"), outlook.losing),
            ("warned", message("Get the final warning unless they pay"), outlook.warned),
        ],
        "most": most,
    }
