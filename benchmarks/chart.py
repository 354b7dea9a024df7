"""Pictures of means with their intervals: a panel for each set, a line for each thing compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.summary import METRICS, Mean, Summary

HEADINGS = {
    "reels": "Reels of unrelated clips, one price per byte for all",
    "titles": "Edited titles, each by itself",
    "shots": "Single shots",
}
INK, FAINT, EDGE = "#1f2328", "#57606a", "#d0d7de"
COLOURS = ("#1a6fd6", "#d9730d", "#6b7785")
_BAR = 0.26

Panel = Mapping[str, Mapping[str, Mean]]
"""By the label of a line: its bars by their names, at most as many as there are colours."""


def draw_chart(summaries: Sequence[Summary], path: Path) -> None:
    """Draw the BD-rates of all policies."""
    panels: dict[str, dict[str, dict[str, Mean]]] = {}
    for each in summaries:
        heading = f"{HEADINGS[each.set_name]} ({each.videos})"
        known = {metric.upper(): each.bd_rates.get(metric) for metric in METRICS}
        panels.setdefault(heading, {})[each.policy] = {
            name: rate for name, rate in known.items() if rate
        }
    draw_bars(
        "Bytes for the same quality, against fixed CRF",
        "BD-rate, % (left of 0: fewer bytes); lines: 95 % bootstrap intervals",
        panels,
        path,
        digits=1,
    )


def draw_bars(
    title: str, axis: str, panels: Mapping[str, Panel], path: Path, *, digits: int = 2
) -> None:
    """Draw means with their intervals, in one picture of several panels by their headings.

    Args:
        title: of all.
        axis: what the numbers are.
        panels: from above.
        path: of the picture.
        digits: of the numbers, behind the point.
    """
    heights = [len(panel) for panel in panels.values()]
    figure = Figure(
        figsize=(8, 1.2 + 0.65 * sum(heights) + 0.5 * len(panels)), layout="constrained"
    )
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold")
    places = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    names = dict.fromkeys(
        name for panel in panels.values() for bars in panel.values() for name in bars
    )
    colours = dict(zip(names, COLOURS, strict=False))
    for place, (heading, panel) in zip(places, panels.items(), strict=True):
        place.set_title(heading, loc="left", color=INK, fontsize=10)
        _draw_panel(place, panel, colours, digits)
    places[-1].set_xlabel(axis, color=FAINT)
    figure.savefig(path, dpi=160)


def _draw_panel(axes: Axes, panel: Panel, colours: Mapping[str, str], digits: int) -> None:
    for place, bars in enumerate(panel.values()):
        for line, (name, bar) in enumerate(bars.items()):
            at, colour = place + (line - (len(bars) - 1) / 2) * _BAR, colours[name]
            axes.barh(at, bar.mean, height=_BAR * 0.85, color=colour)
            axes.plot([bar.low, bar.high], [at, at], color=INK, linewidth=1)
            sign, end = (1, max(bar.high, 0)) if bar.mean > 0 else (-1, min(bar.low, 0))
            axes.annotate(
                f"{name} {bar.mean:+z.{digits}f}".replace("-", "\N{MINUS SIGN}"),
                (end, at),
                (4 * sign, 0),
                textcoords="offset points",
                ha="left" if sign > 0 else "right",
                va="center",
                fontsize=8,
                color=colour,
            )
    axes.set_yticks(range(len(panel)), list(panel), color=INK)
    axes.invert_yaxis()
    axes.axvline(0, color=FAINT, linewidth=1)
    axes.grid(axis="x", color=EDGE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.22)
    axes.tick_params(colors=FAINT, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(EDGE)
