"""What a process was given to take in and what it answered, on disk, since it may be killed at any line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from kulanz.ingest.receiver import WebhookResponse
from tests.faults.load import Answered
from tests.lemonsqueezy import Payload, delivery


class Journal:
    """A folder with the deliveries, and a line for each answer."""

    def __init__(self, folder: Path) -> None:
        self._deliveries, self._answers = folder / "deliveries.json", folder / "answers.jsonl"
        self._points = folder / "points.json"

    def give(self, payloads: Sequence[Payload]) -> None:
        self._deliveries.write_text(json.dumps(payloads))
        self._answers.write_text("")

    def deliveries(self) -> Iterator[tuple[bytes, dict[str, str]]]:
        return map(delivery, json.loads(self._deliveries.read_text()))

    def note(self, body: bytes, answer: WebhookResponse) -> None:
        """Remember an answer before anything else is done, as its receiver would."""
        line = json.dumps({"digest": sha256(body).hexdigest(), "status": answer.status, "document": answer.document})
        with self._answers.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def taken(self) -> list[Answered]:
        stated = [json.loads(line) for line in self._answers.read_text().splitlines()]
        return [Answered(began=time.monotonic(), seconds=0, **each) for each in stated if each["status"] == 200]

    def untaken(self) -> list[tuple[bytes, dict[str, str]]]:
        """What its sender repeats."""
        existing = {answer.digest for answer in self.taken()}
        return [each for each in self.deliveries() if sha256(each[0]).hexdigest() not in existing]

    def passed(self, points: Mapping[str, int]) -> None:
        self._points.write_text(json.dumps(points))

    def points(self) -> dict[str, int]:
        """How often each point was passed, by its name, in order."""
        matches: dict[str, int] = json.loads(self._points.read_text())
        return matches
