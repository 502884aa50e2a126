"""The console's page: objects and deliveries with a button for each act on each row, and the acts on no object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from kulanz_simulator.acts import CLOCK
from kulanz_simulator.simulator import ROWS_SHOWN, Listing, ShopAct, Simulator

_STYLE = """
:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem;
padding: 0 1rem } .wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top }
form, .acts { display: flex; gap: .25rem .5rem; flex-wrap: wrap; align-items: end } form { margin: .25rem 0 }
.acts { min-width: 22rem; align-items: start } .acts form { margin: 0 }
label { display: flex; flex-direction: column; font-size: .85rem } input, select { font: inherit; width: 9rem }
summary { cursor: pointer } button, .acts summary { font: inherit; font-size: .85rem; padding: .1rem .6rem }
.said { border-left: 4px solid #48f; padding-left: .75rem }
"""
_STEPS = {"1 hour": ("hours", 1), "1 day": ("days", 1), "7 days": ("days", 7), "31 days": ("days", 31)}
Acts = Mapping[str, ShopAct]


def render(simulator: Simulator, acts: Acts, said: str) -> str:
    """Return the page; `said` is the outcome of the last act."""
    everywhere = {name: act for name, act in acts.items() if not act.on}
    elsewhere = {name: act for name, act in acts.items() if act.on}
    with simulator.lock:
        parts = (
            _heading(simulator),
            f'<p class="said" role="status">{escape(said)}</p>' if said else "",
            _steps(),
            *(_form(name, act) for name, act in everywhere.items()),
            *(_table(listing, acts) for listing in (*simulator.listings(), _deliveries(simulator))),
            "<details><summary>Act on an object that is not listed</summary>",
            *(_form(name, act) for name, act in elsewhere.items()),
            "</details>",
        )
    head = f'<meta charset="utf-8"><title>Provider simulator</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>'


def _heading(simulator: Simulator) -> str:
    totals = ", ".join(f"{count} {name}" for name, count in simulator.totals().items())
    together = " Kulanz's test clock moves with it." if simulator.follower is not None else ""
    here = f"It is <b>{escape(simulator.now.isoformat())}</b> here, at speed {simulator.speed:g}.{together}"
    api = f"API: <code>{escape(simulator.url)}</code>, key <code>{escape(simulator.api_key)}</code> or any other."
    return f"<h1>Provider simulator</h1><p>{here} {api} {escape(totals)}.</p>"


def _steps() -> str:
    buttons = "".join(
        f'<button name="{unit}" value="{count}">{words}</button>' for words, (unit, count) in _STEPS.items()
    )
    return f'<form method="post" action="/console/{CLOCK}"><span>Advance the clock:</span>{buttons}</form>'


def _form(name: str, act: ShopAct) -> str:
    inputs = "".join(_input(act, field) for field in (*act.on, *act.fields))
    return f'<form method="post" action="/console/{name}">{inputs}<button>{escape(act.title)}</button></form>'


def _input(act: ShopAct, field: str) -> str:
    name, choices = escape(field), act.choices.get(field)
    if choices is None:
        return f'<label>{name}<input name="{name}"></label>'
    options = "".join(f"<option>{escape(choice)}</option>" for choice in ("", *choices))
    return f'<label>{name}<select name="{name}">{options}</select></label>'


def _table(listing: Listing, acts: Acts) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in (*listing.columns, "do"))
    own = {name: act for name, act in acts.items() if listing.subject in act.on}
    body = "".join(
        f"<tr>{_cells(row)}<td>{_row_acts(listing.subject, str(row[0]), own)}</td></tr>" for row in listing.rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(listing.title)}</h2><div class="wide">{table}</div>'


def _cells(row: Sequence[object]) -> str:
    return "".join(f"<td>{escape(_cell(cell))}</td>" for cell in row)


def _row_acts(subject: str, own_id: str, acts: Acts) -> str:
    """Return a button for each act on one object; an act with fields of its own opens a form."""
    named = f'<input type="hidden" name="{subject}" value="{escape(own_id)}">'
    label = escape(f"{subject} {own_id}")
    plain = "".join(
        f'<button formaction="/console/{name}" aria-label="{escape(act.title)}: {label}">{escape(act.title)}</button>'
        for name, act in acts.items()
        if not act.fields
    )
    forms = "".join(
        f'<details><summary aria-label="{escape(act.title)}: {label}">{escape(act.title)}</summary>'
        f'<form method="post" action="/console/{name}">{named}{"".join(_input(act, field) for field in act.fields)}'
        f"<button>{escape(act.title)}</button></form></details>"
        for name, act in acts.items()
        if act.fields
    )
    buttons = f'<form method="post">{named}{plain}</form>' if plain else ""
    return f'<div class="acts">{buttons}{forms}</div>'


def _cell(value: object) -> str:
    return "-" if value in {None, ""} else str(value).removesuffix(".000000Z")


def _deliveries(simulator: Simulator) -> Listing:
    newest = reversed(simulator.sender.deliveries[-ROWS_SHOWN:])
    rows = [
        (
            webhook_delivery.number,
            webhook_delivery.name,
            webhook_delivery.made_at.isoformat(),
            " ".join(map(str, webhook_delivery.answers)),
            webhook_delivery.state,
        )
        for webhook_delivery in newest
    ]
    return Listing("Deliveries", "delivery", ("number", "event", "made", "answers", "state"), rows)
