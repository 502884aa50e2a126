"""The API, operation by operation: what `/v1` serves and what `/v1/openapi.json` says of it are made from this."""

from app.web.operations.debts import ABOUT_DEBTS
from app.web.operations.purchases import ABOUT_PURCHASES
from app.web.operations.questions import QUESTIONS
from app.web.operations.shape import ID, Operation
from app.web.operations.standing import ABOUT_STANDING

__all__ = ["ID", "OPERATIONS", "Operation"]

OPERATIONS: tuple[Operation, ...] = (*QUESTIONS, *ABOUT_STANDING, *ABOUT_DEBTS, *ABOUT_PURCHASES)
