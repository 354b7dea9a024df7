"""From points to curves: how a method compares with fixed CRF, and with what can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rlcodec.benchmark.figures import (
    RdCurve,
    at_quality,
    bytes_at,
    compare_curves,
    share_of,
)
from rlcodec.benchmark.methods import FIXED, SEARCHES, Line, Program, oracle
from rlcodec.benchmark.points import means_of
from rlcodec.benchmark.results import AtTarget, Curve, Point

Points = Mapping[float, Point]
"""Points by base CRF."""
_DIGITS = 4


def curve_of(line: Line, points: Points, fixed: Points, program: Program) -> Curve:
    """A method's curve against that of fixed CRF; its share of the optimum is not known yet.

    Args:
        line: the method and its scope.
        points: one at least.
        fixed: of fixed CRF on the same clips.
        program: what was measured.
    """
    common = sorted(set(points) & set(fixed))
    rates, problems = {}, {}
    for metric in program.metrics:
        found = compare_curves(rd_curve(fixed, metric), rd_curve(points, metric))
        rates[metric] = None if found.percent is None else round(found.percent, _DIGITS)
        if found.problem:
            problems[metric] = found.problem
    peaks = [each.peak_memory for each in points.values() if each.peak_memory is not None]
    wall, cpu = (
        sum(getattr(each, name) for each in points.values()) for name in ("wall_s", "cpu_s")
    )
    return Curve(
        method=line.method,
        scope=line.scope,
        points=tuple(points[crf] for crf in sorted(points)),
        bd_rates=rates,
        intervals={},
        problems=problems,
        oracle_share=None,
        bytes_ratio=geometric_mean(points[crf].bytes / fixed[crf].bytes for crf in common),
        wall_s=round(wall, _DIGITS),
        cpu_s=round(cpu, _DIGITS),
        wall_ratio=_ratio([(points[crf].wall_s, fixed[crf].wall_s) for crf in common]),
        cpu_ratio=_ratio([(points[crf].cpu_s, fixed[crf].cpu_s) for crf in common]),
        encodes=round(float(np.mean([each.encodes for each in points.values()])), _DIGITS),
        peak_memory=max(peaks, default=None),
        at_target=tuple(_at_targets(line, points, fixed, program.target_metric)),
    )


def rd_curve(points: Points, metric: str) -> RdCurve:
    """Sizes and mean scores."""
    sizes = np.array([points[crf].bytes for crf in sorted(points)], float)
    return RdCurve(sizes, means_of(points, metric))


def own_rate(rates: Mapping[str, float | None], objective: str) -> float | None:
    """The BD-rate by which an objective judges, in percent: the mean of both for the balanced."""
    psnr, ssim = rates.get("psnr_y"), rates.get("ssim_y")
    if objective == "psnr":
        return psnr
    if objective == "ssim":
        return ssim
    return None if psnr is None or ssim is None else (psnr + ssim) / 2


def best_for(line: Line, program: Program, curves: Mapping[Line, Curve]) -> Curve | None:
    """The optimum that a method is judged by, in its own scope."""
    name = oracle(program.judge_of(line.method))
    return curves.get(Line(name, line.scope))


def share(
    line: Line, program: Program, pairs: Sequence[tuple[Curve, Curve | None]]
) -> float | None:
    """The part of the optimum's gain that a method had, as a ratio of sums.

    Args:
        line: the method.
        program: what was measured.
        pairs: of every clip, or of a library, the curve and the optimum's.
    """
    if line.method == FIXED:
        return None
    objective = program.judge_of(line.method)
    gains = [
        (own_rate(curve.bd_rates, objective), own_rate(best.bd_rates, objective))
        for curve, best in pairs
        if best is not None
    ]
    known = [(gain, best) for gain, best in gains if gain is not None and best is not None]
    if not known:
        return None
    own, best = np.mean(known, axis=0).tolist()
    found = share_of(own, best)
    return None if found is None else round(found, _DIGITS)


def geometric_mean(ratios: Iterable[float]) -> float | None:
    """The exponential of the mean logarithm; None of nothing."""
    values = list(ratios)
    return round(float(np.exp(np.mean(np.log(values)))), _DIGITS + 2) if values else None


def at_targets_of_set(curves: Sequence[Curve]) -> tuple[AtTarget, ...]:
    """What single clips need for a quality, taken together by base CRF."""
    found: dict[float, list[AtTarget]] = {}
    for curve in curves:
        for each in curve.at_target:
            found.setdefault(each.crf, []).append(each)
    return tuple(
        AtTarget(
            crf=crf,
            bytes_ratio=geometric_mean(each.bytes_ratio for each in those) or 1.0,
            wall_ratio=geometric_mean(each.wall_ratio for each in those) or 1.0,
            p5_gain=round(float(np.mean([each.p5_gain for each in those])), _DIGITS),
            miss=round(float(np.mean([each.miss for each in those])), _DIGITS),
            interpolated=any(each.interpolated for each in those),
            clips=len(those),
        )
        for crf, those in sorted(found.items())
    )


def _at_targets(line: Line, points: Points, fixed: Points, metric: str) -> Iterable[AtTarget]:
    qualities = means_of(points, metric)
    walls = np.array([points[crf].wall_s for crf in sorted(points)])
    lows = np.array([points[crf].scores[metric].p5 for crf in sorted(points)])
    for crf, reference in sorted(fixed.items()):
        wanted = reference.scores[metric]
        if line.method in SEARCHES:
            if crf not in points:
                continue
            own = points[crf].scores[metric]
            size: float | None = points[crf].bytes
            wall, low, miss = points[crf].wall_s, own.p5, own.mean - wanted.mean
        else:
            size = bytes_at(rd_curve(points, metric), wanted.mean)
            wall = at_quality(qualities, walls, wanted.mean)
            low, miss = at_quality(qualities, lows, wanted.mean), 0.0
        if size is None:
            continue
        yield AtTarget(
            crf=crf,
            bytes_ratio=round(size / reference.bytes, _DIGITS + 2),
            wall_ratio=round(wall / reference.wall_s, _DIGITS),
            p5_gain=round(low - wanted.p5, _DIGITS),
            miss=round(miss, _DIGITS),
            interpolated=line.method not in SEARCHES,
        )


def _ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    own, other = (sum(each) for each in zip(*pairs, strict=True)) if pairs else (0.0, 0.0)
    return round(own / other, _DIGITS) if other else None
