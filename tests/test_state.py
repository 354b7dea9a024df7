from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis import frames as frame_rows
from rlcodec.analysis import state
from rlcodec.analysis.features import DetailExtractor, FeatureExtractor
from rlcodec.engine.analyst import Analyst
from rlcodec.media.luma import SmallLuma, as_array, lines_of
from rlcodec.media.picture import Colour, Picture
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.interface import HOLD, Action, bounded, held
from rlcodec.policy.rule import Rule
from rlcodec.settings import SCOPES
from tests.clips import as_frames, moving
from tests.encodes import luma_of

TITLE = state.Title(width=1280, height=720, rate=25.0, crf=23.0, max_offset=8.0)
GREY = {"flat_share": 0.1, "spatial": 5.0, "temporal": 3.0}


def segment(index: int, start: int, bpp: list[float], *, new_shot: bool = True) -> state.Segment:
    columns: dict[str, float | list[float]] = {
        **GREY,
        "probe_bpp": bpp,
        "probe_psnr": 40.0,
    }
    frames = np.zeros((len(bpp), len(state.FRAME_INPUTS)), np.float32)
    for name, values in columns.items():
        frames[:, frame_rows.COLUMN[name]] = values
    return state.Segment(index, start, new_shot, frames)


def picture_of(width: int, height: int, matrix: int = 1) -> Picture:
    return Picture(
        width=width,
        height=height,
        pix_fmt="yuv420p",
        sample_aspect_ratio=Fraction(1),
        colour=Colour(matrix=matrix),
        time_base=Fraction(1, 25),
        rate=Fraction(25),
    )


def test_every_input_has_a_name_of_its_own_and_a_unit() -> None:
    names = [each.name for each in state.INPUTS]
    assert len(set(names)) == len(names)
    assert all(each.unit for each in state.INPUTS)


def test_the_list_of_inputs_belongs_to_its_version() -> None:
    # A change here is a change of every policy file: raise state.VERSION with it
    names = ",".join(each.name for each in state.INPUTS)
    assert (state.VERSION, len(state.INPUTS), names.count("probe_")) == (2, 27, 4)


def test_the_state_says_what_was_measured() -> None:
    history = state.History(TITLE)
    built = state.build(segment(0, 0, [2.0, 0.5, 0.5]), history)
    assert built["probe_log_bpp"] == pytest.approx(-1.0)
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
    assert built["title_log_bpp"] == pytest.approx((10 * -2 + 30 * -4) / 40)
    assert built["title_offset"] == pytest.approx((10 * -2 + 30 * 4) / 40)
    assert built["previous_offset"] == 4.0


@pytest.mark.parametrize("name", [name for name in state.TRACKED if name != "probe_bpp"])
def test_a_segment_is_told_against_the_title_up_to_its_end(name: str) -> None:
    random = np.random.default_rng(3)
    made = [replace(segment(0, 0, [0.5] * count), new_shot=False) for count in (10, 30, 20)]
    for each in made:
        each.frames[:] = random.uniform(0.1, 30, each.frames.shape)
    history = state.History(TITLE)
    assert state.build(made[0], history)[f"relative_{name}"] == 0.0
    for each in made[:2]:
        history.decided(each, 0.0)
    told = state.build(made[2], history)[f"relative_{name}"]
    values = np.array([each.means[name] for each in made])
    title = np.average(values, weights=[10, 30, 20])
    assert told == pytest.approx(values[2] - title, rel=1e-5)


def test_bits_are_told_against_the_mean_of_the_titles_bits_and_not_of_their_logarithms() -> None:
    history = state.History(TITLE)
    first, second = segment(0, 0, [1.0] + [0.25] * 9), segment(1, 10, [4.0] + [0.5] * 4)
    assert state.build(first, history)["relative_bits"] == 0.0
    history.decided(first, 0.0)
    # All frames count, those after a cut too: they are paid for like the others
    here, title = (4 + 4 * 0.5) / 5, (1 + 9 * 0.25 + 4 + 4 * 0.5) / 15
    told = state.build(second, history)["relative_bits"]
    assert told == pytest.approx(math.log2(here / title), abs=1e-6)


