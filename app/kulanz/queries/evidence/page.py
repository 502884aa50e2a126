"""The evidence as a page: readable by people, with the same data for machines inside, and one signature over it all.

The file ends in a line with a signature over every byte before it, so what a person reads is signed as well.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from kulanz.crypto.signing import Signer
from kulanz.formats.money import plain as money

DATA_BEGINS = b'<script type="application/json" id="kulanz-evidence">'
DATA_ENDS = b"</script>"
SIGNATURE_BEGINS = b"<!-- kulanz-signature "
SIGNATURE_ENDS = b" -->\n"
_PURPOSE = b"kulanz evidence 1\n"


def written(document: dict[str, Any], signer: Signer) -> bytes:
    """Return the file."""
    page = _template().render(evidence=document, data=_for_a_page(document)).encode() + b"\n"
    return page + SIGNATURE_BEGINS + signer.sign(signed_part(page)).hex().encode() + SIGNATURE_ENDS


def signed_part(page: bytes) -> bytes:
    """Return the signed content of a page: with a purpose, so that no signature of a ledger's end fits it."""
    return _PURPOSE + page


def _for_a_page(document: dict[str, Any]) -> str:
    """Return JSON that cannot close the HTML element around it."""
    return msgspec.json.encode(document).decode().replace("<", "\\u003c")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("kulanz.queries.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": lambda name: str(name).replace("_", " ").replace(".", " "), "money": _money}
    return environment.get_template("evidence.html")


def _money(amount: int | None, currency: str | None, decimals: int | None = None) -> str:
    return money(amount, currency, decimals)
