"""Callbacks to the merchant's product: one signed POST per attempt, as Standard Webhooks (CONTRACT section 4)."""

from __future__ import annotations

import binascii
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from kulanz.delivery.backoff import try_again
from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.guard import MetadataAddressError
from kulanz.delivery.report import AttemptReport, AttemptState, parked
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.effects import Notify
from kulanz.policy.facts import Outcome

_DRAINED = 64 * 1024
"""Bytes of an answer's body that are read to keep the connection usable; a longer body closes it."""
_DRAIN_SECONDS = 2.0


def send_callback(effect: Notify, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Post the effect to `CALLBACK_URL`; anything but a 2xx is tried again under the same `webhook-id`."""
    if not channels.callback_url:
        return AttemptReport(state=AttemptState.SKIPPED, outcome=Outcome.FAILED, error="CALLBACK_URL is not set")
    try:
        body = _body(effect, attempt)
        headers = _headers(effect.id, body, channels)
    except (ValueError, TypeError, binascii.Error, EmptyWebhookSecretError):
        return parked("the callback cannot be written or signed: is CALLBACK_SECRET a whsec_… secret?")
    return _post(channels.callback_url, body, headers, channels, attempt)


def _body(effect: Notify, attempt: Attempt) -> bytes:
    document = {
        "type": effect.type,
        "timestamp": rfc3339(attempt.decided_at.astimezone(UTC)),
        "data": {"account_id": attempt.account or effect.data.get("account_id"), **_without_account(effect.data)},
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def _without_account(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "account_id"}


def _headers(effect_id: str, body: bytes, channels: Channels) -> dict[str, str]:
    if not channels.callback_secret:
        raise ValueError("no secret")
    now = channels.clock()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Kulanz",
        "Accept-Encoding": "identity",
        "webhook-id": effect_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(channels.callback_secret).sign(effect_id, now.astimezone(UTC), body.decode()),
    }


def _post(url: str, body: bytes, headers: dict[str, str], channels: Channels, attempt: Attempt) -> AttemptReport:
    try:
        answer = channels.session.post(
            url,
            data=body,
            headers=headers,
            timeout=channels.step_timeout.total_seconds(),
            allow_redirects=False,
            stream=True,
        )
    except MetadataAddressError:
        return parked("CALLBACK_URL leads to a link-local or metadata address, which is refused")
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        return parked("CALLBACK_URL is not an address that can be posted to")
    except requests.Timeout:
        return try_again("the callback receiver did not answer in time", attempt.attempts)
    except requests.exceptions.SSLError:
        return try_again("the callback receiver's certificate is not trusted", attempt.attempts)
    except requests.RequestException:
        return try_again("the callback receiver cannot be reached", attempt.attempts)
    _drain(answer)
    return _report_of(answer, channels, attempt)


def _drain(answer: requests.Response) -> None:
    """Read a short body to its end, so that the connection can be used again; its content is of no interest."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    read = 0
    with answer, suppress(requests.RequestException):
        for piece in answer.iter_content(8192):
            read += len(piece)
            if read > _DRAINED or time.monotonic() > deadline:
                return


def _report_of(answer: requests.Response, channels: Channels, attempt: Attempt) -> AttemptReport:
    code = answer.status_code
    match code // 100:
        case 2:
            return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)
        case 3:
            return try_again(f"the callback receiver answered {code}; redirects are not followed", attempt.attempts)
    requested = retry_after(answer.headers.get("Retry-After"), channels.clock())
    return try_again(f"the callback receiver answered {code}", attempt.attempts, requested)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Return the pause that a `Retry-After` header asks for, in seconds or as a date; junk asks for nothing."""
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return timedelta(seconds=min(int(header.strip()[:9]), 10**9))
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(header)
        return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta())
    return None
