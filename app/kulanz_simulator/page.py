"""The console's page: the objects of the store, the deliveries, and a form for each act."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from kulanz_simulator.simulator import ROWS_SHOWN, Listing, ShopAct, Simulator

_STYLE = """
:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
padding: 0 1rem } table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25rem .75rem
.25rem 0; border-bottom: 1px solid #8884 } form { margin: .5rem 0; display: flex; gap: .5rem; flex-wrap: wrap;
align-items: end } label { display: flex; flex-direction: column; font-size: .85rem }
input { font: inherit; width: 9rem }
button { font: inherit; padding: .15rem .75rem } .said { border-left: 4px solid #48f; padding-left: .75rem }
"""


def render(simulator: Simulator, acts: Mapping[str, ShopAct], said: str) -> str:
    """Return the page; `said` is the outcome of the last act."""
    with simulator.lock:
        parts = (
            _heading(simulator),
            f'<p class="said" role="status">{escape(said)}</p>' if said else "",
            "<h2>Do</h2>",
            *(_form(name, act) for name, act in acts.items()),
            *(_table(listing) for listing in (*simulator.listings(), _deliveries(simulator))),
        )
    head = f'<meta charset="utf-8"><title>Provider simulator</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>'


def _heading(simulator: Simulator) -> str:
    totals = ", ".join(f"{count} {name}" for name, count in simulator.totals().items())
    here = f"It is <b>{escape(simulator.now.isoformat())}</b> here, at speed {simulator.speed:g}."
    api = f"API: <code>{escape(simulator.url)}</code>, key <code>{escape(simulator.api_key)}</code>."
    return f"<h1>Provider simulator</h1><p>{here} {api} {escape(totals)}.</p>"


def _form(name: str, act: ShopAct) -> str:
    inputs = "".join(f'<label>{escape(field)}<input name="{escape(field)}"></label>' for field in act.fields)
    return f'<form method="post" action="/console/{name}">{inputs}<button>{escape(act.title)}</button></form>'


def _table(listing: Listing) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in listing.columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_cell(cell))}</td>' for cell in row)}</tr>" for row in listing.rows)
    return f"<h2>{escape(listing.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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
    return Listing("Deliveries", ("number", "event", "made", "answers", "state"), rows)
