"""Promises of the product, each broken on purpose: a test of a fault counts for nothing until it was seen to fail."""

from tests.faults.breaks.receiving import RECEIVING
from tests.faults.breaks.secrecy import SECRECY
from tests.faults.breaks.shape import Break
from tests.faults.breaks.working import WORKING

__all__ = ["ALL", "Break"]

ALL = (*RECEIVING, *WORKING, *SECRECY)
