"""Interpolation and BD-rate, against SciPy; and the curves of segments, against plain sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from rlcodec.learn.bdrate import bd_rate
from rlcodec.learn.episodes import Episodes, Reels
from rlcodec.learn.pchip import Pchip
from tests.tables import CRFS, clip

Values = NDArray[np.float64]


@st.composite
def curves(draw: st.DrawFn) -> tuple[Values, Values]:
    count = draw(st.integers(3, 8))
    steps = draw(st.lists(st.floats(0.1, 9), min_size=count, max_size=count))
    values = draw(st.lists(st.integers(-50, 50), min_size=2 * count, max_size=2 * count))
    return np.cumsum(steps), np.array(values, float).reshape(2, count)


@given(curves())
def test_interpolation_is_that_of_scipy(drawn: tuple[Values, Values]) -> None:
    x, y = drawn
    ours, points = Pchip(x, y), np.linspace(x[0], x[-1], 23)
    theirs = PchipInterpolator(x, y, axis=1)
    assert ours(points) == pytest.approx(theirs(points), abs=1e-8)
    assert ours.derivative(points) == pytest.approx(theirs.derivative()(points), abs=1e-6)
    low, high = x[0] + 0.3 * (x[-1] - x[0]), x[0] + 0.8 * (x[-1] - x[0])
    assert ours.integral(low, high) == pytest.approx(theirs.integrate(low, high), abs=1e-7)
    assert ours.at(1, points[7]) == pytest.approx(ours(points)[1, 7])


def test_two_points_make_a_line() -> None:
    line = Pchip(np.array([1.0, 3.0]), np.array([[2.0, 6.0]]))
    assert line(np.array([1.0, 1.5, 3.0]))[0].tolist() == [2.0, 3.0, 6.0]
    assert line.derivative(np.array([2.0]))[0, 0] == 2.0


RATES, QUALITIES = np.array([90.0, 160, 310, 690]), np.array([31.4, 34.2, 37.2, 40.3])


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.5])
def test_a_curve_that_always_needs_more_has_that_bd_rate(factor: float) -> None:
    assert bd_rate(RATES, QUALITIES, factor * RATES, QUALITIES) == pytest.approx(factor - 1)


@settings(max_examples=50)
@given(
    st.lists(st.floats(0.5, 2), min_size=4, max_size=4),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
)
def test_bd_rate_is_the_mean_distance_of_the_curves(rates: list[float], moves: list[float]) -> None:
    tested, quality = np.sort(RATES * rates), QUALITIES + moves
    if not (np.diff(tested) > 0).all():
        return
    curve, other = (
        PchipInterpolator(q, np.log(r)) for q, r in ((QUALITIES, RATES), (quality, tested))
    )
    points = np.linspace(max(QUALITIES[0], quality[0]), min(QUALITIES[-1], quality[-1]), 20001)
    distances = other(points) - curve(points)
    expected = np.expm1(((distances[1:] + distances[:-1]) / 2).mean())
    shuffled = [2, 0, 3, 1]
    found = bd_rate(RATES, QUALITIES, tested[shuffled], quality[shuffled])
    assert found == pytest.approx(expected, abs=1e-5)


def test_curves_that_never_reach_the_same_quality_cannot_be_compared() -> None:
    assert np.isnan(bd_rate(RATES, QUALITIES, RATES, QUALITIES + 20))
    assert np.isnan(bd_rate(RATES, QUALITIES, RATES[:1], QUALITIES[:1]))


def test_points_worse_than_cheaper_ones_count_for_nothing() -> None:
    rates, qualities = np.append(RATES, 500.0), np.append(QUALITIES, 33.0)
    assert bd_rate(RATES, QUALITIES, rates, qualities) == pytest.approx(0.0)


def test_at_the_crfs_of_the_grid_segments_come_to_their_frames() -> None:
    made = clip(4, vmaf=True)
    episode = Episodes([made]).title(0)
    outcome = episode.curves.at(CRFS.astype(float))
    for place, segment in enumerate(episode.segments):
        frames = slice(segment.start_frame, segment.start_frame + len(segment.frames))
        assert outcome.bytes[place] == pytest.approx(made.bytes[:, frames].sum(axis=1))
        assert outcome.psnr[place] == pytest.approx(made.psnr[:, frames].mean(axis=1))
        capped = np.minimum(made.psnr[:, frames], 48).mean(axis=1)
        assert outcome.capped_psnr[place] == pytest.approx(capped)
        assert outcome.ssim[place] == pytest.approx(made.ssim[:, frames].mean(axis=1))
        assert made.vmaf is not None
        assert outcome.vmaf[place] == pytest.approx(made.vmaf[:, frames].mean(axis=1))
        error = (10 ** (-made.reported_psnr[:, frames].astype(float) / 10)).mean(axis=1)
        assert outcome.reported_psnr[place] == pytest.approx(-10 * np.log10(error), abs=1e-6)


def test_bytes_between_and_beyond_the_grid() -> None:
    curves = Episodes([clip(4)]).title(0).curves
    between, both = curves.at(np.array([25.5])).bytes[:, 0], curves.at(np.array([24.0, 27.0])).bytes
    assert (both[:, 1] < between).all()
    assert (between < both[:, 0]).all()
    beyond = curves.at(np.array([3.0, 12.0, 45.0, 51.0])).bytes
    assert (beyond[:, 0] == beyond[:, 1]).all()
    assert (beyond[:, 2] == beyond[:, 3]).all()


def test_slopes_are_those_of_the_curves() -> None:
    curves = Episodes([clip(4)]).title(0).curves
    near = curves.at(np.array([27.299, 27.301]))
    slopes = curves.slopes(27.3)
    for name in ("bytes", "capped_psnr", "ssim", "psnr", "reported_psnr"):
        steps = np.diff(getattr(near, name))[:, 0] / 0.002
        assert getattr(slopes, name) == pytest.approx(steps, rel=1e-3)


def test_a_crf_for_each_segment_is_looked_up_like_a_grid_of_them() -> None:
    curves = Episodes([clip(4)], reels=Reels(clips=1)).title(0).curves
    crfs = np.linspace(19, 33, len(curves.frames))
    chosen, grid = curves.chosen(crfs), curves.at(crfs)
    assert chosen.bytes == pytest.approx(np.diagonal(grid.bytes))
    assert chosen.ssim == pytest.approx(np.diagonal(grid.ssim))
    count, psnr = curves.one(2, crfs[2])
    assert count == round(grid.bytes[2, 2])
    assert psnr == pytest.approx(grid.reported_psnr[2, 2])
