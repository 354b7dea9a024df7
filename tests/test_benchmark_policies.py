"""What the benchmark of policies computes, and that it goes on where it was killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.encodes import Encode, Job, Store
from benchmarks.optimum import GRID, best_crfs
from benchmarks.rates import bd_rate_on_fine_curve, share
from benchmarks.sets import Clip, Video, draw
from benchmarks.summary import Mean, Score, score, summarise
from rlcodec.learn.objective import OBJECTIVES
from tests.clips import moving, write

VIDEO = Video("a", "g", "a.mp4", "digest", frames=24, shots=2, parts=("a.mkv",))
CRFS = (20.0, 24.0, 28.0, 32.0, 36.0)


def encoded(crf: float, size: float, psnr: float, ssim: float) -> Encode:
    return Encode(
        key=str(crf),
        video="a",
        policy="fixed",
        crf=crf,
        preset="medium",
        scope="title",
        bytes=round(size),
        scores={"psnr": psnr, "ssim": ssim},
        lengths=(2, 1),
        crfs=(crf, crf),
        new_shots=(True, True),
        frame_bytes=(10, 20, 30),
        frame_psnr=(40.0, 50.0, 30.0),
        frame_ssim=(0.9, 0.8, 0.7),
        notices=(),
        seconds=1.0,
    )


def curve(cheaper: float = 0.0, better: float = 0.0) -> list[Encode]:
    """Encodes at `CRFS` that cost `cheaper` less, as a share, and have `better` dB more."""
    return [
        encoded(crf, 1e6 * 2 ** (-crf / 6) * (1 - cheaper), 60 - crf / 2 + better, 1 - crf / 500)
        for crf in CRFS
    ]


def scored(name: str, rate: float) -> Score:
    video = replace(VIDEO, name=name, group=name)
    return Score(
        video,
        {"psnr": rate, "ssim": rate / 2},
        {"psnr": rate, "ssim": 0},
        1.0,
        {"psnr": 0.1, "ssim": 0.0},
    )


def test_scores_are_the_bytes_that_are_saved_and_what_they_buy() -> None:
    found = score(VIDEO, curve(cheaper=0.1), curve(), curve())
    assert found.fine == pytest.approx({"psnr": -10, "ssim": -10}, abs=0.01)
    assert found.bd_rates == pytest.approx({"psnr": -10, "ssim": -10}, abs=0.01)
    assert found.bytes_ratio == pytest.approx(0.9, abs=1e-4)
    # Half a dB for each CRF, and 6 of these for half the bytes
    assert found.repicked["psnr"] == pytest.approx(-3 * np.log2(0.9), abs=0.01)
    better = score(VIDEO, curve(better=0.3), curve(), [])
    assert better.bd_rates["psnr"] == pytest.approx(100 * (2**-0.1 - 1), abs=0.01)
    assert better.repicked == pytest.approx({"psnr": 0.3, "ssim": 0}, abs=1e-6)


def test_a_crf_that_is_only_moved_scores_nothing_on_a_finer_curve() -> None:
    def at(crfs: range) -> tuple[list[float], list[float]]:
        # A curve that bends as those of real video do
        return [2 ** (-crf / 6 - crf**2 / 400) for crf in crfs], [60 - crf**1.3 / 4 for crf in crfs]

    fine, moved = at(range(12, 46, 2)), at(range(23, 40, 4))
    assert abs(bd_rate_on_fine_curve(*fine, *moved)) < 0.02
    sizes, scores = at(range(20, 37, 4))
    assert bd_rate_on_fine_curve(*fine, sizes, scores) == pytest.approx(0, abs=1e-9)
    dearer = [1.05 * size for size in sizes]
    assert bd_rate_on_fine_curve(*fine, dearer, scores) == pytest.approx(5)
    assert np.isnan(bd_rate_on_fine_curve(*fine, sizes, [each + 60 for each in scores]))


def test_shares_of_the_optimum_are_paired() -> None:
    assert share([-5, -2], [-10, -2]) == (7 / 12, 0.75)
    best = [scored("a", -12), scored("b", -4)]
    summary = summarise("reels", "p", "balanced", [scored("a", -6), scored("b", 4)], best=best)
    assert summary.shares == pytest.approx((1 / 8, (0.5 - 1) / 2))
    assert (summary.median, summary.worst) == pytest.approx((-0.75, 3.0))
    found = summary.bd_rates["psnr"]
    assert isinstance(found, Mean)
    assert (found.mean, found.low, found.high) == (-1, -6, 4)
    # A share of no gain is none
    none = [scored("a", 0.0), scored("b", 0.0)]
    assert summarise("titles", "p", "psnr", best, best=none).shares is None


def test_a_curve_without_a_score_in_common_is_left_out_of_the_means() -> None:
    far = [replace(each, scores={**each.scores, "ssim": 2.0}) for each in curve()]
    good, bad = (score(VIDEO, each, curve(), []) for each in (curve(0.1), far))
    found = summarise("shots", "p", "psnr", [good, bad], best=None).bd_rates["ssim"]
    assert isinstance(found, Mean)
    assert found.mean == pytest.approx(-10, abs=0.01)
    assert summarise("shots", "p", "ssim", [bad], best=None).bd_rates["ssim"] is None


def grid(*, dearer: float = 1.0, new_shot: bool = True, cap: float = 100.0) -> list[Encode]:
    """Two segments of 10 frames; the second costs `dearer` times as much for the same steps."""
    found = []
    for crf in GRID:
        size = np.repeat([1e4, 1e4 * dearer], 10) * 2 ** (-crf / 6)
        found.append(
            replace(
                encoded(crf, 0, 0, 0),
                lengths=[10, 10],
                new_shots=[True, new_shot],
                frame_bytes=size.round().astype(int).tolist(),
                frame_psnr=[min(cap, 50 - crf / 2)] * 20,
                frame_ssim=[1 - crf / 500] * 20,
            )
        )
    return found


def test_the_optimum_meets_one_slope_and_changes_nothing_where_all_segments_are_alike() -> None:
    for objective in OBJECTIVES.values():
        assert best_crfs(grid(), 28, objective) == pytest.approx([28, 28], abs=0.26)
    cheap, dear = best_crfs(grid(dearer=4), 28, OBJECTIVES["psnr"])
    # Where quality falls by the same for each step, equal slopes are equal bytes per frame
    assert dear - cheap == pytest.approx(12, abs=0.5)
    held = best_crfs(grid(dearer=4), 28, OBJECTIVES["balanced"])
    assert 0 < held[1] - held[0] < dear - cheap
    # Within a shot a change has a cost
    low, high = best_crfs(grid(dearer=4, new_shot=False), 28, OBJECTIVES["psnr"])
    assert high - low < dear - cheap
    # Where nothing can be gained, no offset is worth more than another
    assert best_crfs(grid(dearer=4, cap=30), 20, OBJECTIVES["psnr"]) == [20, 20]


def test_a_reel_takes_a_second_clip_of_a_group_last() -> None:
    clips = [Clip(f"{group}{n}", Path(f"{group}{n}"), group) for group in "abc" for n in range(3)]
    drawn = draw(clips, 4, seed=3)
    assert {clip.group for clip in drawn[:3]} == {"a", "b", "c"}
    assert len(set(drawn)) == 4
    assert draw(clips, 4, seed=3) == drawn != draw(clips, 4, seed=4)


def test_an_evaluation_goes_on_where_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.mp4", moving(24))
    video = replace(VIDEO, path=str(source))
    kept = tmp_path / "encodes.jsonl"
    flat = Job(video=video, policy="fixed", crf=28, preset="veryfast", scope="title")
    plan = replace(flat, policy="optimum psnr", plan=((24, 24.0),))
    Store(kept).do([flat, flat, replace(flat, scope="library"), plan], 1)
    store = Store(kept)
    done, planned = store[flat], store[plan]
    assert sum(done.frame_bytes) == done.bytes
    assert np.mean(done.frame_psnr) == pytest.approx(done.scores["psnr"], abs=1e-3)
    assert (done.lengths, done.crfs, planned.crfs) == ([24], [28.0], [24.0])
    assert planned.scores["psnr"] > done.scores["psnr"]
    lines = kept.read_text("utf-8").splitlines(keepends=True)
    assert len(lines) == 2
    # Killed within the last line: that encode is done again, and no other
    kept.write_text(lines[0] + lines[1][:50], "utf-8")
    store = Store(kept)
    assert store.find(flat) == done
    assert store.find(plan) is None
    store.do([flat, plan], 1)
    assert replace(Store(kept)[plan], seconds=0) == replace(planned, seconds=0)
    # Another score asks for another run, a score that is there for none
    assert store.find(replace(flat, metrics=("psnr", "ssim", "vmaf"))) is None
    assert store.find(replace(flat, metrics=("psnr",))) is not None
    monkeypatch.setattr("benchmarks.kept.ProcessPoolExecutor", None)
    Store(kept).do([flat, plan], 1)
