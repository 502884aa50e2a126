"""Events as a vendor may write them tomorrow: fields left out, new words, items in another order, numbers as texts.

Whatever such an event says, it is taken (the delivery is answered with 200), nothing crashes, and the account is no
worse off than without it or by the event as it was. `python -m tests.vendors.fuzz --examples 20000` looks for more.
"""

from __future__ import annotations

import argparse
import sys
import typing
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from kulanz.errors import UntranslatableError
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.state import Access, Catalogue, Standing, State
from kulanz.providers import DeliveryHeader, Naming
from tests.adapters.payload_source import MONDAY, Payload, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.policy.stories import terms
from tests.replacing import replace
from tests.vendors.models import Member, members, model_of, parts

HOUR = timedelta(hours=1)
Way = tuple[str | int, ...]
_LEMONSQUEEZY_NEEDS = frozenset(
    {"status", "updated_at", "total", "currency", "subscription_id", "refunded_amount", "amount", "ends_at"}
)
"""What is never null where it counts in what was captured of Lemon Squeezy, which has no types of its own."""
_NEEDED = {
    "invoice": frozenset({"parent", "subscription_details"}),
    "charge": frozenset({"customer"}),
    "transaction": frozenset({"subscription_id"}),
}
"""By Stripe's and Paddle's objects: what alone says that money is a subscription's, and that a charge is no guest's."""
_TELLING = frozenset({"dispute_status", "dispute_stage", "action"})
"""Words that tell a chargeback from a question of the bank: where they are new, the event's name counts."""
_ACCESS = (Access.NONE, Access.FREE, Access.FULL)
_NEW_WORD = "word_of_tomorrow"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a payload, and how the vendor may write it otherwise."""

    way: Way
    how: str
    """`absent`, `null`, `word`, `order` or `text`."""


@dataclass(frozen=True, slots=True)
class Find:
    """What an event that was written otherwise did wrong."""

    vendor: str
    event: str
    spots: tuple[Spot, ...]
    what: str


def spots(source: PayloadSource, payload: Payload) -> list[Spot]:
    """Return every way in which the vendor's own types let a payload be written otherwise."""
    found = model_of(source.name, payload)
    if found is None:
        existing = _untyped(payload["data"]["attributes"], ("data", "attributes"))
    else:
        way, model = found
        document: Any = payload
        for step in way:
            document = document[step]
        existing = _typed(document, model, way)
    return [spot for spot in existing if not _is_needed(spot, source.provider.peek(source.wire(payload)))]


def _is_needed(spot: Spot, header: DeliveryHeader) -> bool:
    """Whether a decision needs what stands in a place: a chargeback's status is one, whatever the vendor calls it."""
    disputed = "dispute" in header.name and spot.way[-1] == "status" and spot.how == "word"
    return disputed or spot.way[-1] in _NEEDED.get(header.type, ())


def _untyped(attributes: Payload, way: Way) -> Iterator[Spot]:
    for name, value in attributes.items():
        if name not in _LEMONSQUEEZY_NEEDS:
            yield from (Spot((*way, name), "absent"), Spot((*way, name), "null"))
        if name in {"status", "billing_reason"}:
            yield Spot((*way, name), "word")
        if type(value) is int:
            yield Spot((*way, name), "text")


def _typed(value: object, annotation: Any, way: Way) -> Iterator[Spot]:
    options = parts(annotation)
    match value:
        case dict():
            known = next((fields for option in options if (fields := members(option))), {})
            for name in sorted(value.keys() & known.keys()):
                yield from _of_member(value[name], known[name], (*way, name))
        case list():
            if len(value) > 1:
                yield Spot(way, "order")
            kinds = [typing.get_args(option)[0] for option in options if typing.get_origin(option) is list]
            for number, item in enumerate(value if kinds else ()):
                yield from _typed(item, kinds[0], (*way, number))
        case str() if any(_is_vocabulary(option) for option in options) and way[-1] not in _TELLING:
            yield Spot(way, "word")
        case int() if not isinstance(value, bool):
            yield Spot(way, "text")


