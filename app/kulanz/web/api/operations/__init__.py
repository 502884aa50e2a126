"""Table of the API's operations: the source of the routes below `/v1` and of `/v1/openapi.json`."""

from collections.abc import Mapping

from kulanz.web.api.operations import questions
from kulanz.web.api.operations.debts import ABOUT_DEBTS
from kulanz.web.api.operations.purchases import ABOUT_PURCHASES
from kulanz.web.api.operations.shape import ID, Operation
from kulanz.web.api.operations.standing import ABOUT_STANDING

__all__ = ["BY_TAG", "ID", "OPERATIONS", "Operation"]

BY_TAG: Mapping[str, tuple[Operation, ...]] = {
    "accounts": questions.ABOUT_ACCOUNTS,
    "standing": ABOUT_STANDING,
    "debts": (*questions.ABOUT_DEBTS, *ABOUT_DEBTS),
    "purchases": (*questions.ABOUT_PURCHASES, *ABOUT_PURCHASES),
    "todo": questions.ABOUT_TODO,
    "reports": questions.ABOUT_REPORTS,
    "description": questions.ABOUT_THE_API,
}
"""The tags of the description: code generators make one class of each. An operation has exactly one."""

OPERATIONS: tuple[Operation, ...] = tuple(operation for group in BY_TAG.values() for operation in group)
