"""Measured figures: each of ours beside its reference, round by round, with median, spread and goal."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies; 0.0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Goal for the ratio of ours to the reference, or for ours alone: at least or at most; neither: no goal is set."""

    at_least: float | None = None
    at_most: float | None = None
    of_ours: bool = False

    def __str__(self) -> str:
        if self.at_least is None and self.at_most is None:
            return ""
        limit = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return f"{limit} itself" if self.of_ours else limit

    def met(self, measured: float) -> bool:
        if self.at_least is not None:
            return measured >= self.at_least
        return self.at_most is None or measured <= self.at_most


NO_GOAL = Goal()


@dataclass(kw_only=True)
class Figure:
    """A row of the table; `ours` and `reference` have one value per round, of the same rounds."""

    name: str
    unit: str
    reference_name: str
    goal: Goal
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)

    def add(self, value: float, *, is_ours: bool) -> None:
        (self.ours if is_ours else self.reference).append(value)

    @property
    def ratios(self) -> list[float]:
        """Ratios of ours to the reference, of each whole round: disturbances of both at that time cancel out."""
        return [ours / reference for ours, reference in zip(self.ours, self.reference, strict=False) if reference]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios) if self.ratios else 0.0

    @property
    def value(self) -> float:
        """Value with which the goal is compared: the ratio, or ours alone."""
        return statistics.median(self.ours) if self.goal.of_ours and self.ours else self.ratio

    @property
    def met(self) -> bool:
        return bool(self.ratios) and self.goal.met(self.value)

    def document(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "reference": self.reference_name,
            "goal": str(self.goal),
            "ratio": round(self.ratio, 3),
            "met": self.met,
            "ratios": [round(ratio, 3) for ratio in self.ratios],
            "ours": {**summary(self.ours), "rounds": self.ours},
            "theirs": {**summary(self.reference), "rounds": self.reference},
        }


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median, lowest and highest."""
    if not values:
        return {"median": 0.0, "lowest": 0.0, "highest": 0.0}
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def text(values: Sequence[float]) -> str:
    """Return the median and in brackets the spread."""
    matches = summary(values)
    digits = 1 if matches["median"] < 100 else 0
    return f"{matches['median']:,.{digits}f} ({matches['lowest']:,.{digits}f}–{matches['highest']:,.{digits}f})"  # noqa: RUF001


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of text."""
    head = ("figure", "Kulanz", "reference", "ratio", "goal", "")
    rows = [
        (
            f"{figure.name}, {figure.unit}",
            text(figure.ours),
            f"{text(figure.reference)} {figure.reference_name}",
            f"{figure.ratio:.2f}",
            str(figure.goal),
            "" if figure.goal == NO_GOAL else "met" if figure.met else "NOT MET",
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )
