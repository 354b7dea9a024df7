"""Exact time, by properties."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcodec.media.clock import LARGEST_STEP_BACK, FrameClock, StepBackError, rescale, to_ticks

TICKS = st.integers(-(2**60), 2**60)
TIME_BASES = st.builds(Fraction, st.integers(1, 1001), st.integers(1, 10**6))
RATES = st.builds(Fraction, st.integers(1, 120_000), st.integers(1, 1001)).filter(
    lambda rate: rate <= 1000
)
BASE, RATE = Fraction(1, 1000), Fraction(25)
NOMINAL = 40
"""Ticks of a frame at `RATE` in `BASE`."""


@given(TICKS, TIME_BASES, TIME_BASES)
def test_rescaling_finds_the_nearest_tick(ticks: int, source: Fraction, target: Fraction) -> None:
    error = rescale(ticks, source, target) * target - ticks * source
    # Halves go up
    assert -target / 2 < error <= target / 2


@given(TICKS, TIME_BASES)
def test_rescaling_to_itself_changes_nothing(ticks: int, base: Fraction) -> None:
    assert rescale(ticks, base, base) == ticks


@given(TICKS, TIME_BASES, st.integers(1, 1000))
def test_rescaling_to_finer_ticks_and_back_is_exact(ticks: int, base: Fraction, times: int) -> None:
    fine = rescale(ticks, base, base / times)
    assert fine == ticks * times
    assert rescale(fine, base / times, base) == ticks


@given(TICKS, TIME_BASES, st.fractions(Fraction(1, 1000), Fraction(999, 1000)))
def test_any_finer_time_base_gives_the_way_back(ticks: int, base: Fraction, part: Fraction) -> None:
    assert rescale(rescale(ticks, base, base * part), base * part, base) == ticks


@given(TICKS, TICKS, TIME_BASES, TIME_BASES)
def test_rescaling_keeps_the_order(
    one: int, other: int, source: Fraction, target: Fraction
) -> None:
    low, high = sorted((one, other))
    assert rescale(low, source, target) <= rescale(high, source, target)


@given(st.fractions(-1000, 1000), TIME_BASES)
def test_seconds_become_the_nearest_tick(seconds: Fraction, base: Fraction) -> None:
    assert -base / 2 < to_ticks(seconds, base) * base - seconds <= base / 2


@given(
    TIME_BASES,
    RATES,
    st.lists(st.tuples(TICKS, st.none() | st.integers(-5, 10**6)), unique_by=lambda item: item[0]),
)
def test_increasing_timestamps_pass_unchanged(
    base: Fraction, rate: Fraction, frames: list[tuple[int, int | None]]
) -> None:
    clock = FrameClock(base, rate)
    for pts, duration in sorted(frames, key=lambda item: item[0]):
        stamped, lasting = clock.stamp(pts, duration)
        assert stamped == pts
        assert clock.seconds == pts * base
        nominal = max(1, to_ticks(1 / rate, base))
        assert lasting == (duration if duration and duration > 0 else nominal)
    assert clock.mended == 0


@given(TIME_BASES, RATES, st.lists(st.none() | st.integers(-50, 50)))
def test_whatever_comes_timestamps_increase(
    base: Fraction, rate: Fraction, stamps: list[int | None]
) -> None:
    clock = FrameClock(base, rate)
    before: int | None = None
    changed = 0
    for pts in stamps:
        try:
            stamped, duration = clock.stamp(pts, None)
        except StepBackError as error:
            assert pts is not None
            assert before is not None
            assert (before - pts) * base > LARGEST_STEP_BACK
            where = error.seconds
            assert where == before * base
            return
        assert duration >= 1
        assert before is None or stamped > before
        changed += stamped != pts
        before = stamped
    assert clock.mended == changed


@pytest.mark.parametrize(
    ("stamps", "expected", "mended"),
    [
        ([None, None, None], [0, 40, 80], 3),
        ([100, None, 180], [100, 140, 180], 1),
        ([100, 100, 140], [100, 101, 140], 1),
        ([100, 60, 140, 139], [100, 101, 140, 141], 2),
        ([100, None, 110, 200], [100, 140, 141, 200], 2),
        ([-80, -40, 0], [-80, -40, 0], 0),
        ([2000, 1000], [2000, 2001], 1),  # back by a second and no more
    ],
)
def test_mending(stamps: list[int | None], expected: list[int], mended: int) -> None:
    clock = FrameClock(BASE, RATE)
    assert clock.seconds is None
    assert [clock.stamp(pts, None) for pts in stamps] == [(pts, NOMINAL) for pts in expected]
    assert clock.mended == mended


def test_a_missing_timestamp_follows_the_duration_of_the_frame_before() -> None:
    clock = FrameClock(BASE, RATE)
    assert clock.stamp(10, 7) == (10, 7)
    assert clock.stamp(None, 0) == (17, NOMINAL)
    assert clock.stamp(None, None) == (57, NOMINAL)


def test_a_step_back_of_more_than_a_second_is_an_error() -> None:
    clock = FrameClock(BASE, RATE)
    clock.stamp(2000, None)
    with pytest.raises(StepBackError, match=r"go back at 2\.000 s") as caught:
        clock.stamp(999, None)
    assert caught.value.seconds == 2


def test_decoding_timestamps_replace_worse_ones() -> None:
    # As in AVI files whose frames were stamped in coding order
    clock = FrameClock(BASE, RATE)
    told = [(0, 0), (120, 40), (40, 80), (80, 120), (240, 160), (160, 200)]
    stamped = [clock.stamp(pts, None, dts)[0] for pts, dts in told]
    assert stamped == sorted(set(stamped))
    assert stamped[-1] == 200
    assert clock.mended == sum(now != pts for now, (pts, _) in zip(stamped, told, strict=True))
