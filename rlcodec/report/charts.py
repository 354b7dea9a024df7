"""Charts as SVG that fits any width: positions across are percentages, text keeps its size.

The style sheet colours series 0 to 3; each also has dashes and a mark of its own, so that nothing
depends on colour alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlcodec.report.words import minus, text

STYLES = 8
"""How many series can be told apart."""
_FOOT = 22
"""Room for the labels under a chart, in pixels."""
_TOP = 8
_ACROSS = 1000
_MARKS = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "M-4,-4h8v8h-8z",
    "M0,-5l5,9h-10z",
    "M0,-5l5,5l-5,5l-5,-5z",
    "M-4,-4l8,8M4,-4l-8,8",
    "M0,5l5,-9h-10z",
    "M-5,0h10M0,-5v10",
    "M-5,-2h10v4h-10z",
)


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart.

    Attributes:
        name: what it is.
        points: places across, as shares of the width from 0 to 1, and values.
        style: its look, 0 to `STYLES` - 1.
        steps: whether a value holds from its place to the next one.
        marked: whether its points are marked.
        area: whether the room under it is filled.
        band: lowest and highest values around it, of the same places; none where empty.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0
    steps: bool = False
    marked: bool = False
    area: bool = False
    band: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, with labels every `step`."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        """Where the labels are."""
        return [
            self.low + each * self.step
            for each in range(round((self.high - self.low) / self.step) + 1)
        ]

    def label(self, tick: float) -> str:
        """How a tick is written: with as many digits as tell it from the next one."""
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return f"{tick:.{digits}f}" if round(tick, digits) else "0"

    def share(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def axis_for(values: Sequence[float], *, from_zero: bool = False, labels: int = 4) -> Axis:
    """An axis for `values`, one at least, of round steps."""
    low, high = min(values), max(values)
    if from_zero:
        low = min(0.0, low)
    room = high - low or max(abs(high) * 0.01, 1e-3)
    power = 10 ** math.floor(math.log10(room / labels))
    step = next(power * each for each in (1, 2, 5, 10) if power * each * labels >= room)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, max(last, first + 1) * step, step)


def chart(
    title: str,
    series: Sequence[Series],
    *,
    says: str,
    feet: Sequence[tuple[float, str]],
    height: int = 120,
    from_zero: bool = False,
) -> str:
    """A chart under its title.

    Args:
        title: with the unit of its values.
        series: one at least, with a point at least.
        says: what it shows, in words, for those who cannot see it.
        feet: places across, as shares, and the labels there.
        height: of the plot, in pixels.
        from_zero: whether values are counted from 0.
    """
    values = [value for each in series for _, value in each.points]
    values += [value for each in series for ends in each.band for value in ends]
    axis = axis_for(values, from_zero=from_zero)

    def down(value: float) -> float:
        return round(_TOP + height * (1 - axis.share(value)), 1)

    whole = height + _TOP + _FOOT
    scale = "".join(
        f'<text x="100%" y="{down(tick)}" dx="-6" dy=".35em">{text(minus(axis.label(tick)))}</text>'
        for tick in axis.ticks
    )
    grid = "".join(f'<path class="grid" d="M0,{down(tick)}H{_ACROSS}"/>' for tick in axis.ticks)
    grid += "".join(
        f'<path class="grid" d="M{_x(place)},{_TOP}V{height + _TOP}"/>' for place, _ in feet
    )
    lines = "".join(_line(each, down, height + _TOP) for each in series)
    marks = "".join(_marks(each, down) for each in series if each.marked)
    words = "".join(_foot(place, word, whole - 6) for place, word in feet)
    legend = _legend(series) if len(series) > 1 else ""
    return (
        f'<figure class="chart"><figcaption>{text(title)}</figcaption>{legend}'
        f'<div class="plot" role="img" aria-label="{text(f"{title}: {says}")}">'
        f'<svg class="scale" height="{whole}" aria-hidden="true">{scale}</svg>'
        f'<svg class="field" width="100%" height="{whole}" aria-hidden="true">'
        f'<svg width="100%" height="{whole}" viewBox="0 0 {_ACROSS} {whole}" '
        f'preserveAspectRatio="none">{grid}{lines}</svg>{marks}{words}'
        f'<line class="cursor" x1="0" x2="0" y1="{_TOP}" y2="{height + _TOP}"/></svg>'
        "</div></figure>"
    )


def timeline(name: str, charts: Sequence[str], readings: Sequence[tuple[float, str]]) -> str:
    """Charts over the same time, and a slider that reads them out.

    Args:
        name: what the slider moves through.
        charts: as `chart` makes them.
        readings: places across, as shares, and what there is to say of each.
    """
    if not readings:
        return "".join(charts)
    # As data of a script element, which is no script: a `<` could end it
    data = json.dumps([[round(place, 5), words] for place, words in readings])
    data = data.replace("<", "\\u003c")
    return (
        f'<div class="timeline">{"".join(charts)}'
        f'<label class="reader"><span>{text(name)}</span><input type="range" min="0" '
        f'max="{len(readings) - 1}" value="0"></label>'
        f"<output>{text(readings[0][1])}</output>"
        f'<script type="application/json">{data}</script></div>'
    )


def _x(place: float) -> str:
    return f"{place * _ACROSS:.1f}".removesuffix(".0")


def _line(series: Series, down: Callable[[float], float], floor: int) -> str:
    path = _path([(place, down(value)) for place, value in series.points], steps=series.steps)
    drawn = ""
    if series.band:
        there = [
            (place, down(high))
            for (place, _), (_, high) in zip(series.points, series.band, strict=True)
        ]
        back = [
            (place, down(low))
            for (place, _), (low, _) in zip(series.points, series.band, strict=True)
        ]
        outline = f"{_path(there)}L{_path(back[::-1])[1:]}z"
        drawn += f'<path class="band s{series.style}" d="{outline}"/>'
    if series.area:
        left, right = _x(series.points[0][0]), _x(series.points[-1][0])
        outline = f"{path}L{right},{floor}H{left}z"
        drawn += f'<path class="band s{series.style}" d="{outline}"/>'
    return drawn + (
        f'<path class="line s{series.style}" vector-effect="non-scaling-stroke" d="{path}"/>'
    )


def _path(points: Sequence[tuple[float, float]], *, steps: bool = False) -> str:
    if steps:
        first, *others = points
        return f"M{_x(first[0])},{first[1]}" + "".join(f"H{_x(x)}V{y}" for x, y in others)
    return "M" + "L".join(f"{_x(x)},{y}" for x, y in points)


def _marks(series: Series, down: Callable[[float], float]) -> str:
    return "".join(
        f'<svg x="{place * 100:.2f}%" y="{down(value)}" overflow="visible" width="1" height="1">'
        f'<path class="mark s{series.style}" d="{_MARKS[series.style]}"/></svg>'
        for place, value in series.points
    )


def _foot(place: float, word: str, y: int) -> str:
    anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
    return f'<text x="{place * 100:.2f}%" y="{y}" text-anchor="{anchor}">{text(word)}</text>'


def _legend(series: Sequence[Series]) -> str:
    items = []
    for each in series:
        mark = (
            f'<path class="mark s{each.style}" transform="translate(15 6)" '
            f'd="{_MARKS[each.style]}"/>'
        )
        sample = (
            f'<svg width="30" height="12" aria-hidden="true"><path class="line s{each.style}" '
            f'd="M0,6H30"/>{mark if each.marked else ""}</svg>'
        )
        items.append(f"<li>{sample}{text(each.name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'
