"""Promises of the product, each broken on purpose: a test of a fault counts for nothing until it was seen to fail."""

from tests.faults.mutations.receiving import RECEIVING
from tests.faults.mutations.secrecy import SECRECY
from tests.faults.mutations.shape import Mutation
from tests.faults.mutations.working import WORKING

__all__ = ["ALL", "Mutation"]

ALL = (*RECEIVING, *WORKING, *SECRECY)
