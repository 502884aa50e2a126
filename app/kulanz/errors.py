"""Kulanz's own errors: the class tells the caller how to react, `detail` explains the fault to a person."""

from __future__ import annotations

import traceback
from datetime import timedelta
from pathlib import Path


class KulanzError(Exception):
    """Base class of our errors, with the HTTP status and whether trying again may help."""

    status = 500
    retryable = False
    title = "Internal error"

    def __init__(self, said: object) -> None:
        """Take the explanation: a text, or a message that a page reads to a person in a language."""
        self.said = said
        self.detail = str(said)
        super().__init__(self.detail)


class ConfigurationError(KulanzError):
    """The settings contradict each other or are incomplete; `problems` lists everything that is wrong with them."""

    title = "Configuration error"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class MalformedPayloadError(KulanzError):
    """A verified body is not usable JSON of the provider's shape."""

    status = 400
    title = "Malformed payload"


class UntranslatableError(KulanzError):
    """A recorded event cannot be turned into facts; trying again changes nothing until the code or the event does."""

    status = 422
    title = "Event cannot be translated"


class StorageUnavailableError(KulanzError):
    """Error: no durable store can be written at the moment."""

    status = 503
    retryable = True
    title = "Storage unavailable"


class UnreadableError(KulanzError):
    """Error: an encrypted value cannot be decrypted; the key is missing, or the value has been changed."""

    title = "Encrypted data cannot be decrypted"


class NotFoundError(KulanzError):
    """The requested thing does not exist."""

    status = 404
    title = "Not found"


class InvalidInputError(KulanzError):
    """A value from outside is not acceptable."""

    status = 422
    title = "Invalid input"


class RefusedError(KulanzError):
    """The request is well-formed, but the current state does not allow it."""

    status = 409
    title = "Refused"


class PolicyError(KulanzError):
    """A policy document is not valid; `problems` lists everything that is wrong with it."""

    status = 422
    title = "Invalid policy"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class FarEndError(KulanzError):
    """A remote system did not do what it was asked; `retryable` says whether a retry may help, `retry_after` when."""

    status = 502
    title = "The remote server failed"

    def __init__(
        self, detail: str, *, retryable: bool, answer: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(detail)
        self.retryable = retryable
        self.answer = answer
        self.retry_after = retry_after


class UnknownOutcomeError(FarEndError):
    """The request was sent and may have taken effect: it must be read before it is repeated (I11)."""

    title = "Outcome unknown"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retryable=False)


class NotSentError(KulanzError):
    """A request was certainly not sent: the holder of the lease may send it."""

    status = 503
    title = "Not sent"
    retryable = True


def detail_of(error: Exception) -> str | None:
    """Return the words of an error of ours, which hold no personal data; other errors may hold some."""
    return error.detail if isinstance(error, KulanzError) else None


def reason_of(error: Exception) -> str:
    """Return the type and the place of an error, without its values: they may be personal."""
    if isinstance(error, KulanzError):
        return error.detail
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
