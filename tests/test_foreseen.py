"""Titles judged by what can be known of them when a segment is decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rlcodec.analysis.state import INPUT_NAMES
from rlcodec.learn.curves import Curves
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episodes, Reels
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.stakes import (
    OFFSETS,
    USUAL_FRAMES,
    Library,
    SwitchCost,
    foreseen_terms,
    stakes,
    title_terms,
)
from tests.tables import CRFS, clip

EPISODES = Episodes([clip(seed) for seed in range(6)], reels=Reels(clips=4))
BALANCED = OBJECTIVES["balanced"]
LIBRARY = Library([EPISODES.title(place) for place in range(6)], BALANCED)
CRF = 27.3


def test_the_first_segment_is_judged_by_itself_and_the_library() -> None:
    title = EPISODES.title(1)
    library = LIBRARY.terms(title, CRF)
    near = title.curves.at(np.array([CRF - 0.001, CRF + 0.001]))
    frames = len(title.segments[0].frames)
    worth = near.capped_psnr[0] + 200 * near.ssim[0]
    lost = frames * -np.diff(worth)[0] / 0.002
    saved = -np.diff(near.bytes[0])[0] / 0.002
    # Thirty frames as the library has them
    usual_lost = 30 * library.slope
    usual_saved = usual_lost / library.price
    found = foreseen_terms(title, BALANCED, CRF, library)
    assert USUAL_FRAMES == 30
    assert found.so_far is not None
    price, slope = found.so_far
    assert price[0] == pytest.approx((lost + usual_lost) / (saved + usual_saved), rel=1e-3)
    assert slope[0] == pytest.approx((lost + usual_lost) / (frames + 30), rel=1e-3)
    whole = title_terms(title, BALANCED, CRF)
    assert (found.price, found.slope) == (whole.price, whole.slope)


def test_a_long_title_of_equal_segments_is_known_in_the_end() -> None:
    title = EPISODES.title(2)
    first, count = title.curves.at(CRFS.astype(float)), 3000
    points = np.stack(
        [
            np.log2(first.bytes[0]),
            *(first.capped_psnr[0], first.ssim[0], first.psnr[0]),
            *(first.reported_psnr[0], first.vmaf[0]),
        ]
    )
    curves = Curves(
        np.full(count, title.curves.frames[0]),
        CRFS.astype(float),
        np.repeat(points[None], count, axis=0),
    )
    long = replace(title, curves=curves)
    found = foreseen_terms(long, BALANCED, CRF, LIBRARY.terms(long, CRF))
    whole = title_terms(long, BALANCED, CRF)
    assert found.so_far is not None
    price, slope = found.so_far
    assert price[-1] == pytest.approx(whole.price, rel=1e-3)
    assert slope[-1] == pytest.approx(whole.slope, rel=1e-3)
    away = np.abs(found.so_far - [[whole.price], [whole.slope]])
    assert (np.diff(away) < 0).all()


def test_rewards_go_by_what_is_known_of_the_title_so_far() -> None:
    title = EPISODES.reel(3)
    free = SwitchCost(bytes_share=0.0, psnr=0.0, ssim=0.0)
    terms = foreseen_terms(title, BALANCED, 28.0, LIBRARY.terms(title, 28.0))
    odds = stakes(title, BALANCED, terms, 28.0, switch=free)
    assert terms.so_far is not None
    found = title.curves.at(28.0 + np.array(OFFSETS))
    spent = terms.price * found.bytes[:, 8].sum()
    for place, frames in enumerate(title.curves.frames):
        price, slope = terms.so_far[:, place]
        worth = found.capped_psnr[place] + 200 * found.ssim[place]
        worth -= BALANCED.leaving_price * slope * np.array(OFFSETS) ** 2
        size = found.bytes[place]
        gained = frames * (worth - worth[8]) - price * (size - size[8])
        assert odds.rewards(place, 0.0) == pytest.approx(gained / spent, abs=1e-9)


def test_an_environment_without_hindsight_judges_titles_so_and_libraries_as_ever() -> None:
    title = EPISODES.title(4)
    env = RateEnv(EPISODES, BALANCED, LIBRARY, hindsight=False)
    env.reset(options={"episode": title, "crf": 28.0, "scope": "title"})
    expected = foreseen_terms(title, BALANCED, 28.0, LIBRARY.terms(title, 28.0))
    assert env.stakes.terms.so_far == pytest.approx(expected.so_far)
    ended, rewards = False, []
    while not ended:
        _, reward, ended, _, _ = env.step(OFFSETS.index(0.0))
        rewards.append(reward)
    assert rewards == [0.0] * len(title.segments)
    env.reset(options={"episode": title, "crf": 28.0, "scope": "library"})
    assert env.stakes.terms == LIBRARY.terms(title, 28.0)


def test_an_environment_shows_the_inputs_that_are_asked_for() -> None:
    names = ("relative_bits", "crf", "previous_offset")
    places = [INPUT_NAMES.index(name) for name in names]
    options = {"episode": EPISODES.reel(1), "crf": 24.0, "scope": "title"}
    whole = RateEnv(EPISODES, BALANCED, LIBRARY)
    few = RateEnv(EPISODES, BALANCED, LIBRARY, inputs=names)
    assert few.observation_space.shape == (3,)
    seen, told = whole.reset(options=options)[0], few.reset(options=options)[0]
    assert np.array_equal(told, seen[places])
    ended = False
    while not ended:
        seen, _, ended, _, info = whole.step(3)
        told, _, _, _, said = few.step(3)
        assert np.array_equal(told, seen[places])
        shown = said["outcomes"].next_states
        assert np.array_equal(shown, info["outcomes"].next_states[:, places])
