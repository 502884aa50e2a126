"""Recovery: outcomes of failed payments, as a page and as CSV."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template

from kulanz.documents.reports import Recovery, RecoveryFigures
from kulanz.errors import InvalidInputError
from kulanz.formats.messages import message
from kulanz.queries import recovery
from kulanz.services import Services
from kulanz.web.console import questions
from kulanz.web.console.charts import Series, bars
from kulanz.web.console.reading import reading
from kulanz.web.problems import BadRequestError

_CHARTS = 3
_SERIES = (("recovered", "good"), ("lost", "bad"), ("open", "warn"))


class RecoveryPages:
    """The report and its download."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/recovery", "recovery", self.show, methods=["GET"])
        blueprint.add_url_rule("/recovery.csv", "recovery_csv", self.download, methods=["GET"])

    def show(self) -> str:
        """Show the report of some months."""
        report = self._report()
        share = partial(recovery.share, report)
        return render_template(
            "ops/recovery.html",
            report=report,
            charts=list(_charts(report)),
            share=share,
            gains=recovery.gains(report.policy_versions),
        )

    def download(self) -> Response:
        """Answer the report as a file."""
        report = self._report()
        found = recovery.sums(self._services, report.first, report.to)
        response = Response(recovery.as_csv(found), content_type="text/csv; charset=utf-8")
        name = f"recovery-{report.first}-{report.to}.csv"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _report(self) -> Recovery:
        try:
            return recovery.report(self._services, questions.text("from"), questions.text("to"))
        except InvalidInputError as error:
            raise BadRequestError(error.said) from error


def _charts(report: Recovery) -> Any:
    reader = reading()
    rows: dict[str, dict[str | None, RecoveryFigures]] = {}
    for row in report.months:
        rows.setdefault(row.currency, {})[row.key] = row
    months = sorted({row.key or "" for row in report.months})
    largest = sorted(report.totals, key=lambda total: -total.amount)[:_CHARTS]
    for currency in (total.currency for total in largest):
        series = [
            Series(
                name=reader.word(name), tone=tone, values=[_amount(rows[currency].get(month), name) for month in months]
            )
            for name, tone in _SERIES
        ]
        title = reader.reader.read(message("Outcomes of failed payments in {currency}", currency=currency))
        yield currency, bars(title, months, series, partial(reader.money, currency=currency))


def _amount(row: RecoveryFigures | None, name: str) -> int:
    return 0 if row is None else int(getattr(row, f"{name}_amount"))
