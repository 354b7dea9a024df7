from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis import state
from rlcodec.analysis.features import FeatureExtractor, FrameFeatures
from rlcodec.media.luma import SmallLuma, as_array
from rlcodec.media.picture import Colour, Picture
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.interface import Action, bounded
from rlcodec.policy.rule import Rule
from tests.clips import moving

TITLE = state.Title(width=1280, height=720, rate=25.0, crf=23.0, max_offset=8.0)
GREY = FrameFeatures(100.0, 20.0, 0.0, 0.1, 5.0, 3.0, np.full((22, 40), 100, np.float32))


def segment(index: int, start: int, bpp: list[float], *, new_shot: bool = True) -> state.Segment:
    frames = [state.Frame(GREY, each, 26.0, 40.0) for each in bpp]
    return state.Segment(index, start, new_shot, frames)


def test_every_input_has_a_name_of_its_own_and_a_unit() -> None:
    names = [each.name for each in state.INPUTS]
    assert len(set(names)) == len(names)
    assert all(each.unit for each in state.INPUTS)


def test_the_list_of_inputs_belongs_to_its_version() -> None:
    # A change here is a change of every policy file: raise state.VERSION with it
    names = ",".join(each.name for each in state.INPUTS)
    assert (state.VERSION, len(state.INPUTS), names.count("probe")) == (1, 28, 5)


def test_the_state_says_what_was_measured() -> None:
    history = state.History(TITLE)
    built = state.build(segment(0, 0, [2.0, 0.5, 0.5]), history)
    assert built["probe_log_bpp"] == pytest.approx(-1.0)
    assert built["probe_log_bpp_first"] == pytest.approx(1.0)
    assert built["length"] == pytest.approx(math.log2(3))
    assert built["crf"] == 23.0
    assert built["title_frames"] == 0.0
    assert built.values.dtype == np.float32


def test_history_is_a_running_mean_over_frames() -> None:
    history = state.History(TITLE)
    first, second = segment(0, 0, [1.0] + [0.25] * 9), segment(1, 10, [1.0] + [0.0625] * 29)
    history.decided(first, -2.0)
    history.decided(second, 4.0)
    built = state.build(segment(2, 40, [0.5, 0.5]), history)
    logs = np.array([-2.0] * 10 + [-4.0] * 30)
    assert built["title_log_bpp"] == pytest.approx(logs.mean())
    assert built["title_log_bpp_spread"] == pytest.approx(logs.std(), rel=1e-5)
    assert built["title_offset"] == pytest.approx((10 * -2 + 30 * 4) / 40)
    assert built["previous_offset"] == 4.0
    assert built["previous_log_bpp"] == pytest.approx(-4.0)


def test_the_encoders_reports_arrive_late_and_are_told() -> None:
    history = state.History(TITLE)
    history.decided(segment(0, 0, [1.0, 0.5]), 0.0)
    history.decided(segment(1, 2, [1.0, 0.25]), 0.0)
    assert state.build(segment(2, 4, [1.0]), history)["reports"] == 0.0
    history.reported(0, 1280 * 720 * 2 // 8, 41.5)
    built = state.build(segment(2, 4, [1.0]), history)
    assert built["reports"] == 1.0
    assert built["reported_log_bpp"] == pytest.approx(0.0)
    assert built["reported_psnr"] == 41.5
    assert built["reported_probe_log_bpp"] == pytest.approx(-1.0)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20), st.booleans())
def test_the_state_is_always_finite(bpp: list[float], new_shot: bool) -> None:
    history = state.History(TITLE)
    built = state.build(segment(0, 0, bpp, new_shot=new_shot), history)
    assert np.isfinite(built.values).all()
    history.decided(segment(0, 0, bpp, new_shot=new_shot), 1.0)
    assert np.isfinite(state.build(segment(1, 20, bpp), history).values).all()


def test_features_against_plain_numpy() -> None:
    first, second = moving(2, width=320, height=176)
    extractor = FeatureExtractor()
    extractor.measure(first)
    measured = extractor.measure(second)
    wide = second.astype(float)
    blocks = wide.reshape(22, 8, 40, 8).mean(axis=(1, 3))
    assert measured.thumbnail == pytest.approx(blocks, abs=1e-3)
    assert measured.luma_mean == pytest.approx(wide.mean(), abs=1e-3)
    assert measured.temporal == pytest.approx(np.abs(wide - first).mean(), abs=1e-9)
    gradient = (
        np.abs(np.diff(wide, axis=1))[:-1].sum() + np.abs(np.diff(wide, axis=0))[:, :-1].sum()
    )
    assert measured.spatial == pytest.approx(gradient / wide.size / 2, rel=1e-5)


def test_black_video_has_finite_features() -> None:
    extractor = FeatureExtractor()
    measured = [extractor.measure(np.zeros((16, 16), np.uint8)) for _ in range(2)][-1]
    assert measured.dark_share == measured.flat_share == 1.0
    assert measured.spatial == measured.temporal == 0.0


def test_fixed_never_moves() -> None:
    assert Fixed().decide(state.build(segment(0, 0, [9.0]), state.History(TITLE))).offset == 0


def test_the_rule_follows_the_cost_of_the_shot() -> None:
    history = state.History(TITLE)
    history.decided(segment(0, 0, [1.0] + [0.2] * 99), 0.0)
    offsets = [
        Rule().decide(state.build(segment(1, 100, [1.0] + [bpp] * 39), history)).offset
        for bpp in (0.02, 0.2, 2.0)
    ]
    assert offsets == sorted(offsets)
    assert offsets[0] < -1 < 1 < offsets[2]


def test_the_rule_stays_within_a_shot_unless_it_changes_much() -> None:
    history = state.History(TITLE)
    history.decided(segment(0, 0, [1.0] + [0.2] * 95), 0.75)
    same = segment(1, 96, [0.21] * 90, new_shot=False)
    other = segment(1, 96, [4.0] * 90, new_shot=False)
    assert Rule().decide(state.build(same, history)).offset == 0.75
    assert Rule().decide(state.build(other, history)).offset > 1.5


@settings(max_examples=200)
@given(st.floats(-100, 100), st.floats(0, 51), st.floats(0, 20))
def test_no_policy_leaves_its_bounds(offset: float, crf: float, limit: float) -> None:
    held = bounded(Action(offset), crf=crf, max_offset=limit, crf_range=(0.0, 51.0))
    assert abs(held) <= limit
    assert -1e-9 <= crf + held <= 51 + 1e-9


@pytest.mark.parametrize("matrix", [1, 2, 5, 9])
def test_the_small_picture_has_the_luma_of_the_large_one(matrix: int) -> None:
    picture = Picture(
        width=640,
        height=352,
        pix_fmt="yuv420p",
        sample_aspect_ratio=Fraction(1),
        colour=Colour(matrix=matrix),
        time_base=Fraction(1, 25),
        rate=Fraction(25),
    )
    frame = av.VideoFrame(640, 352, "yuv420p")
    for plane, value in zip(frame.planes, (60, 90, 200), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts, frame.time_base, frame.colorspace = 0, picture.time_base, matrix
    small = as_array(SmallLuma(picture).shrink(frame))
    assert small.mean() == pytest.approx((60 - 16) * 255 / 219, abs=0.5)
