"""A load of signed deliveries, as a provider sends them: reordered, repeated, and tried again until they are taken."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from queue import SimpleQueue
from typing import Any, Self
from uuid import UUID

import requests

from tests.faults.stories import Story
from tests.lemonsqueezy import Payload, delivery

SENDERS = 6
REPEATED = REORDERED = 0.2
"""The share of deliveries that come twice, and of those that come late."""
PAUSE = 0.25
"""Seconds before a delivery that was not taken is sent again."""
GIVEN_UP_AFTER = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One attempt to deliver: when it began (monotonic seconds), how long it took, and what was answered."""

    digest: str
    began: float
    seconds: float
    status: int
    """0: there was no answer."""
    headers: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> float:
        return self.began + self.seconds


class Load:
    """Sends stories at a pace until it is left; what it sends twice has the same id, or another and the same content.

    Every answer is kept. On leaving, whatever was not taken yet is sent until it is.
    """

    def __init__(self, url: str, stories: Iterator[Story], order: random.Random, rate: float) -> None:
        self.answers: list[Answered] = []
        self.stories: list[Story] = []
        self.untaken: list[Payload] = []
        self._url = f"{url}/webhooks/lemonsqueezy"
        self._told, self._order, self._rate = stories, order, rate
        self._queue: SimpleQueue[Payload | None] = SimpleQueue()
        # None tells one sender that it was all: in CPython 3.11 a wait with a time limit can last for ever.
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._tell, name="teller")]
        self._threads += [threading.Thread(target=self._send, name=f"sender-{n}") for n in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    @property
    def taken(self) -> list[Answered]:
        """Every answer that was a 200."""
        return [answer for answer in self.answers if answer.status == 200]

    def until(self, seconds: float) -> None:
        """Let it run so long."""
        self._ending.wait(seconds)

    def until_taken(self, patience: float = 30.0) -> None:
        """Let it run until somebody takes a delivery that was sent from now on."""
        now = time.monotonic()
        while time.monotonic() < now + patience and not any(each.began > now for each in reversed(self.taken[-20:])):
            self._ending.wait(0.05)

    def _tell(self) -> None:
        due = time.monotonic()
        for payload in self._reordered():
            self._queue.put(payload)
            due = max(due + 1 / self._rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))
        for _ in range(SENDERS):
            self._queue.put(None)

    def _reordered(self) -> Iterator[Payload]:
        """Give the deliveries of story after story; some come late, and some a second time."""
        late: list[Payload] = []
        while not self._ending.is_set():
            story = next(self._told)
            self.stories.append(story)
            for payload in story.deliveries:
                if self._order.random() < REPEATED:
                    late.append(self._again(payload))
                if self._order.random() < REORDERED:
                    late.append(payload)
                    continue
                yield payload
            self._order.shuffle(late)
            while len(late) > 5:
                yield late.pop()
        yield from late

    def _again(self, payload: Payload) -> Payload:
        if self._order.random() < 0.5:
            return payload
        other = str(UUID(int=self._order.getrandbits(128), version=4))
        return {**payload, "meta": {**payload["meta"], "webhook_id": other}}

    def _send(self) -> None:
        with requests.Session() as session:
            while (payload := self._queue.get()) is not None:
                self._until_taken(session, payload)

    def _until_taken(self, session: requests.Session, payload: Payload) -> None:
        body, headers = delivery(payload)
        give_up_at = time.monotonic() + GIVEN_UP_AFTER
        while time.monotonic() < give_up_at:
            answer = _attempt(session, self._url, body, headers)
            self.answers.append(answer)
            if answer.status == 200:
                return
            time.sleep(PAUSE)
        self.untaken.append(payload)


def _attempt(session: requests.Session, url: str, body: bytes, headers: dict[str, str]) -> Answered:
    began, digest = time.monotonic(), sha256(body).hexdigest()
    try:
        answer = session.post(url, data=body, headers=headers, timeout=10)
    except requests.RequestException:
        return Answered(digest=digest, began=began, seconds=time.monotonic() - began, status=0)
    return Answered(
        digest=digest,
        began=began,
        seconds=time.monotonic() - began,
        status=answer.status_code,
        headers={name.lower(): value for name, value in answer.headers.items()},
        document=json.loads(answer.content),
    )
