"""Rate against quality: the curves of methods, and the bytes they need beside fixed CRF."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from rlcodec.benchmark.figures import RdCurve, bytes_at
from rlcodec.benchmark.results import Curve, Point
from rlcodec.report.charts import STYLES, Axis, Series, axis_for, chart
from rlcodec.report.words import METRIC_NAMES, change, number, rate, score

_ROUND = (1, 2, 5, 10)


def drawn(curves: Sequence[Curve], first: Sequence[str]) -> list[Curve]:
    """The curves that charts show, in the order of their styles: those of `first`, then others."""
    ordered = sorted(
        curves, key=lambda each: first.index(each.method) if each.method in first else len(first)
    )
    return ordered[:STYLES]


def rate_charts(curves: Sequence[Curve], metric: str, seconds: float) -> list[str]:
    """RD curves by one metric, and what each method needs beside the first, which is fixed CRF.

    Args:
        curves: those that are drawn, one at least.
        metric: by the names of results.
        seconds: how long the video is: bytes become bit rates.
    """
    having = [(style, each) for style, each in enumerate(curves) if _points(each, metric)]
    if not having or having[0][0] != 0:
        return []
    bits = [point.bytes * 8 / seconds for _, each in having for point in _points(each, metric)]
    place, feet = _logarithmic(min(bits), max(bits))
    series = [
        Series(
            each.method,
            [
                (place(point.bytes * 8 / seconds), point.scores[metric].mean)
                for point in _points(each, metric)
            ],
            style,
            marked=True,
        )
        for style, each in having
    ]
    name = METRIC_NAMES[metric]
    says = "; ".join(_in_words(each, metric, seconds) for _, each in having)
    title = f"{name}{' in dB' if 'psnr' in metric else ''} over bit rate"
    return [
        chart(title, series, says=says, feet=feet, height=220),
        *_beside_fixed(having, metric, name),
    ]


def _beside_fixed(having: Sequence[tuple[int, Curve]], metric: str, name: str) -> list[str]:
    """Bytes in percent of those that fixed CRF needs for the same quality."""
    fixed = _rd(having[0][1], metric)
    low, high = float(fixed.quality.min()), float(fixed.quality.max())
    series, says = [], []
    for style, each in having[1:]:
        found = []
        for point in _points(each, metric):
            quality = point.scores[metric].mean
            needed = bytes_at(fixed, quality)
            if needed is not None:
                found.append(((quality - low) / (high - low), 100 * (point.bytes / needed - 1)))
        if found:
            series.append(Series(each.method, sorted(found), style, marked=True))
            changes = ", ".join(change(value, 1) for _, value in sorted(found))
            says.append(f"{each.method} {changes}")
    if not series:
        return []
    zero = Series("fixed", [(0, 0), (1, 0)], 0)
    feet = [(share, score(metric, low + share * (high - low))) for share in (0, 0.5, 1)]
    return [
        chart(
            f"Bytes against fixed CRF in %, at equal {name}: lower is better",
            [zero, *series],
            says="; ".join(says),
            feet=feet,
            height=220,
        )
    ]


def _points(curve: Curve, metric: str) -> list[Point]:
    return [point for point in curve.points if metric in point.scores]


def _rd(curve: Curve, metric: str) -> RdCurve:
    points = _points(curve, metric)
    return RdCurve(
        np.array([point.bytes for point in points], float),
        np.array([point.scores[metric].mean for point in points]),
    )


def _in_words(curve: Curve, metric: str, seconds: float) -> str:
    points = ", ".join(
        f"{score(metric, point.scores[metric].mean)} at {rate(point.bytes * 8 / seconds)}"
        for point in _points(curve, metric)
    )
    return f"{curve.method}: {points}"


def _logarithmic(
    low: float, high: float
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Where bit rates lie across a chart, and its labels: round ones."""
    axis: Axis = axis_for([math.log(low), math.log(high * 1.0001)])
    room = 0.04 * (math.log(high * 1.0001) - math.log(low))
    first, last = math.log(low) - room, math.log(high * 1.0001) + room

    def place(bits: float) -> float:
        return (math.log(bits) - first) / (last - first)

    labels = [
        each * 10.0**power
        for power in range(int(axis.low / math.log(10)) - 1, int(axis.high / math.log(10)) + 2)
        for each in _ROUND[:-1]
        if 0.02 < place(each * 10.0**power) < 0.98
    ]
    thinned = labels[:: max(1, math.ceil(len(labels) / 5))]
    return place, [(place(each), _rate_label(each)) for each in thinned]


def _rate_label(bits: float) -> str:
    return f"{number(bits / 1e6)}M" if bits >= 1e6 else f"{number(bits / 1e3)}k"
