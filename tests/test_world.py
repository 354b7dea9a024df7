"""The model of the encoder, against the same worked out one kernel value at a time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from numpy.typing import NDArray

from rlcodec.analysis.frames import COLUMN
from rlcodec.learn import world
from rlcodec.learn.episodes import Episode, Episodes
from rlcodec.learn.world import WorldModel
from tests.tables import CRFS, clip

Values = NDArray[np.float64]

GRID = CRFS.astype(float)
SIZES = ((640, 360), (320, 180), (480, 270))
CLIPS = [
    replace(
        clip(seed, (30, 45, 20)),
        width=SIZES[seed % 3][0],
        height=SIZES[seed % 3][1],
        rate=Fraction(24 + 2 * (seed % 4)),
    )
    for seed in range(8)
]
EPISODES = Episodes(CLIPS)
TITLES = [EPISODES.title(place) for place in range(len(CLIPS))]


def features(episode: Episode) -> Values:
    """What the model goes by, of every segment."""
    rows = []
    for segment in episode.segments:
        means = segment.means
        logs = [means[f"log_{name}"] for name in ("spatial", "temporal", "detail", "grain")]
        rows.append(
            [
                *(means["flat_share"], *logs, means["probe_log_bpp"], means["probe_psnr"]),
                *(np.log2(len(segment.frames)), means["log_grain"] - means["log_temporal"]),
                *(np.log2(episode.rate), np.log2(episode.width * episode.height)),
            ]
        )
    return np.array(rows)


def told(number: int) -> Values:
    """What the table says of every segment of a clip: at each CRF, three values."""
    made, rows = CLIPS[number], []
    for segment in TITLES[number].segments:
        frames = slice(segment.start_frame, segment.start_frame + len(segment.frames))
        bits = 8 * made.bytes[:, frames].mean(axis=1) / (made.width * made.height)
        psnr = np.minimum(made.psnr[:, frames], EPISODES.psnr_cap).mean(axis=1, dtype=float)
        error = 1 - made.ssim[:, frames].mean(axis=1, dtype=float)
        rows.append([np.log2(bits), psnr / 3, np.log2(error)])
    return np.array(rows)


def test_it_is_ridge_regression_with_a_gaussian_kernel() -> None:
    learned = np.concatenate([features(each) for each in TITLES[:-1]])
    mean, scale = learned.mean(axis=0), learned.std(axis=0)
    known, asked = (
        np.clip((each - mean) / scale, -4, 4) for each in (learned, features(TITLES[-1]))
    )
    targets = np.concatenate([told(number) for number in range(len(CLIPS) - 1)])
    centre = targets.mean(axis=0)
    kernel, across = (
        np.array([[np.exp(-0.02 * ((a - b) ** 2).sum()) for b in known] for a in rows])
        for rows in (known, asked)
    )
    weights = scipy.linalg.solve(
        kernel + 0.3 * np.eye(len(known)),
        (targets - centre).reshape(len(known), -1),
        assume_a="pos",
    )
    expected = centre + (across @ weights).reshape(-1, 3, len(GRID))

    last = TITLES[-1]
    curves = WorldModel.fit(TITLES[:-1]).curves(last.segments, last.rate, last.pixels)
    found = curves.at(GRID)
    frames = np.array([[len(each.frames)] for each in last.segments])
    bits = 8 * found.bytes / (last.pixels * frames)
    assert np.log2(bits) == pytest.approx(expected[:, 0], abs=1e-4)
    assert found.capped_psnr == pytest.approx(3 * expected[:, 1], abs=1e-4)
    assert found.ssim == pytest.approx(1 - 2 ** expected[:, 2], abs=1e-5)
    assert curves.frames == pytest.approx(frames[:, 0])
    assert np.array_equal(found.psnr, found.capped_psnr)
    assert np.array_equal(found.reported_psnr, found.psnr)
    assert np.isnan(found.vmaf).all()


def test_with_hardly_a_ridge_it_knows_what_it_was_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "RIDGE", 1e-9)
    model = WorldModel.fit(TITLES)
    for title in TITLES:
        found = model.curves(title.segments, title.rate, title.pixels).at(GRID)
        shown = title.curves.at(GRID)
        assert np.log2(found.bytes / shown.bytes) == pytest.approx(0, abs=0.01)
        assert found.capped_psnr == pytest.approx(shown.capped_psnr, abs=0.01)
        assert found.ssim == pytest.approx(shown.ssim, abs=0.001)


def test_a_higher_crf_costs_and_keeps_less_on_average() -> None:
    model = WorldModel.fit(TITLES[1:])
    found = model.curves(TITLES[0].segments, TITLES[0].rate, TITLES[0].pixels).at(GRID)
    for each in (np.log2(found.bytes), found.capped_psnr, found.ssim):
        assert (np.diff(each.mean(axis=0)) < 0).all()


def test_dearer_segments_of_a_title_are_told_from_cheaper_ones() -> None:
    model = WorldModel.fit(TITLES)
    found, shown = [], []
    for title in TITLES:
        pixels = title.pixels * title.curves.frames
        curves = model.curves(title.segments, title.rate, title.pixels)
        found.append(np.log2(curves.at(GRID[5:6]).bytes[:, 0] / pixels))
        shown.append(np.log2(title.curves.at(GRID[5:6]).bytes[:, 0] / pixels))
    assert np.corrcoef(np.concatenate(found), np.concatenate(shown))[0, 1] > 0.9


def test_what_never_varied_counts_for_nothing() -> None:
    alike = Episodes([clip(seed) for seed in range(3)])
    model = WorldModel.fit([alike.title(place) for place in range(3)])
    segments = alike.title(0).segments
    slow, fast = (model.curves(segments, rate, 640 * 360).at(GRID) for rate in (25.0, 50.0))
    assert np.array_equal(slow.bytes, fast.bytes)


def test_what_lies_far_beyond_all_that_was_seen_counts_as_its_edge() -> None:
    model = WorldModel.fit(TITLES)
    first = TITLES[0].segments[0]

    def bytes_at(psnr: float) -> Values:
        moved = first.frames.copy()
        moved[:, COLUMN["probe_psnr"]] = psnr
        return model.curves([replace(first, frames=moved)], 25.0, 640 * 360).at(GRID).bytes

    assert np.array_equal(bytes_at(1e3), bytes_at(1e6))
    assert not np.array_equal(bytes_at(35.0), bytes_at(45.0))
