"""A condition that holds something back, with its evidence and its end, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.documents import WaitCondition
from kulanz.formats.messages import PLAIN, Message, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One condition: a stable word for it, the sentence that proves it, and the sentence that says how it ends."""

    held: str
    """The id of the event or outgoing action, the kind of a timer, or the key of a case."""
    condition: str
    evidence: Message
    ends: Message
    until: datetime | None = None
    """When it ends without a person, if that is known."""

    def read(self, reader: Reader = PLAIN) -> str:
        """Return evidence and end, as `explain` reads them out."""
        return f"{reader.read(self.evidence)} {reader.read(self.ends)}"

    def document(self, reader: Reader = PLAIN) -> WaitCondition:
        """Return the condition in sentences."""
        return WaitCondition.of(self, evidence=reader.read(self.evidence), ends=reader.read(self.ends))
