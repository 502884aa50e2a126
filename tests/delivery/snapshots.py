"""Every notice in every language as it reads today: `python -m tests.delivery.snapshots` after a change to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from kulanz.delivery.brand import Brand
from kulanz.delivery.notices import REQUIRED, Recipient, render
from kulanz.delivery.samples import EVERYTHING, least
from kulanz.formats.bank_accounts import BankAccount
from kulanz.formats.languages import LANGUAGES
from kulanz.policy.effects import OPERATORS_NOTICE

FOLDER = Path(__file__).with_name("snapshots")
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "downgraded": ({"access": "none"}, {"restores": False}),
    "dunning_level": ({"letter": "reminder"}, {"letter": "demand"}),
    "refund_decided": ({"decision": "approved"},),
    "suspended": ({"reason": "operator"},),
}


def path_of(language: str) -> Path:
    return FOLDER / f"{language}.txt"


def written(language: str) -> str:
    """All notices of a language: with all their data, in their variants, and with no more than they need."""
    return "".join(_notices(language))


def _notices(language: str) -> Iterator[str]:
    for notice in REQUIRED:
        full: dict[str, Any] = {} if notice == OPERATORS_NOTICE else {**EVERYTHING, "letter": None}
        full |= {name: EVERYTHING[name] for name in REQUIRED[notice]}
        for more in ({}, *VARIANTS.get(notice, ())):
            rendered = render(notice, {**full, **more}, _reader(language, billing="https://app.plexo.example/billing"))
            stated = "".join(f", {name} {value}" for name, value in more.items())
            yield f"=== {notice}{stated}\n{rendered.subject}\n\n{rendered.text}\n"
        rendered = render(notice, least(notice), _reader(language, billing=None))
        yield f"=== {notice}, with the least\n{rendered.subject}\n\n{rendered.text}\n"


def _reader(language: str, *, billing: str | None) -> Recipient:
    return Recipient(
        locale=Locale(language),
        zone=ZoneInfo("Europe/Vienna"),
        account="org_42",
        sender="Plexo",
        billing_url=billing,
        brand=Brand(name="Plexo", address="Plexo GmbH|Ring 1, 1010 Wien", support="help@plexo.example"),
        bank=BankAccount.parse("Plexo GmbH; AT611904300234573201; BKAUATWW"),
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in LANGUAGES:
        path_of(name).write_text(written(name))
