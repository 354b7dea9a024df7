"""`rlcodec benchmark`, as it is installed, from end to end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rlcodec.benchmark.methods import DEFAULT_RIVALS, SOURCES
from rlcodec.benchmark.reading import read_results
from rlcodec.benchmark.results import ClipResult, Curve, Results
from rlcodec.benchmark.run import run_benchmark
from rlcodec.events import Benchmarking, Event, Notice, Progress
from tests.conftest import Command
from tests.reels import ALONE, CRFS, FAST, reel


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """A folder in which an edited title and a single shot were measured, and what was told."""
    folder = tmp_path_factory.mktemp("measured")
    reel(folder / "film.mkv")
    reel(folder / "shot.mkv", ["rocket"], 24)
    events: list[Event] = []
    run_benchmark(
        [folder / "film.mkv", folder / "shot.mkv"],
        folder / "bench",
        policies=["rule"],
        crfs=CRFS,
        preset="superfast",
        jobs=2,
        on_progress=events.append,
    )
    return folder, events


@pytest.fixture
def folder(measured: tuple[Path, list[Event]], tmp_path: Path) -> Path:
    """A copy of it, where `rlcodec` runs."""
    shutil.copytree(measured[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def results_in(folder: Path) -> Results:
    return read_results(folder / "bench" / "results.json")


def curves_of(clip: ClipResult) -> dict[tuple[str, str], Curve]:
    return {(each.method, each.scope): each for each in clip.curves}


def test_every_method_is_measured_on_every_clip(measured: tuple[Path, list[Event]]) -> None:
    results = results_in(measured[0])
    assert results.failures == ()
    assert [clip.name for clip in results.clips] == ["film.mkv", "shot.mkv"]
    assert [(clip.set, clip.shots) for clip in results.clips] == [("edited", 4), ("single", 1)]
    assert [each.name for each in results.sets] == ["library", "edited", "single"]
    assert [each.name for each in results.methods] == [
        *("fixed", "rule", "re-picked rule", "two-pass", "boost-formula", "crf-search"),
        *("scene-search", "oracle"),
    ]
    assert {each.source for each in results.methods} >= {SOURCES[name] for name in DEFAULT_RIVALS}
    for clip in results.clips:
        curves = curves_of(clip)
        assert {method for method, _ in curves} == {each.name for each in results.methods}
        for scope in ("title", "library"):
            assert {("rule", scope), ("re-picked rule", scope), ("oracle", scope)} <= set(curves)
        for curve in clip.curves:
            assert [point.crf for point in curve.points] == list(CRFS)
            for point in curve.points:
                assert set(point.scores) == {"psnr_y", "ssim_y", "xpsnr_y"}
                assert point.bytes == sum(part.bytes for part in point.parts)
                assert sum(part.frames for part in point.parts) == clip.frames
                assert point.wall_s > 0
                assert point.cpu_s > 0
    cost = results.cost
    assert min(cost.encode_cpu_s, cost.score_cpu_s, cost.xpsnr_cpu_s, cost.other_cpu_s) > 0


def test_rivals_do_what_they_are_there_for(measured: tuple[Path, list[Event]]) -> None:
    film, _ = results_in(measured[0]).clips
    curves = curves_of(film)
    rule, fixed = curves["rule", "title"], curves["fixed", "title"]
    assert {part.crf for part in fixed.points[1].parts} == {27.0}
    assert len({part.crf for part in rule.points[1].parts}) > 1
    for own, other in zip(rule.points, curves["re-picked rule", "title"].points, strict=True):
        assert other.bytes == pytest.approx(own.bytes, rel=0.02)
        assert len({part.crf for part in other.parts}) == 1
    for own, other in zip(fixed.points, curves["crf-search", "title"].points, strict=True):
        assert other.target == pytest.approx(own.scores["xpsnr_y"].mean, abs=1e-3)
        assert other.encodes > 2
    assert curves["two-pass", "title"].encodes == 2
    assert curves["oracle", "title"].encodes > 12
    assert curves["oracle", "title"].oracle_share in (1.0, None)
    assert rule.encodes == 1


def test_the_search_is_told_apart_by_its_at_targets(measured: tuple[Path, list[Event]]) -> None:
    film, _ = results_in(measured[0]).clips
    for method, curve in ((method, each) for (method, _), each in curves_of(film).items()):
        interpolated = {each.interpolated for each in curve.at_target}
        assert interpolated <= {method not in ("crf-search", "scene-search")}


def test_progress_is_told_as_events(measured: tuple[Path, list[Event]]) -> None:
    events = measured[1]
    first, second = [each for each in events if isinstance(each, Benchmarking)]
    assert first.kept == second.kept == 0
    assert first.encodes > 20
    assert any("single shots" in each.message for each in events if isinstance(each, Notice))
    progress = [each.frames for each in events if isinstance(each, Progress)]
    assert progress == sorted(progress)
    assert 0.5 * first.frames < progress[-1] < 1.5 * first.frames


def test_a_second_run_measures_nothing_and_prints_the_same(folder: Path, rlcodec: Command) -> None:
    lines = (folder / "bench" / "measured.jsonl").read_text("utf-8")
    before: dict[str, Any] = json.loads((folder / "bench" / "results.json").read_text("utf-8"))
    done = rlcodec(
        *("benchmark", "film.mkv", "shot.mkv", "-o", "bench", *FAST, "--policy", "rule", "--json")
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("0 encodes to make") == 2
    assert (folder / "bench" / "measured.jsonl").read_text("utf-8") == lines
    printed = json.loads(done.stdout)
    assert printed == json.loads((folder / "bench" / "results.json").read_text("utf-8"))
    for each in (before, printed):
        del each["cost"]
        for clip in each["clips"]:
            del clip["input"]
    assert printed == before


def test_the_table_says_what_each_set_came_to(folder: Path, rlcodec: Command) -> None:
    done = rlcodec(*("benchmark", "film.mkv", "shot.mkv", "-o", "bench", *FAST, "--policy", "rule"))
    assert done.returncode == 0, done.stderr
    for words in (
        *("library: all clips together", "edited titles", "single shots", "re-picked rule"),
        *("scene-search", "at equal xpsnr_y", "PSNR, SSIM and the books"),
    ):
        assert words in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 140
    with (folder / "bench" / "results.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["method"] for row in rows} == {each.name for each in results_in(folder).methods}


def test_more_crfs_measure_only_what_is_new(folder: Path, rlcodec: Command) -> None:
    more = (*ALONE[:3], "20,27,31,34,41", *ALONE[4:])
    done = rlcodec("benchmark", "film.mkv", "-o", "bench", *more)
    assert done.returncode == 0, done.stderr
    assert "2 encodes to make, 8 were made before" in done.stderr
    assert "one clip is no library" in done.stderr
    assert [each.name for each in results_in(folder).sets] == ["edited"]


def test_scores_are_those_that_compare_finds(folder: Path, rlcodec: Command) -> None:
    done = rlcodec(
        *("transcode", "film.mkv", "out.mkv", "--preset", "superfast", "--crf", "27"),
        *("--policy", "rule", "--encoder-option", "x264-params=threads=1", "--json"),
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    compared = json.loads(
        rlcodec("compare", "film.mkv", "out.mkv", "--metric", "psnr,ssim,xpsnr", "--json").stdout
    )
    clip, _ = results_in(folder).clips
    point = curves_of(clip)["rule", "title"].points[1]
    for metric in ("psnr", "ssim", "xpsnr"):
        own, theirs = point.scores[f"{metric}_y"], compared["metrics"][metric]
        assert own.mean == pytest.approx(theirs["mean"], abs=1e-3)
        assert own.p5 == pytest.approx(theirs["p5"], abs=1e-3)
        assert own.worst_shot.start_frame == theirs["worst_shot"]["start_frame"]
    # But for how the encoder's message spells its settings
    assert point.bytes == pytest.approx(printed["video_bytes"], abs=8)


def test_a_clip_that_is_of_no_set_is_shown_by_itself(rlcodec: Command, tmp_path: Path) -> None:
    reel(tmp_path / "two.mkv", ["camera", "cat"], 15)
    done = rlcodec("benchmark", "two.mkv", "-o", "bench", *ALONE)
    assert done.returncode == 0, done.stderr
    title, _, *rows = done.stdout.splitlines()
    assert title == "two.mkv: 2 shots"
    assert [row.split()[0] for row in rows[:2]] == ["fixed", "rule"]
