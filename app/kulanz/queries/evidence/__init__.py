"""Evidence: one self-contained, signed file about an account, to attach to the answer to a chargeback."""

from __future__ import annotations

from kulanz.queries.evidence.collect import collect
from kulanz.queries.evidence.page import written
from kulanz.runtime.clock import real_now
from kulanz.services import Services

__all__ = ["of_account"]


def of_account(services: Services, account: str) -> bytes:
    """Return the evidence of an account as an HTML file that can be verified offline; it holds personal data."""
    return written(collect(services, account, real_now()), services.vault.signer)
