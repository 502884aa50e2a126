"""Messages to the team's chats and pagers, by Apprise."""

from __future__ import annotations

import logging
from enum import StrEnum

from kulanz.config.parsing import AlertChannel


class Tone(StrEnum):
    """Type of a message in Apprise: it sets the colour, and more in some services."""

    URGENT = "failure"
    WAITS = "warning"
    OVER = "success"


def post(channel: AlertChannel, *, title: str, body: str, tone: Tone) -> bool:
    """Send one message; return whether the service took it. Never raises."""
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415 - few have it, and it is slow to import

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # It writes addresses, which hold secrets.
    sender = Apprise()
    if not sender.add(channel.url):
        return False
    try:
        return bool(sender.notify(body, title=title, notify_type=NotifyType(tone), body_format=NotifyFormat.TEXT))
    except Exception:  # noqa: BLE001 - a hundred services, each with faults of its own
        return False
