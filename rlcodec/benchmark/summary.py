"""From everything that was measured to the results."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.curves import at_targets_of_set, best_for, curve_of, geometric_mean, share
from rlcodec.benchmark.figures import RdCurve, compare_curves, interval, mean_interval
from rlcodec.benchmark.measured import Measured
from rlcodec.benchmark.methods import FIXED, GRID, ORACLE, Line, Points, Program
from rlcodec.benchmark.points import point_of, pooled
from rlcodec.benchmark.results import (
    LIBRARY,
    SETS,
    ClipResult,
    Cost,
    Curve,
    Failed,
    Point,
    Results,
    SetResult,
)
from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.media.trial import LIBRARIES

_DIGITS = 4


@dataclass
class Findings:
    """Everything that was measured, and what there is to say of it.

    Attributes:
        clips: those that could be used.
        failures, notes: as in `Results`.
    """

    clips: list[Clip] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _points: dict[str, dict[Line, Points]] = field(default_factory=dict)
    _targets: dict[tuple[str, Line, float], float] = field(default_factory=dict)

    def add(self, clip: Clip, line: Line, recipe: Recipe, measured: Measured) -> None:
        """Take note of a measurement."""
        self._points.setdefault(clip.entry.name, {}).setdefault(line, {})[recipe.crf] = measured
        if recipe.target is not None:
            self._targets[clip.entry.name, line, recipe.crf] = recipe.target

    def of(self, clip: Clip) -> Mapping[Line, Points]:
        """What was measured of a clip."""
        return self._points.get(clip.entry.name, {})

    def points(self, clip: Clip, line: Line) -> Points:
        """What was measured of one method on a clip, by base CRF."""
        return self.of(clip).get(line, {})

    def target(self, clip: Clip, line: Line, crf: float) -> float | None:
        """What a search aimed at."""
        return self._targets.get((clip.entry.name, line, crf))

    def everything(self) -> list[Measured]:
        """Every measurement, once."""
        found = {
            measured.key: measured
            for lines in self._points.values()
            for points in lines.values()
            for measured in points.values()
        }
        return list(found.values())


@dataclass(frozen=True)
class _Measured:
    """A clip, its points and curves."""

    clip: Clip
    points: Mapping[Line, Mapping[float, Point]]
    curves: Mapping[Line, Curve]


def summarise(program: Program, findings: Findings) -> Results:
    """Put everything together, but for what this run took."""
    order = _lines(program)
    clips = [_of_clip(program, findings, clip, order) for clip in findings.clips]
    measured = findings.everything()
    return Results(
        libraries=LIBRARIES,
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        codec=program.settings.codec,
        preset=program.settings.preset,
        crfs=program.crfs,
        metrics=program.metrics,
        target_metric=program.target_metric,
        methods=program.methods(),
        clips=tuple(_clip_result(each) for each in clips),
        sets=tuple(
            found
            for name in SETS
            if (found := _of_set(program, findings, name, clips, order)) is not None
        ),
        failures=tuple(findings.failures),
        notes=tuple(findings.notes),
        cost=Cost(
            encode_cpu_s=round(sum(each.cpu_s for each in measured), 2),
            score_cpu_s=round(sum(each.score_cpu_s for each in measured), 2),
            xpsnr_cpu_s=round(sum(each.xpsnr_cpu_s for each in measured), 2),
            vmaf_cpu_s=round(sum(each.vmaf_cpu_s for each in measured), 2),
            other_cpu_s=round(
                sum(clip.cpu_s for clip in findings.clips)
                + sum(each.decode_cpu_s for each in measured),
                2,
            ),
            run_s=0.0,
        ),
    )


def _lines(program: Program) -> list[Line]:
    """Every curve there may be, in the order in which they are shown."""
    return [Line(each.name, scope) for each in program.methods() for scope in ("title", LIBRARY)]


def _of_clip(program: Program, findings: Findings, clip: Clip, order: Sequence[Line]) -> _Measured:
    grid = list(findings.points(clip, GRID).values())
    points: dict[Line, dict[float, Point]] = {}
    for line in order:
        for crf, measured in findings.points(clip, line).items():
            point = point_of(clip, crf, measured, findings.target(clip, line, crf))
            if line.method.startswith(ORACLE):
                point = replace(
                    point,
                    wall_s=round(point.wall_s + sum(each.wall_s for each in grid), _DIGITS),
                    cpu_s=round(point.cpu_s + sum(each.cpu_s for each in grid), _DIGITS),
                    encodes=point.encodes + len(grid),
                )
            points.setdefault(line, {})[crf] = point
    fixed = points.get(Line(FIXED), {})
    curves = {line: curve_of(line, those, fixed, program) for line, those in points.items()}
    shared = {
        line: replace(
            curve, oracle_share=share(line, program, [(curve, best_for(line, program, curves))])
        )
        for line, curve in curves.items()
    }
    return _Measured(clip, points, shared)


def _clip_result(measured: _Measured) -> ClipResult:
    clip = measured.clip
    return ClipResult(
        name=clip.entry.name,
        input=str(clip.entry.path),
        digest=clip.digest,
        group=clip.entry.group,
        width=clip.width,
        height=clip.height,
        frames=clip.frames,
        rate=round(clip.rate, 6),
        duration_s=round(clip.duration_s, 6),
        shots=len(clip.shots),
        set=clip.set,
        curves=tuple(measured.curves.values()),
    )


def _of_set(
    program: Program,
    findings: Findings,
    name: str,
    clips: Sequence[_Measured],
    order: Sequence[Line],
) -> SetResult | None:
    members = [each for each in clips if name in (LIBRARY, each.clip.set)]
    if not members or (name == LIBRARY and len(members) < 2):
        return None
    curves: dict[Line, Curve] = {}
    for line in order:
        if line.scope != _scope(name, line.method, members):
            continue
        having = [each for each in members if set(program.crfs) <= set(each.points.get(line, {}))]
        having = [
            each for each in having if set(program.crfs) <= set(each.points.get(Line(FIXED), {}))
        ]
        if having:
            missing = [each.clip.entry.name for each in members if each not in having]
            make = _library_curve if name == LIBRARY else _titles_curve
            curves[line] = make(program, findings, line, having, missing)
    for line, curve in curves.items():
        if name == LIBRARY:
            pairs = [(curve, best_for(line, program, curves) or _title_best(line, program, curves))]
        else:
            pairs = [
                (each.curves[line], best_for(line, program, each.curves))
                for each in members
                if line in each.curves
            ]
        curves[line] = replace(curve, oracle_share=share(line, program, pairs))
    names = tuple(each.clip.entry.name for each in members)
    return SetResult(name=name, clips=names, curves=tuple(curves.values()))


def _title_best(line: Line, program: Program, curves: Mapping[Line, Curve]) -> Curve | None:
    """The optimum of a library, for a rival that knows no scope."""
    return best_for(Line(line.method, LIBRARY), program, curves)


def _scope(name: str, method: str, members: Sequence[_Measured]) -> str:
    """The scope in which a method counts in a set."""
    known = any(Line(method, LIBRARY) in each.points for each in members)
    return LIBRARY if name == LIBRARY and known else "title"


def _pooled_points(
    program: Program, findings: Findings, line: Line, members: Sequence[_Measured]
) -> dict[float, Point]:
    clips = [each.clip for each in members]
    return {
        crf: pooled(
            clips,
            crf,
            [findings.points(clip, line)[crf] for clip in clips],
            [each.points[line][crf] for each in members],
        )
        for crf in program.crfs
    }


def _library_curve(
    program: Program,
    findings: Findings,
    line: Line,
    members: Sequence[_Measured],
    missing: Sequence[str],
) -> Curve:
    """The library's own curve: bytes are summed, and every frame counts by its pixels."""
    points = _pooled_points(program, findings, line, members)
    fixed = _pooled_points(program, findings, Line(FIXED), members)
    curve = curve_of(line, points, fixed, program)
    groups = [each.clip.entry.group for each in members]
    intervals = {}
    for metric in program.metrics:
        own, other = (_sums(members, each, metric, program.crfs) for each in (line, Line(FIXED)))
        pixels = np.array([each.clip.pixels for each in members], float)
        rate = partial(_rate_of, own=own, other=other, pixels=pixels)
        if curve.bd_rates[metric] is not None and (ends := interval(groups, rate)):
            intervals[metric] = (round(ends[0], _DIGITS), round(ends[1], _DIGITS))
    problems = dict(curve.problems)
    if missing:
        for metric in program.metrics:
            said = problems.get(metric)
            problems[metric] = "; ".join(filter(None, [said, f"without {', '.join(missing)}"]))
    return replace(
        curve,
        intervals=intervals,
        problems=problems,
        at_target=at_targets_of_set([each.curves[line] for each in members]),
    )


