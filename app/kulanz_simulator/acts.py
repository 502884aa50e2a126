"""Acts at every simulated provider: its time, its deliveries and the state of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from kulanz_simulator.form import YES, FormFields, flag, number, whole
from kulanz_simulator.sender import spoiled
from kulanz_simulator.simulator import ShopAct, Simulator

CLOCK = "clock"
"""The one act during which time advances: receivers ask the API meanwhile."""


@dataclass(frozen=True, slots=True)
class CommonActs:
    """The acts on one simulator."""

    simulator: Simulator

    def acts(self) -> Mapping[str, ShopAct]:
        """Return them by the names of the console."""
        return {
            "resend": ShopAct("Resend", ("delivery",), (), self._resend),
            CLOCK: ShopAct("Advance the clock", (), ("days", "hours", "speed"), self._clock),
            "faults": ShopAct("Spoil deliveries (shares of 1)", (), ("lost", "twice", "late"), self._faults),
            "weather": ShopAct(
                "Spoil the API", (), ("slow", "status", "times", "away"), self._conditions, {"away": YES}
            ),
            "webhook": ShopAct("Deliver to", (), ("url", "secret", "thin"), self._webhook, {"thin": YES}),
        }

    def _resend(self, stated: FormFields) -> int:
        return self.simulator.sender.resend(self.simulator.now, int(number(stated, "delivery"))).number

    def _webhook(self, stated: FormFields) -> None:
        self.simulator.deliver_to(stated.get("url", ""), stated.get("secret", ""), thin=flag(stated, "thin"))

    def _faults(self, stated: FormFields) -> None:
        shares = {name: number(stated, name) for name in ("lost", "twice", "late") if stated.get(name)}
        self.simulator.faults = spoiled(self.simulator.faults, shares)

    def _conditions(self, stated: FormFields) -> None:
        conditions = self.simulator.conditions
        conditions.slow = number(stated, "slow") if stated.get("slow") else 0.0
        conditions.away = flag(stated, "away")
        if stated.get("status"):
            conditions.answers.extend([int(number(stated, "status"))] * min(whole(stated, "times") or 1, 1000))

    def _clock(self, stated: FormFields) -> None:
        if stated.get("speed"):
            self.simulator.speed = max(number(stated, "speed"), 0.0)
        hours = number(stated, "hours") if stated.get("hours") else 0.0
        self.simulator.advance(timedelta(hours=hours, days=number(stated, "days") if stated.get("days") else 0.0))
