"""The picture of what policies are worth: BD-rates with their intervals, one panel for each set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.summary import METRICS, Summary

HEADINGS = {
    "reels": "Reels of unrelated clips, one price per byte for all",
    "titles": "Edited titles, each by itself",
    "shots": "Single shots",
}
INK, FAINT, EDGE = "#1f2328", "#57606a", "#d0d7de"
COLOURS = {"psnr": "#1a6fd6", "ssim": "#d9730d", "vmaf": "#6b7785"}
_BAR = 0.26


def draw_chart(summaries: Sequence[Summary], path: Path) -> None:
    """Draw the BD-rates of all policies."""
    sets = list(dict.fromkeys(summary.set_name for summary in summaries))
    heights = [sum(summary.set_name == name for summary in summaries) for name in sets]
    figure = Figure(figsize=(8, 1.2 + 0.65 * sum(heights) + 0.5 * len(sets)), layout="constrained")
    figure.suptitle(
        "Bytes for the same quality, against fixed CRF", color=INK, fontsize=13, fontweight="bold"
    )
    panels = figure.subplots(len(sets), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for panel, name in zip(panels, sets, strict=True):
        _panel(panel, name, [summary for summary in summaries if summary.set_name == name])
    panels[-1].set_xlabel(
        "BD-rate, % (left of 0: fewer bytes); lines: 95 % bootstrap intervals", color=FAINT
    )
    figure.savefig(path, dpi=160)


def _panel(panel: Axes, name: str, summaries: Sequence[Summary]) -> None:
    panel.set_title(f"{HEADINGS[name]} ({summaries[0].videos})", loc="left", color=INK, fontsize=10)
    for place, summary in enumerate(summaries):
        known = [(metric, rate) for metric in METRICS if (rate := summary.bd_rates.get(metric))]
        for line, (metric, rate) in enumerate(known):
            at, colour = place + (line - (len(known) - 1) / 2) * _BAR, COLOURS[metric]
            panel.barh(at, rate.mean, height=_BAR * 0.85, color=colour)
            panel.plot([rate.low, rate.high], [at, at], color=INK, linewidth=1)
            sign, end = (1, max(rate.high, 0)) if rate.mean > 0 else (-1, min(rate.low, 0))
            panel.annotate(
                f"{metric.upper()} {rate.mean:+z.1f}".replace("-", "\N{MINUS SIGN}"),
                (end, at),
                (4 * sign, 0),
                textcoords="offset points",
                ha="left" if sign > 0 else "right",
                va="center",
                fontsize=8,
                color=colour,
            )
    panel.set_yticks(range(len(summaries)), [summary.policy for summary in summaries], color=INK)
    panel.invert_yaxis()
    panel.axvline(0, color=FAINT, linewidth=1)
    panel.grid(axis="x", color=EDGE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.margins(x=0.22)
    panel.tick_params(colors=FAINT, length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(EDGE)
