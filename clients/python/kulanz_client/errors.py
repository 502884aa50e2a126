"""Errors of the client; the class determines the caller's reaction."""

from __future__ import annotations


class KulanzClientError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigurationError(KulanzClientError):
    """The address, token or secret is wrong: a person has to correct it, a retry does not help."""


class UnavailableError(KulanzClientError):
    """Kulanz gave no usable answer and nothing is known of the account: answer 503, and try again later."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until the client asks again; 0: at once, since the failure may concern this account only."""


class CallbackError(KulanzClientError):
    """The callback is not signed with the secret, is too old or too new, or cannot be read: answer 401."""