def _of_member(value: object, member: Member, way: Way) -> Iterator[Spot]:
    if member.optional:
        yield Spot(way, "absent")
    if type(None) in parts(member.annotation):
        yield Spot(way, "null")
    yield from _typed(value, member.annotation, way)


def _is_vocabulary(kind: Any) -> bool:
    """Whether a kind lists words; a list of one word is the name of the object, without which nothing is known."""
    listed = typing.get_origin(kind) is typing.Literal and len(typing.get_args(kind)) > 1
    return listed or (isinstance(kind, type) and "Enum" in kind.__mro__[1].__name__)


def written(payload: Payload, wanted: Sequence[Spot], chance: Random) -> Payload:
    """Return a payload in which some places are written otherwise."""
    changed = deepcopy(payload)
    for spot in wanted:
        *path, last = spot.way
        place: Any = changed
        for step in path:
            place = place.get(step) if isinstance(place, dict) else place[step] if isinstance(place, list) else None
        if (isinstance(place, dict) and last in place) or isinstance(place, list):
            _write(place, last, spot.how, chance)
    return changed


def _write(place: Any, last: str | int, how: str, chance: Random) -> None:
    match how:
        case "absent":
            place.pop(last)
        case "null":
            place[last] = None
        case "word":
            place[last] = _NEW_WORD
        case "text":
            place[last] = str(place[last])
        case "order":
            chance.shuffle(place[last])


def try_one(seed: int, source: PayloadSource) -> Find | None:
    """Tell one story in which the last event is written otherwise; return what goes wrong."""
    chance = Random(seed)
    told = [*source.tell(StoryEvent.BUYS, MONDAY - 30 * timedelta(days=1))]
    for number in range(chance.randrange(3)):
        told += source.tell(chance.choice(sorted(source.events)), MONDAY + number * HOUR)
    last = chance.choice(source.tell(chance.choice(sorted(source.events)), MONDAY + 5 * HOUR))
    existing = spots(source, last)
    wanted = tuple(chance.sample(existing, min(len(existing), chance.randint(1, 4))))
    changed = written(last, wanted, chance)
    name = source.provider.peek(source.wire(last)).name
    try:
        wrong = _wrong_with(source, told, last, changed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for.
        wrong = f"{type(error).__name__}: {error}"
    return Find(source.name, name, wanted, wrong) if wrong else None


def _wrong_with(source: PayloadSource, told: list[Payload], last: Payload, changed: Payload) -> str | None:
    body = source.wire(changed)
    if not source.provider.peek(body).recognised:
        return None if not source.provider.peek(source.wire(last)).recognised else "it is ignored"
    source.provider.route(source.provider.decode(body), Naming())
    known = replace(terms(), catalogue=Catalogue.of(((source.variant, "professional"),)))
    without = assess(_book(source, told), known, "UTC", MONDAY + 6 * HOUR)
    usual = assess(_book(source, [*told, last]), known, "UTC", MONDAY + 6 * HOUR)
    now = assess(_book(source, [*told, changed]), known, "UTC", MONDAY + 6 * HOUR)
    if _height(now) < min(_height(without), _height(usual)):
        return f"worse off: {_height(now)} instead of {_height(without)} or {_height(usual)}"
    return None


def _book(source: PayloadSource, payloads: Sequence[Payload]) -> Book:
    book = Book()
    for payload in payloads:
        try:
            book = book.with_facts(source.facts(payload))
        except UntranslatableError:
            continue  # It is parked, for a person to see.
    return book


def _height(state: State) -> tuple[int, int]:
    """Return how well an account stands: its access, then its standing."""
    return _ACCESS.index(state.access), -list(Standing).index(state.standing)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try many, say what was found, and return 1 where something was."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    found: Counter[str] = Counter()
    for number in range(asked.examples):
        source = PAYLOAD_SOURCES[number % len(PAYLOAD_SOURCES)]
        find = try_one(asked.seed + number, source)
        if find is not None:
            found[find.what] += 1
            if found[find.what] <= 3:
                sys.stdout.write(f"{asked.seed + number} {find}\n")
    sys.stdout.write(f"{asked.examples} events, {sum(found.values())} of them went wrong\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
