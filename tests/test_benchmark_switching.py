"""What the benchmark of changes inside a shot computes."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.encodes import Encode
from benchmarks.switching import (
    BASE,
    CHANGES,
    EVERY,
    FARTHEST,
    FRAMES,
    GRID,
    Change,
    by_distance,
    by_size,
    changes,
    fitted,
    flat_of,
    walk,
)


def encoded(crfs: list[float], *, waste: float = 0.0, fade: float = 0.0) -> Encode:
    """A made-up encode: after each change `waste` more bytes for each CRF of it, and `fade` dB less
    for each CRF up."""
    used = np.repeat(crfs, FRAMES // len(crfs))
    by = np.repeat(np.diff(crfs, prepend=crfs[0]), FRAMES // len(crfs))
    size = 1e6 * 2 ** (-used / 6) * (1 + waste * np.abs(by))
    psnr = 60 - used / 2 - fade * by
    return Encode(
        key="",
        video="",
        policy="",
        crf=crfs[0],
        preset="",
        scope="",
        bytes=round(size.sum()),
        scores={"psnr": psnr.mean()},
        lengths=[FRAMES // len(crfs)] * len(crfs),
        crfs=crfs,
        new_shots=[True, *[False] * (len(crfs) - 1)],
        frame_bytes=[round(each) for each in size],
        frame_psnr=psnr.tolist(),
        frame_ssim=(1 - used / 500).tolist(),
        notices=(),
        seconds=0,
    )


def walks(count: int) -> list[list[float]]:
    generator = random.Random(1)
    drawn = [walk(generator) for _ in range(count)]
    return [[BASE + sign * each for each in offsets] for offsets in drawn for sign in (1, -1)]


def found(**costs: float) -> list[Change]:
    flat = flat_of([encoded([crf]) for crf in GRID])
    return list(changes(flat, [encoded(crfs, **costs) for crfs in walks(30)]))


def test_walks_stay_near_the_base_and_make_every_change() -> None:
    steps = {after - before for crfs in walks(30) for before, after in pairwise(crfs)}
    assert steps == set(CHANGES)
    assert all(len(crfs) == FRAMES / EVERY for crfs in walks(30))
    assert all(abs(crf - BASE) <= FARTHEST for crfs in walks(30) for crf in crfs)


def test_nothing_is_lost_where_changes_cost_nothing() -> None:
    costs = np.array([change.costs() for change in found()])
    assert costs == pytest.approx(np.zeros_like(costs), abs=1e-4)


def test_what_goes_by_size_and_what_goes_by_direction_are_told_apart() -> None:
    measured = found(waste=0.01, fade=0.1)
    extra, lost, ssim, both = fitted([measured[::2], measured[1::2]])
    size, direction = list(extra)[1:]
    assert [extra[size], extra[direction]] == ["+1.000 ± 0.000", "+0.000 ± 0.000"]
    assert [lost[size], lost[direction]] == ["+0.000 ± 0.000", "+0.100 ± 0.000"]
    assert [ssim[size], ssim[direction]] == ["+0.000 ± 0.000", "+0.000 ± 0.000"]
    # 3 dB for a doubling: 0.1 dB is worth ln 2 / 30 of the bytes
    assert [both[size], both[direction]] == ["+1.000 ± 0.000", "+2.310 ± 0.000"]


def test_costs_are_told_by_size_sign_and_distance() -> None:
    measured = found(waste=0.01, fade=0.1)
    rows = {str(next(iter(row.values()))): row for row in by_size(measured)}
    assert rows["-4"]["extra bytes, %"] == "+4.00 ± 0.00"
    assert rows["+6"]["PSNR lost, dB"] == "+0.60 ± 0.00"
    assert rows["+0"]["bytes and PSNR as bytes, %"] == "+0.00 ± 0.00"
    *_, last = by_distance(measured)
    assert last["0: %, dB"] == "+0.0, +0.00"
