"""Alert loop: reports to-do items to chats and pagers, once when an item begins and once when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from time import monotonic

from kulanz.config.parsing import AlertChannel
from kulanz.delivery import chat
from kulanz.delivery.chat import Tone
from kulanz.errors import KulanzError
from kulanz.formats.wording import how_many
from kulanz.policy.topics import Severity, topic_of
from kulanz.queries import todo
from kulanz.queries.todo import Todo
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import shared_values, todos
from kulanz.store.todos import Told
from kulanz.telemetry.logs import log

INTERVAL = 10.0
"""Seconds between two looks."""
MAX_WAIT = 600.0
"""Seconds after which a service that takes nothing is tried again, at most."""
TURN = timedelta(minutes=2)
"""Length of the lease by which one clock at a time sends alerts; each check renews it."""
LINES = 10
"""Number of items that one message names; further ones are counted."""


_TURN_KEY = "alerts_turn"


@dataclass(slots=True)
class _Channel:
    """A channel, and the time of its next attempt after a failure."""

    setting: AlertChannel
    name: str
    """Keyed hash of its address, which identifies the channel after a restart."""
    wait: float = 0.0
    next: float = float("-inf")


class AlertLoop:
    """Compares the to-do list with each channel's items, in a thread of its own, so that it cannot delay the clock."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._id = token_hex(8)
        self._next = float("-inf")
        self._thread: threading.Thread | None = None
        self._channels = [_Channel(each, _name(services, each)) for each in services.settings.alert_channels]

    def tick(self) -> bool:
        """Start a run if it is due; return whether it was started."""
        busy = self._thread is not None and self._thread.is_alive()
        if not self._channels or monotonic() < self._next or busy:
            return False
        self._next = monotonic() + INTERVAL
        self._thread = threading.Thread(target=self._attempt, name="alerts", daemon=True)
        self._thread.start()
        return True

    def tell(self) -> None:
        """Report new items to every channel, unless another clock holds the lease."""
        if not self._take_turn():
            return
        waiting = todo.todo_list(self._services)
        for channel in self._channels:
            if monotonic() >= channel.next:
                self._tell(channel, [each for each in waiting if channel.setting.takes(each.topic)])

    def _take_turn(self) -> bool:
        now = real_now()
        with self._services.database.write() as tx:
            turn = shared_values.get(tx, _TURN_KEY)
            if turn is not None and turn["by"] != self._id and datetime.fromisoformat(turn["until"]) > now:
                return False
            return shared_values.swap(tx, _TURN_KEY, turn, {"by": self._id, "until": (now + TURN).isoformat()})

    def _attempt(self) -> None:
        try:
            self.tell()
        except KulanzError as error:
            log.warning("alerts.put_off", error=type(error).__name__, detail=error.detail)

    def _tell(self, channel: _Channel, waiting: Sequence[Todo]) -> None:
        """Report to one channel, then record it: a message may come twice, but is never lost."""
        with self._services.database.read() as conn:
            told = todos.told(conn, channel.name)
        known, present = {each.id for each in told}, {each.id for each in waiting}
        new = [each for each in waiting if each.id not in known]
        over = [each for each in told if each.id not in present]
        if new and self._post(channel, *_of_new(new, self._services.settings.console_url)):
            self._note(channel, new=[Told(each.id, each.account, each.topic) for each in new])
        if over and self._post(channel, *_of_over(over, self._services.settings.console_url)):
            self._note(channel, over=over)

    def _post(self, channel: _Channel, title: str, lines: Sequence[str], tone: Tone) -> bool:
        taken = chat.post(channel.setting, title=title, body="\n".join(lines), tone=tone)
        channel.wait = 0.0 if taken else min(MAX_WAIT, max(INTERVAL, channel.wait * 2))
        channel.next = monotonic() + channel.wait
        if not taken:
            log.warning("alerts.not_taken", channel=str(channel.setting), again_in=channel.wait)
        return taken

    def _note(self, channel: _Channel, *, new: Sequence[Told] = (), over: Sequence[Told] = ()) -> None:
        with self._services.database.write() as tx:
            todos.tell(tx, channel.name, new, over)


def _name(services: Services, channel: AlertChannel) -> str:
    return services.vault.fingerprint(f"alerts:{channel.url}").hex()


def _of_new(new: Sequence[Todo], console: str | None) -> tuple[str, list[str], Tone]:
    urgent = any(each.severity is Severity.URGENT for each in new)
    lines = [_line(each.headline, each.account, console, each.link) for each in new[:LINES]]
    title = f"Kulanz: {how_many(len(new), 'thing waits', 'things wait')} for a person"
    return title, [*lines, *_rest(len(new), console)], Tone.URGENT if urgent else Tone.WAITS


def _of_over(over: Sequence[Told], console: str | None) -> tuple[str, list[str], Tone]:
    lines = [f"over: {_line(topic_of(each.topic).says, each.account, None, '')}" for each in over[:LINES]]
    return (
        f"Kulanz: {how_many(len(over), 'thing is', 'things are')} over",
        [*lines, *_rest(len(over), console)],
        Tone.OVER,
    )


def _line(says: str, account: str, console: str | None, link: str) -> str:
    about = f" · {account}" if account else ""
    return f"{says}{about}{f' · {_address(console, link)}' if console else ''}"


def _rest(number: int, console: str | None) -> Iterator[str]:
    if number > LINES:
        where = f": {_address(console, '/ops/todo')}" if console else ""
        yield f"and {number - LINES:,} more{where}"


def _address(console: str, path: str) -> str:
    return console.rstrip("/") + path
