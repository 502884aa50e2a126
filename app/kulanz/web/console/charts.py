"""Bar charts drawn on the server as SVG, without scripts or inline styles: axes with values, and a table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kulanz.formats.messages import Message, message
from kulanz.web.console.reading import reading

WIDTH, HEIGHT, GAP = 480, 96, 0.25
"""The gap between two groups is a share of their width."""
BASELINE = HEIGHT - 1
MOST_LABELS = 3
"""Labels below the axis: more would not fit beside each other on a narrow screen."""
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of bars."""

    name: str
    tone: str
    """A class of the stylesheet."""
    values: Sequence[int]


def bars(
    title: str, labels: Sequence[str], series: Sequence[Series], shown: Callable[[int], str] | None = None
) -> Markup:
    """Return a chart with one group of bars for each label, its axes, and the same figures as a table."""
    shown = shown or reading().grouped
    top = _scale(max((value for sery in series for value in sery.values), default=0))
    names = Markup("").join(
        Markup('<span class="legend"><span class="key {}"></span>{}</span> ').format(sery.tone, sery.name)
        for sery in (series if len(series) > 1 else ())
    )
    middle = shown(top // 2) if top > 1 else ""
    scale = Markup('<p class="scale" aria-hidden="true"><span>{}</span><span>{}</span><span>{}</span></p>').format(
        shown(top), middle, shown(0)
    )
    number = min(len(labels), MOST_LABELS)
    middles = (labels[(2 * part + 1) * len(labels) // (2 * number)] for part in range(number))
    named = Markup("").join(Markup("<span>{}</span>").format(label) for label in middles)
    return Markup(
        '<figure class="plot">{}<div class="field">{}{}</div><p class="axis" aria-hidden="true">{}</p>{}</figure>'
    ).format(names, scale, _drawn(title, labels, series, top, shown), named, _table(title, labels, series, shown))


def _scale(value: int) -> int:
    """Return the next round number: 1, 2 or 5 and zeros."""
    if value <= 1:
        return 1
    size: int = 10 ** (len(str(value)) - 1)
    return next(step * size for step in _STEPS if step * size >= value)


def _drawn(
    title: str, labels: Sequence[str], series: Sequence[Series], top: int, shown: Callable[[int], str]
) -> Markup:
    slot = WIDTH / max(1, len(labels))
    width = max(1.0, slot * (1 - GAP) / max(1, len(series)))
    drawn = Markup("").join(
        _bar(
            (place + GAP / 2) * slot + number * width,
            width,
            sery.values[place] / top,
            sery.tone,
            f"{label}: {sery.name} {shown(sery.values[place])}",
        )
        for place, label in enumerate(labels)
        for number, sery in enumerate(series)
        if sery.values[place]
    )
    text = ", ".join(
        _read(
            message(
                "{name} {sum} in all, {most} at most",
                name=sery.name,
                sum=shown(sum(sery.values)),
                most=shown(max(sery.values, default=0)),
            )
        )
        for sery in series
    )
    head = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
    ).format(WIDTH, HEIGHT, f"{title}: {text}")
    lines = Markup("").join(
        Markup('<line class="floor" x1="0" y1="{0}" x2="{1}" y2="{0}"></line>').format(at, WIDTH)
        for at in (6, (BASELINE + 6) // 2, BASELINE)
    )
    return head + lines + drawn + Markup("</svg>")


def _bar(x: float, width: float, share: float, tone: str, text: str) -> Markup:
    height = max(2.0, share * (HEIGHT - 7))
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(tone, x, BASELINE - height, width, height, text)


def _table(title: str, labels: Sequence[str], series: Sequence[Series], shown: Callable[[int], str]) -> Markup:
    head = Markup("").join(Markup('<th scope="col" class="number">{}</th>').format(sery.name) for sery in series)
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label,
            Markup("").join(Markup('<td class="number">{}</td>').format(shown(sery.values[place])) for sery in series),
        )
        for place, label in enumerate(labels)
    )
    return Markup(
        '<details class="figures"><summary>{}</summary>'
        '<table class="plain sums"><caption class="hide">{}</caption>'
        '<thead><tr><th scope="col">{}</th>{}</tr></thead><tbody>{}</tbody></table></details>'
    ).format(_read(message("As a table")), title, _read(message("When")), head, rows)


def _read(each: Message) -> str:
    return reading().reader.read(each)