def test_activities_are_told_as_logarithms_of_their_means() -> None:
    made = segment(0, 0, [0.5] * 4, new_shot=False)
    made.frames[:, frame_rows.COLUMN["detail"]] = (0.0, 1.0, 2.0, 4.6)
    built = state.build(made, state.History(TITLE))
    assert built["log_detail"] == pytest.approx(1.0)
    assert np.isfinite(built["log_grain"])


def test_the_encoders_reports_arrive_late_and_are_told() -> None:
    history = state.History(TITLE)
    history.decided(segment(0, 0, [1.0, 0.5]), 0.0)
    history.decided(segment(1, 2, [1.0, 0.25]), 0.0)
    assert state.build(segment(2, 4, [1.0]), history)["reports"] == 0.0
    history.reported(0, 1280 * 720 * 2 // 8, 41.5)
    built = state.build(segment(2, 4, [1.0]), history)
    assert built["reports"] == 1.0
    # At 23, five steps above the probe, 5/6 of a halving of its bits and 3 dB less were expected
    assert built["reports_bits_error"] == pytest.approx(1.0 + 5 / 6, abs=1e-6)
    assert built["reports_psnr_error"] == pytest.approx(1.5 + 3.0, abs=1e-5)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20), st.booleans())
def test_the_state_is_always_finite(bpp: list[float], new_shot: bool) -> None:
    history = state.History(TITLE)
    built = state.build(segment(0, 0, bpp, new_shot=new_shot), history)
    assert np.isfinite(built.values).all()
    history.decided(segment(0, 0, bpp, new_shot=new_shot), 1.0)
    assert np.isfinite(state.build(segment(1, 20, bpp), history).values).all()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(-8, 8)), min_size=1, max_size=6),
    st.lists(st.floats(-8, 8), min_size=1, max_size=4),
)
def test_states_after_other_decisions_are_those_that_the_decisions_make(
    decisions: list[tuple[int, float]], offsets: list[float]
) -> None:
    segments = [segment(i, 0, [0.3] * count) for i, (count, _) in enumerate(decisions)]

    def after(last: float) -> state.History:
        history = state.History(TITLE)
        for each, offset in zip(segments, [o for _, o in decisions[:-1]] + [last], strict=True):
            history.decided(each, offset)
        if len(segments) > 1:
            history.reported(0, 1000, 40.0)
        return history

    made = state.build_each(segments[0], after(2.5), np.array(offsets))
    built = [state.build(segments[0], after(offset)).values for offset in offsets]
    assert np.allclose(made, built, atol=1e-5)


