from __future__ import annotations

import itertools
from dataclasses import replace

import gymnasium.utils.env_checker
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis import state
from rlcodec.errors import SettingsError
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episode, Episodes, Reels
from rlcodec.learn.objective import OBJECTIVES, Objective
from rlcodec.learn.optimum import BASE_CRFS, bd_rates, optimum
from rlcodec.learn.playback import Playback, replay, title_of
from rlcodec.learn.stakes import OFFSETS, Library, Stakes, SwitchCost, stakes, title_terms
from rlcodec.policy.fixed import Fixed
from rlcodec.policy.rule import Rule
from rlcodec.settings import SCOPES
from tests.tables import clip

EPISODES = Episodes([clip(seed) for seed in range(9)], reels=Reels(clips=5))
LIBRARIES = {
    name: Library([EPISODES.title(place) for place in range(9)], objective)
    for name, objective in OBJECTIVES.items()
}
PSNR = OBJECTIVES["psnr"]
FREE = SwitchCost(bytes_share=0.0, psnr=0.0, ssim=0.0)

draws = st.tuples(
    st.sampled_from(sorted(OBJECTIVES)),
    st.sampled_from(SCOPES),
    st.integers(0, 99),
    st.sampled_from([18.0, 20.5, 23.5, 28.0, 38.0]),
)


def new_env(objective: str = "balanced", **choices: object) -> RateEnv:
    return RateEnv(EPISODES, OBJECTIVES[objective], LIBRARIES[objective], **choices)  # type: ignore[arg-type] # as the tests name them


def title_stakes(
    episode: Episode, objective: Objective = PSNR, crf: float = 28.0, switch: SwitchCost = FREE
) -> Stakes:
    terms = title_terms(episode, objective, crf)
    return stakes(episode, objective, terms, crf, switch=switch)


# The inputs have units of their own, and are normalised where they are learned from
@pytest.mark.filterwarnings("ignore:.*Box observation space m.*imum value is.*infinity")
def test_gymnasium_finds_nothing_wrong() -> None:
    gymnasium.utils.env_checker.check_env(new_env(), skip_render_check=True)


@settings(max_examples=40)
@given(draws)
def test_leaving_the_crf_alone_earns_nothing(drawn: tuple[str, str, int, float]) -> None:
    objective, scope, seed, crf = drawn
    env = new_env(objective)
    env.reset(options={"episode": EPISODES.reel(seed), "crf": crf, "scope": scope})
    ended, rewards = False, []
    while not ended:
        _, reward, ended, _, _ = env.step(OFFSETS.index(0.0))
        rewards.append(reward)
    assert rewards == [0.0] * len(EPISODES.reel(seed).segments)


@settings(max_examples=30)
@given(draws, st.integers(0, 2**32))
def test_a_step_tells_what_the_other_actions_would_have_done(
    drawn: tuple[str, str, int, float], seed: int
) -> None:
    objective, scope, reel, crf = drawn
    options = {"episode": EPISODES.reel(reel), "crf": crf, "scope": scope}
    count = len(EPISODES.reel(reel).segments)
    actions = np.random.default_rng(seed).integers(len(OFFSETS), size=count)
    at, other = int(actions[0]) % count, int(actions[-1])

    env, second = new_env(objective), new_env(objective)
    env.reset(options=options)
    second.reset(options=options)
    total = 0.0
    for place, action in enumerate(actions):
        before = env.step(action)
        total += before[1]
        if place < at:
            second.step(action)
        if place == at:
            outcomes = before[4]["outcomes"]
            then, reward, ended, _, _ = second.step(other)
            assert outcomes.rewards[other] == pytest.approx(reward, abs=1e-6)
            assert np.allclose(outcomes.next_states[other], then, atol=1e-6)
            assert np.array_equal(outcomes.next_states[action], before[0])
            assert ended == (at == count - 1)
            assert outcomes.psnr[8] == outcomes.ssim[8] == outcomes.log_bytes[8] == 0
            assert outcomes.allowed.tolist() == [12 <= crf + step <= 45 for step in OFFSETS]
    assert total == pytest.approx(env.stakes.return_of(actions))


def test_what_is_beyond_the_grid_comes_to_what_its_end_does() -> None:
    env = new_env()
    env.reset(options={"episode": 1, "crf": 18.0, "scope": "title"})
    outcomes = env.step(0)[4]["outcomes"]
    assert outcomes.allowed.tolist() == [False] * 2 + [True] * 15
    assert outcomes.rewards[0] == outcomes.rewards[1] == outcomes.rewards[2]
    assert outcomes.log_bytes[1] == outcomes.log_bytes[2] > 0


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("switch", [FREE, SwitchCost(bytes_share=0.02, psnr=0.1)])
def test_the_optimum_is_that_of_trying_everything(scope: str, switch: SwitchCost) -> None:
    offsets = (-4.0, -1.0, 0.0, 2.0, 5.0)
    for seed in range(4):
        # Shots longer than the lookahead, which come in several segments
        episode = Episodes([clip(seed, (30, 250))]).title(0)
        assert len(episode.segments) == 4
        terms = title_terms(episode, PSNR, 26.0)
        if scope == "library":
            terms = LIBRARIES["psnr"].terms(episode, 26.0)
        odds = stakes(episode, PSNR, terms, 26.0, offsets=offsets, switch=switch)
        found = optimum(odds)
        tried = itertools.product(range(len(offsets)), repeat=len(episode.segments))
        assert found.earned == pytest.approx(max(odds.return_of(actions) for actions in tried))
        assert odds.return_of(found.actions) == pytest.approx(found.earned)


