"""Small bar charts, drawn on the server as SVG without scripts or inline styles; each has its words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, GAP = 480, 96, 2
BASELINE = HEIGHT - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of bar."""

    name: str
    tone: str
    """A class of the stylesheet."""
    values: Sequence[int]


def bars(title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """Return a chart with one group of bars for each label, scaled to the highest value."""
    top = max((value for sery in series for value in sery.values), default=0)
    slot = WIDTH / max(1, len(labels))
    width = max(1.0, (slot - GAP) / max(1, len(series)))
    drawn = Markup("").join(
        _bar(
            place * slot + number * width,
            width,
            sery.values[place] / top,
            sery.tone,
            f"{label}: {sery.name} {sery.values[place]}",
        )
        for place, label in enumerate(labels)
        for number, sery in enumerate(series)
        if sery.values[place]
    )
    text = ", ".join(f"{sery.name} {sum(sery.values)} in all, {max(sery.values, default=0)} at most" for sery in series)
    head = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
    ).format(WIDTH, HEIGHT, f"{title}: {text}")
    floor = Markup('<line class="floor" x1="0" y1="{0}" x2="{1}" y2="{0}"></line>').format(BASELINE, WIDTH)
    return head + drawn + floor + Markup("</svg>")


def _bar(x: float, width: float, share: float, tone: str, text: str) -> Markup:
    height = max(2.0, share * (HEIGHT - 6))
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(tone, x, BASELINE - height, width, height, text)