def test_reports_tell_by_how_much_the_title_differs_from_what_was_expected() -> None:
    history = state.History(TITLE)
    for index, (frames, offset) in enumerate([(10, -5.0), (30, 1.0)]):
        history.decided(segment(index, 10 * index, [0.25] * frames), offset)
    # At 18, the probe's own CRF, twice the probe's bits; six steps above, the probe's
    history.reported(0, 1280 * 720 * 10 // 16, 39.0)
    history.reported(1, 1280 * 720 * 30 // 32, None)
    built = state.build(segment(2, 40, [0.25]), history)
    assert built["reports_bits_error"] == pytest.approx((10 * 1 + 30 * 1) / 40)
    assert built["reports_psnr_error"] == pytest.approx(-1.0)


def test_the_scope_is_told() -> None:
    built = [
        state.build(segment(0, 0, [1.0]), state.History(replace(TITLE, scope=scope)))["scope"]
        for scope in SCOPES
    ]
    assert built == [0.0, 1.0]


def test_features_against_plain_numpy() -> None:
    first, second = moving(2, width=320, height=176)
    extractor = FeatureExtractor()
    extractor.measure(first)
    measured = extractor.measure(second)
    wide = second.astype(float)
    blocks = wide.reshape(22, 8, 40, 8).mean(axis=(1, 3))
    assert measured.thumbnail == pytest.approx(blocks, abs=1e-3)
    assert measured.temporal == pytest.approx(np.abs(wide - first).mean(), abs=1e-9)
    gradient = (
        np.abs(np.diff(wide, axis=1))[:-1].sum() + np.abs(np.diff(wide, axis=0))[:, :-1].sum()
    )
    assert measured.spatial == pytest.approx(gradient / wide.size / 2, rel=1e-5)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_detail_and_grain_against_plain_numpy(pix_fmt: str) -> None:
    pictures = moving(2, width=322, height=182)
    depth = 10 if pix_fmt.endswith("10le") else 8
    extractor = DetailExtractor(depth)
    first, second = (
        extractor.measure(lines_of(frame)) for frame in as_frames(pictures, pix_fmt=pix_fmt)
    )
    before, after = (picture[::8].astype(float) for picture in pictures)
    # Limited range, as the frames have it, is narrower, and steps are rounded away
    narrow = 219 / 255
    assert first[1] == 0.0
    assert second[0] == pytest.approx(np.abs(np.diff(after, 2)).mean() * narrow, rel=0.05)
    assert second[1] == pytest.approx(np.abs(after - before).mean() * narrow, rel=0.05)
    if depth == 8:
        exact = [luma_of(frame)[::8].astype(float) for frame in as_frames(pictures)]
        assert second == pytest.approx(
            (np.abs(np.diff(exact[1], 2)).mean(), np.abs(exact[1] - exact[0]).mean())
        )


@pytest.mark.parametrize(("width", "height"), [(640, 352), (100, 70), (40, 8)])
def test_an_analysed_frame_has_all_its_measurements(width: int, height: int) -> None:
    analyst = Analyst(picture_of(width, height))
    pictures = moving(6, width=width, height=height)
    rows = np.stack([analyst.push(frame).row for frame in as_frames(pictures)])
    assert rows.shape == (6, len(state.FRAME_INPUTS))
    assert np.isfinite(rows).all()
    assert (rows[:, frame_rows.COLUMN["probe_bpp"]] > 0).all()
    assert (rows[:, frame_rows.COLUMN["probe_psnr"]] > 20).all()


def test_black_video_has_finite_features() -> None:
    extractor = FeatureExtractor()
    measured = [extractor.measure(np.zeros((16, 16), np.uint8)) for _ in range(2)][-1]
    assert measured.flat_share == 1.0
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


@pytest.mark.parametrize(
    ("new_shot", "offset", "expected"),
    [
        (False, 2.0, 2.0),
        (False, 2.0 + HOLD - 0.01, 2.0),
        (False, 2.0 - HOLD + 0.01, 2.0),
        (False, 2.0 + HOLD + 0.01, 2.0 + HOLD + 0.01),
        (False, -3.0, -3.0),
        (True, 2.5, 2.5),
    ],
)
def test_within_a_shot_only_large_moves_are_made(
    *, new_shot: bool, offset: float, expected: float
) -> None:
    history = state.History(TITLE)
    history.decided(segment(0, 0, [0.2] * 96), 2.0)
    at = state.build(segment(1, 96, [0.2] * 9, new_shot=new_shot), history)
    assert held(at, offset) == Action(expected)


@settings(max_examples=200)
@given(st.floats(-100, 100), st.floats(0, 51), st.floats(0, 20))
def test_no_policy_leaves_its_bounds(offset: float, crf: float, limit: float) -> None:
    kept = bounded(Action(offset), crf=crf, max_offset=limit, crf_range=(0.0, 51.0))
    assert abs(kept) <= limit
    assert -1e-9 <= crf + kept <= 51 + 1e-9


@pytest.mark.parametrize("matrix", [1, 2, 5, 9])
def test_the_small_picture_has_the_luma_of_the_large_one(matrix: int) -> None:
    picture = picture_of(640, 352, matrix)
    frame = av.VideoFrame(640, 352, "yuv420p")
    for plane, value in zip(frame.planes, (60, 90, 200), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts, frame.time_base, frame.colorspace = 0, picture.time_base, matrix
    small = as_array(SmallLuma(picture).shrink(frame))
    assert small.mean() == pytest.approx((60 - 16) * 255 / 219, abs=0.5)
