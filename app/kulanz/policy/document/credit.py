"""The table `[credit]` of a policy document: what prepaid credit may be used for."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.policy.document import reading as read

CREDIT_USES = ("service", "other_service", "invoice", "transfer", "refund")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRules:
    """Prepaid credit (bitrix24): blocked while the account has no access, forfeited only with its end."""

    uses: tuple[str, ...] = read.key(
        read.some_of(*CREDIT_USES),
        "what credit may be used for: the service that it was bought for, another one, open invoices, a transfer "
        "to another account, a refund in money",
        kinder=read.MORE,
        default=("service",),
    )
    clause: str = read.key(read.clause, "clause that decisions about credit name", default="")
