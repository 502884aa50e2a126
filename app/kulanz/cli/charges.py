"""`kulanz account charges`: the charges of an account."""

from __future__ import annotations

import click

from kulanz.cli.options import emit, json_option, services, table


@click.command()
@click.argument("ident", metavar="ID")
@json_option
def charges(*, ident: str, as_json: bool) -> None:
    """List the provider's charges of an account, with tax and refunds."""
    from kulanz.formats.money import plain as money
    from kulanz.queries import charges as queries

    with services() as opened:
        document = queries.charges(opened, ident)

    def show() -> None:
        rows = [
            (
                charge.at,
                charge.id,
                charge.product,
                charge.reason,
                "yes" if charge.paid else "no",
                *(
                    money(getattr(charge, name), charge.currency, charge.decimals)
                    for name in ("total", "tax", "refunded")
                ),
            )
            for charge in document.charges
        ]
        table(("at", "id", "product", "reason", "paid", "total", "tax", "refunded"), rows)()

    emit(document, as_json, show)