@settings(max_examples=40)
@given(draws, st.integers(0, 2**32))
def test_nobody_earns_more_than_the_optimum(drawn: tuple[str, str, int, float], seed: int) -> None:
    objective, scope, reel, crf = drawn
    env = new_env(objective)
    env.reset(options={"episode": EPISODES.reel(reel), "crf": crf, "scope": scope})
    best = optimum(env.stakes)
    random = np.random.default_rng(seed)
    allowed = np.flatnonzero(env.stakes.allowed)
    assert env.stakes.allowed[best.actions].all()
    assert best.earned >= 0
    for _ in range(5):
        actions = random.choice(allowed, len(best.actions))
        assert env.stakes.return_of(actions) <= best.earned + 1e-9


def test_one_shot_has_nothing_to_win_at_the_titles_own_price() -> None:
    for seed in range(6):
        episode = Episodes([clip(seed, (60,))]).title(0)
        found = optimum(title_stakes(episode, OBJECTIVES["ssim"], 26.5))
        assert found.earned == pytest.approx(0.0, abs=0.005)


def test_the_return_is_about_the_bytes_saved_at_equal_quality() -> None:
    for seed in range(4):
        episode = EPISODES.reel(seed)
        small = (-2.0, -1.0, 0.0, 1.0, 2.0)
        offsets, earned = {}, []
        for crf in BASE_CRFS:
            uncapped = replace(PSNR, psnr_cap=100.0)
            terms = title_terms(episode, uncapped, crf)
            odds = stakes(episode, uncapped, terms, crf, offsets=small, switch=FREE)
            best = optimum(odds)
            offsets[crf] = odds.offsets[best.actions]
            earned.append(best.earned)
        found = bd_rates(episode, offsets, FREE)
        assert found.psnr == pytest.approx(-np.mean(earned), rel=0.35)
        assert found.psnr < -0.02


def test_bd_rates_of_fixed_crf_are_zero_and_switching_costs() -> None:
    episode = Episodes([clip(1, (40, 250), vmaf=True)]).title(0)
    count = len(episode.segments)
    level = {crf: np.zeros(count) for crf in BASE_CRFS}
    found = bd_rates(episode, level)
    assert (found.psnr, found.ssim, found.vmaf, found.bytes) == (0.0, 0.0, 0.0, 0.0)
    moved = {crf: np.array([0.0, 2.0, -2.0, 2.0]) for crf in BASE_CRFS}
    free, dear = bd_rates(episode, moved, FREE), bd_rates(episode, moved, SwitchCost(psnr=0.2))
    assert dear.psnr > free.psnr + 0.01
    unscored = EPISODES.title(0)
    level = {crf: np.zeros(len(unscored.segments)) for crf in BASE_CRFS}
    assert np.isnan(bd_rates(unscored, level).vmaf)


def test_a_price_on_leaving_keeps_offsets_small() -> None:
    episode = EPISODES.reel(1)
    mean = {
        price: np.abs(
            np.array(OFFSETS)[
                optimum(title_stakes(episode, replace(PSNR, leaving_price=price))).actions
            ]
        ).mean()
        for price in (0.0, 0.05, 0.5)
    }
    assert mean[0.0] > mean[0.05] > mean[0.5] > 0


def test_another_offset_costs_only_within_a_shot() -> None:
    episode = Episodes([clip(1, (40, 250))]).title(0)
    cost = SwitchCost(bytes_share=0.01, psnr=0.05)
    odds, terms = title_stakes(episode, switch=cost), title_terms(episode, PSNR, 28.0)
    size = odds.outcome.bytes
    assert [segment.new_shot for segment in episode.segments] == [True, True, False, False]
    assert np.array_equal(odds.rewards(1, 5.0), odds.rewards(1, 0.0))
    for previous in (-3.0, 4.0):
        steps = np.abs(np.array(OFFSETS) - previous)
        frames = len(episode.segments[2].frames)
        lost = steps * (0.05 * frames / terms.price + 0.01 * size[2]) / size[:, odds.zero].sum()
        assert odds.base[2] - odds.rewards(2, previous) == pytest.approx(lost)


