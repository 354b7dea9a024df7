from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rlcodec.analysis.features import FeatureExtractor
from rlcodec.analysis.shots import ShotDetector, reach_for
from tests.clips import Picture, moving, shots

SMALL = {"width": 320, "height": 176}


def cuts(pictures: Sequence[Picture], rate: float = 25.0) -> list[int]:
    """Numbers of the frames that begin a new shot."""
    features, detector = FeatureExtractor(), ShotDetector(rate)
    verdicts: list[bool] = []
    for picture in pictures:
        verdicts += detector.push(features.measure(picture).thumbnail)
        assert len(verdicts) <= len(pictures)
    verdicts += detector.flush()
    assert len(verdicts) == len(pictures)
    return [number for number, is_cut in enumerate(verdicts) if is_cut]


def test_every_hard_cut_is_found_at_its_frame() -> None:
    assert cuts(shots([30, 12, 25, 40], **SMALL)) == [30, 42, 67]


def test_a_verdict_comes_reach_frames_late() -> None:
    features, detector = FeatureExtractor(), ShotDetector(25)
    given = [len(detector.push(features.measure(each).thumbnail)) for each in moving(10, **SMALL)]
    assert given == [0] * detector.reach + [1] * (10 - detector.reach)


@pytest.mark.parametrize("rate", [8.0, 24.0, 60.0, 240.0])
def test_reach_follows_the_frame_rate(rate: float) -> None:
    assert 3 <= reach_for(rate) <= 6


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_frames_that_are_shown_twice_hide_nothing(repeats: int) -> None:
    pictures = [picture for picture in shots([25, 25], **SMALL) for _ in range(repeats)]
    assert cuts(pictures, 25.0 * repeats) == [25 * repeats]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flash_is_no_cut(length: int, level: int) -> None:
    pictures = moving(50, **SMALL)
    pictures[25 : 25 + length] = [np.full_like(pictures[0], level)] * length
    assert cuts(pictures) == []


def test_a_cut_right_after_a_flash_is_one_cut_at_most_two_frames_off() -> None:
    pictures = shots([30, 30], **SMALL)
    pictures[29] = np.full_like(pictures[0], 255)
    found = cuts(pictures)
    assert len(found) == 1
    assert abs(found[0] - 30) <= 2


def mixed(first: Picture, second: Picture, share: float) -> Picture:
    return ((1 - share) * first + share * second).astype(np.uint8)


@pytest.mark.parametrize("length", [10, 25])
def test_dissolves_and_fades_are_no_cuts(length: int) -> None:
    before, after = moving(40, **SMALL), moving(40, seed=9, **SMALL)
    shares = np.linspace(0, 1, length)
    dissolve = [mixed(before[-1], after[0], share) for share in shares]
    assert cuts([*before, *dissolve, *after]) == []
    black = np.zeros_like(before[0])
    out = [mixed(before[-1], black, share) for share in shares]
    assert cuts([*before, *out, *[black] * 5, *[mixed(black, after[0], s) for s in shares]]) == []


def test_dark_and_noisy_video_keeps_its_cuts() -> None:
    random = np.random.default_rng(4)
    pictures = shots([25, 25], **SMALL)
    dark = [(picture * 0.2).astype(np.uint8) for picture in pictures]
    assert cuts(dark) == [25]
    noisy = [
        np.clip(picture * 0.5 + random.normal(20, 12, picture.shape), 0, 255).astype(np.uint8)
        for picture in pictures
    ]
    assert cuts(noisy) == [25]


def test_still_and_black_video_has_no_cuts() -> None:
    assert cuts([np.zeros((176, 320), np.uint8)] * 30) == []
    assert cuts([moving(1, **SMALL)[0]] * 30) == []
    assert cuts(moving(1, **SMALL)) == []
