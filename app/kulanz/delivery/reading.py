"""Reader's settings of a notice, and its recorded text."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.notices import RenderedNotice, one_line
from kulanz.delivery.recipient import Recipient, locale_of
from kulanz.formats.localised import zone_of
from kulanz.policy.effects import Words


def reader(
    channels: Channels,
    attempt: Attempt,
    locale: str | None,
    data: Mapping[str, Any],
    step: int,
    *,
    billing_url: str | None = None,
    to: tuple[str, ...] = (),
    on: datetime | None = None,
) -> Recipient:
    """Return how a notice is written for its recipient; `to` and `on` are for one on paper."""
    return Recipient(
        locale=locale_of(locale, channels.mail_locale, channels.templates),
        fallback=locale_of(None, channels.mail_locale),
        zone=zone_of(data.get("timezone"), channels.timezone),
        account=str(one_line(attempt.account)),
        sender=parseaddr(channels.mail_from)[0] or channels.brand.name,
        billing_url=billing_url or channels.billing_url,
        step=step,
        brand=channels.brand,
        templates=channels.templates,
        bank=channels.bank,
        to=to,
        from_lines=channels.sender_lines if to else (),
        on=on,
    )


def kept(rendered: RenderedNotice, sender: str, reply_to: str | None) -> Words:
    """Return the recorded text of a rendered notice."""
    return Words(
        language=rendered.language,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sender=sender,
        reply_to=reply_to,
        salt=secrets.token_hex(16),
    )
