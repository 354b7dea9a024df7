"""Imagined episodes: what moves, what does not, and that an environment takes them as they are."""

from __future__ import annotations

import gymnasium.utils.env_checker
import numpy as np
import pytest
from numpy.typing import NDArray

from rlcodec.analysis.frames import COLUMN, FRAME_INPUTS
from rlcodec.analysis.state import Segment
from rlcodec.errors import SettingsError
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episode, Episodes, Reels
from rlcodec.learn.imagination import Imagination, Variety
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.optimum import optimum
from rlcodec.learn.stakes import OFFSETS, Library
from tests.tables import clip

# With VMAF, which imagined episodes do not have. Some shots come in several segments
EPISODES = Episodes(
    [clip(seed, (30, 150, 20), vmaf=True) for seed in range(4)], reels=Reels(clips=3)
)
STILL = Variety(activity=0.0, bits=0.0, psnr=0.0)
AT_27 = np.array([27.0])
GAINED = ("spatial", "temporal", "detail", "grain", "probe_bpp")


def imagination(
    variety: Variety | None = None, *, share: float = 1.0, seed: int = 0
) -> Imagination:
    return Imagination(EPISODES, variety, share=share, seed=seed)


def is_imagined(episode: Episode) -> bool:
    return bool(np.isnan(episode.curves.at(AT_27).vmaf).all())


def drawn(of: Imagination, seed: int, count: int) -> list[Episode]:
    random = np.random.default_rng(seed)
    return [of.draw(random) for _ in range(count)]


def same(one: Episode, other: Episode) -> bool:
    return (
        one.name == other.name
        and len(one.segments) == len(other.segments)
        and all(
            np.array_equal(a.frames, b.frames)
            for a, b in zip(one.segments, other.segments, strict=True)
        )
        and np.array_equal(one.curves.at(AT_27).bytes, other.curves.at(AT_27).bytes)
    )


def moves(still: Segment, moved: Segment) -> NDArray[np.float64]:
    """By what a segment was moved: log2 of the factors of `GAINED`, and dB of the probe's PSNR."""
    places = [COLUMN[name] for name in GAINED]
    factors = np.log2(moved.frames[:, places].astype(float) / still.frames[:, places])
    psnr = COLUMN["probe_psnr"]
    added = moved.frames[:, [psnr]].astype(float) - still.frames[:, [psnr]]
    found = np.concatenate((factors, added), axis=1)
    # All frames alike
    assert found == pytest.approx(np.tile(found[0], (len(found), 1)), abs=1e-4)
    return np.asarray(found[0])


def test_what_is_imagined_follows_the_seeds() -> None:
    first, second, other = imagination(), imagination(), imagination(seed=1)
    for one, two in zip(drawn(first, 5, 8), drawn(second, 5, 8), strict=True):
        assert same(one, two)
    # Another seed of the pieces gives another model; another one of draws other episodes
    assert not same(drawn(first, 5, 1)[0], drawn(other, 5, 1)[0])
    assert not same(drawn(first, 5, 1)[0], drawn(first, 6, 1)[0])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_as_many_episodes_as_asked_for_are_imagined(share: float) -> None:
    found = [is_imagined(each) for each in drawn(imagination(share=share), 0, 150)]
    assert np.mean(found) == pytest.approx(share, abs=0.0 if share in (0, 1) else 0.1)


def test_titles_stay_as_they_were_measured() -> None:
    assert imagination().title(2) is EPISODES.title(2)


def test_only_activities_and_the_probe_move_and_a_shot_moves_as_one() -> None:
    continued = 0
    for still, moved in zip(
        drawn(imagination(STILL), 1, 12), drawn(imagination(), 1, 12), strict=True
    ):
        before = np.zeros(len(GAINED) + 1)
        for one, other in zip(still.segments, moved.segments, strict=True):
            assert (one.index, one.start_frame) == (other.index, other.start_frame)
            assert one.new_shot == other.new_shot
            assert other.frames.dtype == np.float32
            for name in set(FRAME_INPUTS) - {*GAINED, "probe_psnr"}:
                place = COLUMN[name]
                assert np.array_equal(one.frames[:, place], other.frames[:, place])
            now = moves(one, other)
            assert (np.abs(now) > 1e-4).all()
            if one.new_shot:
                assert (np.abs(now - before) > 1e-4).any()
            else:
                continued += 1
                assert now == pytest.approx(before, abs=1e-4)
            before = now
    assert continued > 3


def test_moves_are_as_far_as_asked_for_and_farther_within_a_clip() -> None:
    variety = Variety(activity=0.3, bits=0.5, psnr=1.5, within=3.0)
    within: list[NDArray[np.float64]] = []
    between: list[NDArray[np.float64]] = []
    for still, moved in zip(
        drawn(imagination(STILL), 2, 120), drawn(imagination(variety), 2, 120), strict=True
    ):
        names = still.name.split(" + ")
        if len(names) > 1:
            found = within if len(set(names)) == 1 else between
            for one, other in zip(still.segments, moved.segments, strict=True):
                if one.new_shot:
                    found.append(moves(one, other))
    expected = np.array([0.3, 0.3, 0.3, 0.3, 0.5, 1.5])
    assert np.std(between, axis=0) == pytest.approx(expected, rel=0.25)
    assert np.std(within, axis=0) == pytest.approx(3 * expected, rel=0.25)


def test_the_model_says_what_becomes_of_what_is_imagined() -> None:
    made = imagination()
    for each in drawn(made, 3, 5):
        told = made.world.curves(each.segments, each.rate, each.pixels).at(AT_27)
        assert np.array_equal(each.curves.at(AT_27).bytes, told.bytes)
        assert np.array_equal(each.curves.at(AT_27).ssim, told.ssim)


def environment(name: str = "balanced") -> RateEnv:
    objective = OBJECTIVES[name]
    titles = [EPISODES.title(place) for place in range(len(EPISODES.clips))]
    return RateEnv(imagination(), objective, Library(titles, objective), hindsight=False)


@pytest.mark.filterwarnings("ignore:.*Box observation space m.*imum value is.*infinity")
def test_gymnasium_finds_nothing_wrong_with_imagined_episodes() -> None:
    gymnasium.utils.env_checker.check_env(environment(), skip_render_check=True)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_leaving_the_crf_alone_earns_nothing_and_choosing_well_does(name: str) -> None:
    env = environment(name)
    best = []
    for seed in range(6):
        env.reset(seed=seed)
        best.append(optimum(env.stakes).earned)
        ended, rewards = False, []
        while not ended:
            _, reward, ended, _, _ = env.step(OFFSETS.index(0.0))
            rewards.append(reward)
        assert rewards == [0.0] * len(rewards)
    assert min(best) >= 0
    assert max(best) > 0


def test_an_objective_with_another_cap_is_refused() -> None:
    made = Imagination(Episodes(EPISODES.clips, psnr_cap=50.0), share=1.0, seed=0)
    titles = [EPISODES.title(0)]
    with pytest.raises(SettingsError, match="50"):
        RateEnv(made, OBJECTIVES["psnr"], Library(titles, OBJECTIVES["psnr"]))