def _sums(
    members: Sequence[_Measured], line: Line, metric: str, crfs: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bytes, and scores summed over pixels, (clips, CRFs) each."""
    points = [[each.points[line][crf] for crf in crfs] for each in members]
    pixels = np.array([[each.clip.pixels] for each in members], float)
    sizes = np.array([[point.bytes for point in row] for row in points], float)
    means = np.array([[point.scores[metric].mean for point in row] for row in points])
    return sizes, means * pixels


def _rate_of(
    places: NDArray[np.intp],
    *,
    own: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
    pixels: NDArray[np.float64],
) -> float:
    """The BD-rate of a library of drawn clips; nan where there is none."""
    count = pixels[places].sum()
    curves = [RdCurve(b[places].sum(0), q[places].sum(0) / count) for b, q in (other, own)]
    found = compare_curves(*curves).percent
    return float("nan") if found is None else found


def _titles_curve(
    program: Program,
    findings: Findings,
    line: Line,
    members: Sequence[_Measured],
    missing: Sequence[str],
) -> Curve:
    """The mean over titles, each by itself."""
    points = _pooled_points(program, findings, line, members)
    fixed = _pooled_points(program, findings, Line(FIXED), members)
    own = [each.curves[line] for each in members]
    rates: dict[str, float | None] = {}
    intervals, problems = {}, {}
    for metric in program.metrics:
        values = [each.bd_rates[metric] for each in own]
        known = np.array([value for value in values if value is not None])
        rates[metric] = round(float(known.mean()), _DIGITS) if len(known) else None
        pairs = zip(members, values, strict=True)
        groups: dict[str, list[float]] = {}
        for each, value in pairs:
            if value is not None:
                groups.setdefault(each.clip.entry.group, []).append(value)
        if ends := mean_interval(groups):
            intervals[metric] = (round(ends[0], _DIGITS), round(ends[1], _DIGITS))
        whose: dict[str, list[str]] = {}
        for each in members:
            if problem := each.curves[line].problems.get(metric):
                whose.setdefault(problem, []).append(each.clip.entry.name)
        said = [f"{problem} ({', '.join(names)})" for problem, names in whose.items()]
        said += [f"without {', '.join(missing)}"] if missing else []
        if said:
            problems[metric] = "; ".join(said)
    return replace(
        curve_of(line, points, fixed, program),
        bd_rates=rates,
        intervals=intervals,
        problems=problems,
        bytes_ratio=geometric_mean(each.bytes_ratio for each in own if each.bytes_ratio),
        at_target=at_targets_of_set(own),
    )