def test_one_price_holds_for_a_whole_library() -> None:
    crf, library = 28.0, LIBRARIES["psnr"]
    titles = [EPISODES.title(place) for place in range(9)]
    near = [title.curves.at(np.array([crf - 0.001, crf + 0.001])) for title in titles]
    pixels, lost, saved = 640 * 360, 0.0, 0.0
    for title, each in zip(titles, near, strict=True):
        frames = title.curves.frames
        lost -= np.diff(frames @ each.capped_psnr)[0] / frames.sum()
        saved -= np.diff(each.bytes.sum(axis=0))[0] * 8 / pixels / frames.sum()
    for title in titles:
        assert library.terms(title, crf).price == pytest.approx(lost / saved * 8 / pixels, rel=1e-4)


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 150), min_size=1, max_size=8),
    st.integers(0, 80),
    st.integers(0, 2**32),
)
def test_reports_come_in_order_and_as_late_as_the_encoder_is(
    lengths: list[int], delay: int, seed: int
) -> None:
    episode = Episodes([clip(1, lengths, delay=delay)]).title(0)
    random = np.random.default_rng(seed)
    playback = Playback(episode, title_of(episode, 28.0, "title"))
    ends = [each.start_frame + len(each.frames) for each in episode.segments]
    while (segment := playback.segment) is not None:
        reported = sum(end + max(1, delay) <= segment.start_frame for end in ends)
        built = state.build(segment, playback.history)
        assert built["reports"] == pytest.approx(np.log2(1 + reported))
        errors = np.zeros((2, reported))
        for place, (each, offset) in enumerate(
            zip(episode.segments[:reported], playback.offsets, strict=False)
        ):
            count, psnr = episode.curves.one(place, 28.0 + offset)
            bits = np.log2(8 * count / (640 * 360 * len(each.frames)))
            steps = 28.0 + offset - 18.0
            errors[0, place] = bits - (each.means["probe_log_bpp"] - steps / 6)
            errors[1, place] = psnr - (each.means["probe_psnr"] - 0.6 * steps)
        frames = [len(each.frames) for each in episode.segments[:reported]]
        expected = np.average(errors, axis=1, weights=frames) if reported else (0.0, 0.0)
        told = built["reports_bits_error"], built["reports_psnr_error"]
        assert told == pytest.approx(tuple(expected), abs=1e-4)
        playback.decide(float(random.choice(OFFSETS)))


def test_an_encoder_that_says_nothing_of_quality_is_no_obstacle() -> None:
    silent = clip(1)
    silent.reported_psnr[:] = np.nan
    episode = Episodes([silent]).title(0)
    offsets = replay(Rule(), episode, 28.0, "title")
    playback = Playback(episode, title_of(episode, 28.0, "title"))
    for offset in offsets:
        segment = playback.segment
        assert segment is not None
        built = state.build(segment, playback.history)
        assert np.isfinite(built.values).all()
        assert built["reports_psnr_error"] == 0.0
        playback.decide(float(offset))


def test_policies_decide_within_what_they_may() -> None:
    episode = EPISODES.reel(2)
    assert replay(Fixed(), episode, 28.0, "title").tolist() == [0.0] * len(episode.segments)
    offsets = replay(Rule(), episode, 28.0, "title", max_offset=1.0)
    assert np.abs(offsets).max() == 1.0


def test_what_is_drawn_follows_the_seed() -> None:
    env = new_env(crf_range=(20.0, 22.0), scopes=("library",))
    begun = [env.reset(seed=seed) for seed in (1, 1, 2, 3, 4, 5)]
    assert np.array_equal(begun[0][0], begun[1][0])
    told = [said for _, said in begun]
    assert len({(each["episode"], each["crf"]) for each in told}) > 3
    assert {each["crf"] for each in told} <= {20.0, 20.5, 21.0, 21.5, 22.0}
    assert {each["scope"] for each in told} == {"library"}


def test_a_title_that_has_nothing_to_lose_earns_nothing() -> None:
    clear = clip(1)
    clear.psnr[:] = 60.0
    odds = title_stakes(Episodes([clear]).title(0))
    assert (odds.base == 0).all()
    assert (odds.switch == 0).all()


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="48"):
        RateEnv(Episodes([clip(1)], psnr_cap=50.0), PSNR, LIBRARIES["psnr"])
    with pytest.raises(SettingsError, match="must be 0"):
        new_env(offsets=(1.0, 2.0)).reset(options={"episode": 0})
    with pytest.raises(SettingsError, match="from 12 to 45"):
        new_env().reset(options={"episode": 0, "crf": 50.0})
    with pytest.raises(SettingsError, match="'tempo'"):
        new_env().reset(options={"tempo": 3})
    with pytest.raises(SettingsError, match="weight above 0"):
        Objective(name="none", psnr_weight=0, ssim_weight=0)
    with pytest.raises(SettingsError, match="0 or more"):
        replace(PSNR, leaving_price=-1.0)
