"""The console's page: what the store holds, what was delivered, and a form for everything that can be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.simulator import Simulator

ROWS_SHOWN = 50
_STYLE = """
:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
padding: 0 1rem } table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25rem .75rem
.25rem 0; border-bottom: 1px solid #8884 } form { margin: .5rem 0; display: flex; gap: .5rem; flex-wrap: wrap;
align-items: end } label { display: flex; flex-direction: column; font-size: .85rem }
input { font: inherit; width: 9rem }
button { font: inherit; padding: .15rem .75rem } .said { border-left: 4px solid #48f; padding-left: .75rem }
"""
_FORMS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("subscribe", "Sell a subscription", ("account", "email", "price", "variant", "product_name", "trial_days")),
    ("fail", "Fail the renewal now", ("subscription",)),
    ("recover", "Pay what is owed", ("subscription",)),
    ("cancel", "Cancel", ("subscription",)),
    ("resume", "Resume", ("subscription",)),
    ("pause", "Pause", ("subscription", "mode")),
    ("unpause", "Collect again", ("subscription",)),
    ("change-plan", "Change the plan", ("subscription", "variant", "product")),
    ("refund", "Refund", ("order", "invoice", "amount")),
    ("fraudulent", "Call an order fraudulent", ("order", "told_by")),
    ("clear", "Call it paid again", ("order", "told_by")),
    ("resend", "Resend a delivery", ("delivery",)),
    ("clock", "Let time go on", ("days", "hours", "speed")),
    ("faults", "Spoil deliveries (shares of 1)", ("lost", "twice", "late")),
    ("weather", "Spoil the API", ("slow", "status", "times", "away")),
    ("webhook", "Deliver to", ("url", "secret")),
)


def render(simulator: Simulator, said: str) -> str:
    """Return the page; `said` is what became of the last act."""
    with simulator.lock:
        parts = (
            _heading(simulator),
            f'<p class="said" role="status">{escape(said)}</p>' if said else "",
            "<h2>Do</h2>",
            *(_form(*form) for form in _FORMS),
            "<h2>Subscriptions</h2>",
            _table(("id", "account", "status", "variant", "renews", "ends", "order"), _subscriptions(simulator)),
            "<h2>Invoices</h2>",
            _table(("id", "subscription", "status", "total", "refunded", "why"), _invoices(simulator)),
            "<h2>Orders</h2>",
            _table(("id", "status", "total", "refunded", "mail"), _orders(simulator)),
            "<h2>Deliveries</h2>",
            _table(("number", "event", "made", "answers", "state"), _deliveries(simulator)),
        )
    head = f'<meta charset="utf-8"><title>Provider simulator</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>'


def _heading(simulator: Simulator) -> str:
    totals = ", ".join(f"{count} {name}" for name, count in simulator.totals().items())
    here = f"It is <b>{escape(simulator.now.isoformat())}</b> here, at speed {simulator.speed:g}."
    api = f"API: <code>{escape(simulator.url)}</code>, key <code>{escape(simulator.api_key)}</code>."
    return f"<h1>Provider simulator</h1><p>{here} {api} {escape(totals)}.</p>"


def _form(act: str, title: str, fields: Iterable[str]) -> str:
    inputs = "".join(f'<label>{escape(name)}<input name="{escape(name)}"></label>' for name in fields)
    return f'<form method="post" action="/console/{act}">{inputs}<button>{escape(title)}</button></form>'


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_cell(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return "-" if value in {None, ""} else str(value).removesuffix(".000000Z")


def _newest(simulator: Simulator, kind: str) -> list[tuple[str, dict[str, object]]]:
    held = list(simulator.store.objects.get(kind, {}).values())[-ROWS_SHOWN:]
    return [(data["id"], data["attributes"]) for data in reversed(held)]


def _subscriptions(simulator: Simulator) -> list[Sequence[object]]:
    names = ("status", "variant_id", "renews_at", "ends_at", "order_id")
    return [
        (own_id, simulator.store.contract(own_id).purchase.account, *(stated[name] for name in names))
        for own_id, stated in _newest(simulator, SUBSCRIPTIONS)
    ]


def _invoices(simulator: Simulator) -> list[Sequence[object]]:
    names = ("subscription_id", "status", "total", "refunded_amount", "billing_reason")
    return [(own_id, *(stated[name] for name in names)) for own_id, stated in _newest(simulator, INVOICES)]


def _orders(simulator: Simulator) -> list[Sequence[object]]:
    names = ("status", "total", "refunded_amount", "user_email")
    return [(own_id, *(stated[name] for name in names)) for own_id, stated in _newest(simulator, ORDERS)]


def _deliveries(simulator: Simulator) -> list[Sequence[object]]:
    newest = reversed(simulator.sender.deliveries[-ROWS_SHOWN:])
    return [
        (
            webhook_delivery.number,
            webhook_delivery.name,
            webhook_delivery.made_at.isoformat(),
            " ".join(map(str, webhook_delivery.answers)),
            webhook_delivery.state,
        )
        for webhook_delivery in newest
    ]
