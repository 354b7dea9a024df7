"""What a benchmark makes of its measurements, and how it keeps that: figures worked out by hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.export import to_csv
from rlcodec.benchmark.figures import (
    RdCurve,
    at_quality,
    bytes_at,
    compare_curves,
    interval,
    mean_interval,
    share_of,
)
from rlcodec.benchmark.measured import Measured, kept
from rlcodec.benchmark.methods import GRID, Line, Program, candidates_for
from rlcodec.benchmark.points import point_of, pooled
from rlcodec.benchmark.reading import read_results
from rlcodec.benchmark.results import ClipResult, Curve, Results, SetResult
from rlcodec.benchmark.rivals.crf_search import CrfSearch
from rlcodec.benchmark.rivals.recipe import ByPolicy, FixedCrf, Recipe
from rlcodec.benchmark.summary import Findings, summarise
from rlcodec.corpus.manifest import Entry
from rlcodec.errors import InputError
from rlcodec.settings import Settings

CRFS = (20.0, 26.0, 32.0, 38.0)
METRICS = ("psnr_y", "ssim_y", "xpsnr_y")


def curve(*points: tuple[float, float]) -> RdCurve:
    sizes, qualities = np.array(points, float).T
    return RdCurve(sizes, qualities)


FIXED = curve((8000, 42), (4000, 38), (2000, 34), (1000, 30))


def test_a_bd_rate_is_told_only_where_it_means_something() -> None:
    found = compare_curves(FIXED, replace(FIXED, bytes=0.9 * FIXED.bytes))
    assert found.percent == pytest.approx(-10)
    assert found.problem is None
    few = compare_curves(FIXED, curve((8000, 42), (4000, 38), (2000, 34)))
    assert (few.percent, few.problem) == (None, "it has 3 points of 4 needed")
    bent = compare_curves(FIXED, curve((8000, 42), (4000, 43), (2000, 34), (1000, 30)))
    assert (bent.percent, bent.problem) == (None, "it does not get better with every byte")
    saturated = compare_curves(replace(FIXED, quality=np.array([42, 42, 34, 30.0])), FIXED)
    assert (saturated.percent, saturated.problem) == (
        None,
        "fixed CRF does not get better with every byte",
    )
    # Three of the twelve decibels of fixed CRF are a quarter, two are not enough
    assert compare_curves(FIXED, replace(FIXED, quality=FIXED.quality + 9)).percent is not None
    apart = compare_curves(FIXED, replace(FIXED, quality=FIXED.quality + 10))
    assert apart.percent is None
    assert apart.problem == "only 17% of the qualities of fixed CRF are reached"
    none = compare_curves(FIXED, replace(FIXED, quality=FIXED.quality + 30))
    assert none.problem == "only 0% of the qualities of fixed CRF are reached"


def test_curves_that_cross_are_named() -> None:
    crossing = curve((8800, 42), (4200, 38), (1950, 34), (900, 30))
    found = compare_curves(FIXED, crossing)
    assert found.percent is not None
    assert found.problem == "crosses fixed CRF: -10.0 to +10.0 %"


def test_what_a_quality_takes_is_read_between_points() -> None:
    assert bytes_at(FIXED, 36) == pytest.approx(2000 * 2**0.5)
    assert bytes_at(FIXED, 42) == pytest.approx(8000)
    assert bytes_at(FIXED, 42.1) is None
    assert bytes_at(replace(FIXED, quality=np.array([42, 38, 39, 30.0])), 36) is None
    seconds = np.array([8.0, 4.0, 2.0, 1.0])
    assert at_quality(FIXED.quality, seconds, 36) == 3.0


def test_intervals_are_over_groups_of_clips() -> None:
    values = np.array([1.0, 1.0, 5.0])
    found = interval(["a", "a", "b"], lambda places: float(values[places].mean()))
    # Both of a, both of b, or one of each
    assert found == (1.0, 5.0)
    assert interval(["a", "a"], lambda places: float(places.mean())) is None
    assert interval(["a", "b"], lambda _: float("nan")) is None


def test_an_interval_of_a_mean_counts_groups_and_not_videos() -> None:
    values = {str(number): [float(number)] for number in range(10)}
    found = mean_interval(values)
    assert found is not None
    low, high = found
    assert low < 4.5 < high
    assert high - low == pytest.approx(2 * 1.96 * np.std(range(10)) / np.sqrt(10), rel=0.1)
    assert mean_interval({name: each * 50 for name, each in values.items()}) == (low, high)
    assert mean_interval({"one": [1.0, 2.0, 3.0]}) is None


def test_a_share_needs_something_to_share() -> None:
    assert share_of(-2.0, -4.0) == 0.5
    assert share_of(-2.0, -0.05) is None


def made_clip(name: str, shots: int = 4) -> Clip:
    entry = Entry(Path(name), name, name, None)
    return Clip(
        entry=entry,
        digest=name,
        width=64,
        height=48,
        rate=25.0,
        duration_s=10 * shots / 25,
        segments=((10, True),) * shots,
        cpu_s=0.5,
    )


def measured(
    clip: Clip, recipe: Recipe, *, saves: float = 0.0, lower: float = 0.0, wall_s: float = 2.0
) -> Measured:
    """An encode whose bytes halve with every 6 of CRF, less what it saves; PSNR falls by 4."""
    steps = (recipe.crf - 20) / 6
    frames = clip.frames
    psnr = np.full(frames, 42 - 4 * steps - lower)
    psnr[:10] -= 2  # the first shot is the worst
    size = round(16_000 * (1 - saves) * 2**-steps)
    return Measured(
        key=f"{clip.entry.name} {recipe.key()}",
        chosen=((frames, recipe.crf),),
        bytes=np.full(frames, size, np.int64),
        scores={
            "psnr_y": kept("psnr_y", psnr),
            "ssim_y": kept("ssim_y", 1 - 10 ** (-psnr / 20)),
            "xpsnr_y": kept("xpsnr_y", psnr + 1),
        },
        encodes=1.0,
        wall_s=wall_s,
        cpu_s=wall_s,
        peak_memory=10**8,
        score_cpu_s=0.2,
        xpsnr_cpu_s=0.1,
        vmaf_cpu_s=0.0,
        decode_cpu_s=0.0,
    )


PROGRAM = Program(
    settings=Settings(),
    crfs=CRFS,
    candidates=candidates_for(["rule"]),
    rivals=("fixed", "crf-search"),
    metrics=METRICS,
    scopes=("title", "library"),
)


def results_of(savings: Mapping[str, float], *, leave_out: str = "") -> Results:
    """Results of clips on which the policy saves these shares; `leave_out` lacks one point."""
    findings = Findings(clips=[made_clip(name) for name in savings])
    for clip in findings.clips:
        name = clip.entry.name
        for crf in CRFS:
            fixed = FixedCrf(crf=crf)
            findings.add(clip, Line("fixed"), fixed, measured(clip, fixed))
            for scope in ("title", "library"):
                policy = ByPolicy(crf=crf, policy="rule", digest="rule", scope=scope)
                if (name, crf) != (leave_out, 26.0):
                    made = measured(clip, policy, saves=savings[name], wall_s=2.2)
                    findings.add(clip, Line("rule", scope), policy, made)
            search = CrfSearch(crf=crf, metric="xpsnr_y", quality=40.0)
            made = measured(clip, search, saves=0.2, lower=0.5, wall_s=8.0)
            findings.add(clip, Line("crf-search"), search, made)
    return summarise(PROGRAM, findings)


def only(curves: tuple[Curve, ...], method: str, scope: str = "title") -> Curve:
    (found,) = [each for each in curves if (each.method, each.scope) == (method, scope)]
    return found


def edited(results: Results) -> SetResult:
    (found,) = [each for each in results.sets if each.name == "edited"]
    return found


def test_curves_of_a_clip() -> None:
    (clip,) = results_of({"a": 0.1}).clips
    assert isinstance(clip, ClipResult)
    assert (clip.set, clip.shots, clip.frames) == ("edited", 4, 40)
    rule = only(clip.curves, "rule")
    assert rule.bd_rates == pytest.approx(dict.fromkeys(METRICS, -10.0), abs=0.01)
    assert rule.bytes_ratio == pytest.approx(0.9, abs=1e-4)
    assert (rule.wall_s, rule.wall_ratio) == (8.8, 1.1)
    point = rule.points[0]
    assert (point.crf, point.chosen_crf, point.bytes) == (20.0, 20.0, 40 * 14_400)
    # A quarter of the frames is 2 dB worse
    score = point.scores["psnr_y"]
    assert (score.mean, score.p5) == (41.5, 40.0)
    assert score.harmonic_mean == pytest.approx(1 / (0.25 / 41 + 0.75 / 43) - 1, abs=1e-5)
    assert (score.worst_shot.start_frame, score.worst_shot.mean) == (0, 40.0)
    assert [part.bytes for part in point.parts] == [144_000] * 4
    assert [part.psnr_y for part in point.parts] == [40.0, 42.0, 42.0, 42.0]
    assert only(clip.curves, "fixed").bd_rates == dict.fromkeys(METRICS, 0.0)


def test_searches_are_compared_at_their_targets_and_policies_on_their_curves() -> None:
    (clip,) = results_of({"a": 0.1}).clips
    search = only(clip.curves, "crf-search")
    assert [point.target for point in search.points] == [40.0] * 4
    first = search.at_target[0]
    assert (first.bytes_ratio, first.wall_ratio) == (0.8, 4.0)
    assert (first.miss, first.p5_gain, first.interpolated) == (-0.5, -0.5, False)
    rule = only(clip.curves, "rule").at_target[1]
    assert rule.bytes_ratio == pytest.approx(0.9, abs=1e-4)
    assert (rule.wall_ratio, rule.p5_gain, rule.interpolated) == (1.1, 0.0, True)


def test_sets_are_means_over_titles_and_the_library_is_one_curve() -> None:
    results = results_of({"a": 0.1, "b": 0.3})
    assert [each.name for each in results.sets] == ["library", "edited"]
    rule = only(edited(results).curves, "rule")
    assert rule.bd_rates["psnr_y"] == pytest.approx(-20, abs=0.01)
    low, high = rule.intervals["psnr_y"]
    assert (low, high) == pytest.approx((-30, -10), abs=0.01)
    assert rule.bytes_ratio == pytest.approx((0.9 * 0.7) ** 0.5, abs=1e-4)
    assert rule.points[0].bytes == 40 * (14_400 + 11_200)
    assert rule.points[0].scores["psnr_y"].worst_clip == "a"
    library = only(results.sets[0].curves, "rule", "library")
    assert library.bd_rates["psnr_y"] == pytest.approx(-20, abs=0.01)
    assert library.bytes_ratio == pytest.approx(0.8, abs=1e-4)
    # A rival knows no scope, and counts in the library all the same
    assert only(results.sets[0].curves, "crf-search").bytes_ratio == pytest.approx(0.8, abs=1e-4)


def test_in_a_library_a_frame_counts_by_its_pixels() -> None:
    clips = [made_clip("a"), replace(made_clip("b"), width=3 * 64, height=3 * 48)]
    fixed = FixedCrf(crf=20.0)
    made = [measured(clip, fixed, lower=lower) for clip, lower in zip(clips, (0, 2), strict=True)]
    points = [point_of(*each, None) for each in zip(clips, (20.0, 20.0), made, strict=True)]
    assert [each.scores["psnr_y"].mean for each in points] == [41.5, 39.5]
    found = pooled(clips, 20.0, made, points)
    assert found.scores["psnr_y"].mean == pytest.approx(0.1 * 41.5 + 0.9 * 39.5)
    assert found.bytes == 2 * points[0].bytes
    # A decibel lost in the large one alone
    findings = Findings(clips=clips)
    for clip, lower in zip(clips, (0.0, 1.0), strict=True):
        for crf in CRFS:
            findings.add(clip, Line("fixed"), FixedCrf(crf=crf), measured(clip, FixedCrf(crf=crf)))
            policy = ByPolicy(crf=crf, policy="rule", digest="rule", scope="library")
            findings.add(clip, Line("rule", "library"), policy, measured(clip, policy, lower=lower))
    library = only(summarise(PROGRAM, findings).sets[0].curves, "rule", "library")
    # 0.9 of a decibel at 4 dB for a halving
    assert library.bd_rates["psnr_y"] == pytest.approx(100 * (2 ** (0.9 / 4) - 1), abs=0.01)


def test_a_clip_that_lacks_a_point_is_left_out_by_name() -> None:
    results = results_of({"a": 0.1, "b": 0.3}, leave_out="b")
    rule = only(edited(results).curves, "rule")
    assert rule.bd_rates["psnr_y"] == pytest.approx(-10, abs=0.01)
    assert rule.problems == dict.fromkeys(METRICS, "without b")
    assert rule.points[0].bytes == 40 * 14_400
    other = next(clip for clip in results.clips if clip.name == "b")
    lacking = only(other.curves, "rule")
    assert [point.crf for point in lacking.points] == [20.0, 32.0, 38.0]
    assert lacking.bd_rates["psnr_y"] is None
    assert lacking.problems["psnr_y"] == "it has 3 points of 4 needed"


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    results = results_of({"a": 0.1, "b": 0.3}, leave_out="b")
    path = tmp_path / "results.json"
    path.write_text(results.to_json(), encoding="utf-8")
    assert read_results(path) == results
    document = json.loads(path.read_text("utf-8"))
    point = document["clips"][0]["curves"][0]["points"][0]
    assert {"crf", "bytes", "psnr_y", "ssim_y", "vmaf"} <= set(point)
    assert (point["psnr_y"], point["vmaf"]) == (41.5, None)


def test_results_that_are_none_are_refused_by_the_field(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    document = json.loads(results_of({"a": 0.1}).to_json())

    def refused(**changes: object) -> str:
        path.write_text(json.dumps(document | changes), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read_results(path)
        return str(caught.value)

    assert "this rlcodec reads rlcodec-benchmark of version 1" in refused(version=2)
    assert "crfs is " in refused(crfs="20")
    assert "methods[0].name is missing" in refused(methods=[{}])
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as results of a benchmark"):
        read_results(path)


def test_the_table_has_a_line_for_every_point() -> None:
    results = results_of({"a": 0.1, "b": 0.3})
    rows = list(csv.DictReader(io.StringIO(to_csv(results))))
    curves = [each for clip in results.clips for each in clip.curves]
    curves += [each for some in results.sets for each in some.curves]
    assert len(rows) == sum(len(each.points) for each in curves)
    first = rows[0]
    assert (first["clip"], first["set"], first["method"]) == ("a", "edited", "fixed")
    assert (first["crf"], first["psnr_y"], first["psnr_y_p5"]) == ("20.0", "41.5", "40.0")
    assert (first["vmaf"], first["bytes"]) == ("", str(40 * 16_000))
    assert {row["clip"] for row in rows if row["set"] == "library"} == {""}


def test_the_optimum_is_only_known_where_the_grid_is_complete() -> None:
    program = replace(PROGRAM, rivals=("fixed", "oracle"), scopes=("title",))
    clip = made_clip("a")
    recipes = [recipe for line, recipe in program.first([]) if line == GRID]
    points = {recipe.crf: measured(clip, recipe) for recipe in recipes}
    fixed = {crf: measured(clip, FixedCrf(crf=crf)) for crf in CRFS}
    lines = {Line("fixed"): fixed, GRID: points}
    found = [line for line, _ in program.second(clip, lines, {})]
    assert found == [Line("oracle")] * 4
    del points[recipes[0].crf]
    assert list(program.second(clip, lines, {})) == []
