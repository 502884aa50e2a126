"""Figures as pictures: one bar for each ratio, with its goal and its spread, as SVG without anything else."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.figures import Figure

WIDTH, ROW, NAMES, BARS = 1100, 26, 570, 380
MET, MISSED, GOAL = "#2f7d4f", "#b3532f", "#222"

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
)


def chart(figures: Sequence[Figure], caption: str) -> str:
    """Return the figures that have a goal; a bar ends where its ratio is, and every goal is in the middle."""
    shown = [figure for figure in figures if _goal(figure) and figure.ratios]
    height = ROW * (len(shown) + 2)
    lines = [
        _HEAD.format(width=WIDTH, height=height),
        f'<text x="8" y="17" font-weight="bold">{escape(caption)}</text>',
        *(part for place, figure in enumerate(shown, start=1) for part in _row(figure, place * ROW + 8)),
        f'<line x1="{NAMES + BARS / 2}" y1="{ROW}" x2="{NAMES + BARS / 2}" y2="{height - ROW / 2}" stroke="{GOAL}"/>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _row(figure: Figure, top: float) -> list[str]:
    goal = _goal(figure)
    values = figure.ours if figure.goal.of_ours else figure.ratios
    middle = figure.value
    low, high = (NAMES + _place(value, goal) for value in (min(values), max(values)))
    colour = MET if figure.met else MISSED
    text = f"{middle:.2f}, goal {figure.goal}"
    return [
        f'<text x="{NAMES - 8}" y="{top + 14}" text-anchor="end">{escape(_short(figure))}</text>',
        f'<rect x="{NAMES}" y="{top + 3}" width="{_place(middle, goal):.1f}" height="14" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{top + 10}" x2="{high:.1f}" y2="{top + 10}" stroke="{GOAL}" stroke-width="2"/>',
        f'<text x="{NAMES + BARS + 8}" y="{top + 14}">{escape(text)}</text>',
    ]


def _goal(figure: Figure) -> float:
    return figure.goal.at_least or figure.goal.at_most or 0.0


def _place(value: float, goal: float) -> float:
    return min(value / goal, 2.0) * BARS / 2


def _short(figure: Figure) -> str:
    whole = f"{figure.name} / {figure.reference_name}"
    return whole if len(whole) <= 90 else whole[:89] + "…"
