"""Learners on one task: each trained once, and judged in one way on the titles held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import (
    HISTORY_INPUTS,
    INPUT_NAMES,
    RELATIVE_INPUTS,
    VERSION,
    State,
)
from rlcodec.learn.collection import Choose, play
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episode
from rlcodec.learn.events import Trained
from rlcodec.learn.objective import Objective
from rlcodec.learn.optimum import BASE_CRFS, bd_rates, optimum
from rlcodec.learn.playback import replay
from rlcodec.learn.replay import Floats
from rlcodec.learn.rivals import ChoosingPolicy, train_table
from rlcodec.learn.stakes import OFFSETS
from rlcodec.learn.supervised import train_supervised
from rlcodec.learn.task import BASE_CRF_RANGE, LIBRARY, TITLES
from rlcodec.learn.training import Case, Task, train
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.interface import Action, Policy, held
from rlcodec.policy.learned import Learned
from rlcodec.policy.network import Network
from rlcodec.policy.rule import Rule
from rlcodec.settings import SCOPES

SETS = ("reels", "titles", "shots")
"""As `benchmarks policies` has them: reels in scope library; edited titles and single shots."""
EDITED = 4
"""Shots that make a clip an edited title."""
_GIVEN = {"pixels", "rate", "crf", "max_offset", "scope"}
PAST = (
    *(each.name for each in HISTORY_INPUTS if each.name not in _GIVEN),
    *(each.name for each in RELATIVE_INPUTS),
)
"""The inputs that go by what the title has shown before the segment."""

Actions = Sequence[NDArray[np.int64]]
"""Of every validation case, those of its segments (S)."""
Returns = dict[str, dict[str, dict[str, float]]]
"""What was earned by kind, title and group: a title's return is the sum over the groups that its
segments come from. Means over base CRFs; 0.05 is about 5 % fewer bytes."""


@dataclass(frozen=True)
class Player:
    """A policy as both judges need it.

    Attributes:
        choose: gives one of `OFFSETS` for states, as in training.
        policy: decides as in a transcode.
    """

    choose: Choose
    policy: Policy


Train = Callable[[Task, Objective, AgentConfig], Player]


@dataclass(frozen=True)
class _Held:
    """A rival that stays within a shot where the agent's policy would."""

    rival: ChoosingPolicy

    @property
    def name(self) -> str:
        return self.rival.name

    def decide(self, state: State) -> Action:
        return held(state, self.rival.decide(state).offset)


def _player(name: str, choose: Choose, config: AgentConfig) -> Player:
    return Player(choose, _Held(ChoosingPolicy(name, choose, OFFSETS, config.inputs)))


def _train_agent(task: Task, objective: Objective, config: AgentConfig) -> Player:
    """The agent, and its policy as a policy file would have it."""
    *_, trained = train(task, config)
    assert isinstance(trained, Trained)
    network = Network(trained.tensors, OFFSETS)
    facts = PolicyFacts(
        name="agent",
        objective=objective.name,
        scopes=SCOPES,
        codec="libx264",
        presets=("medium",),
        state_version=VERSION,
        inputs=config.inputs,
        offsets=OFFSETS,
        crf_range=BASE_CRF_RANGE,
        pixels_range=(0, 2**62),
        corpus_digest="",
        seed=config.seed,
    )

    def choose(states: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        values = np.stack([network.q_values(state) for state in states])
        return np.asarray(np.where(allowed, values, -np.inf).argmax(1))

    return Player(choose, Learned(PolicyFile(facts, network, "", "agent")))


def _train_supervised(task: Task, objective: Objective, config: AgentConfig) -> Player:
    environment = task.environment()
    assert isinstance(environment, RateEnv)
    model, _ = train_supervised(task, environment, objective, config)
    return _player("supervised", model.choose, config)


def _train_table(task: Task, _: Objective, config: AgentConfig) -> Player:
    return _player("table", train_table(task, config).choose, config)


def _rule(_: Task, __: Objective, config: AgentConfig) -> Player:
    """The rule; in returns its offsets are rounded to those that all others choose from."""
    places, rule, offsets = [INPUT_NAMES.index(name) for name in config.inputs], Rule(), OFFSETS

    def choose(states: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        values = np.zeros((len(states), len(INPUT_NAMES)), np.float32)
        values[:, places] = states
        wanted = np.array([rule.decide(State(each)).offset for each in values])
        far = np.abs(np.array(offsets) - wanted[:, None])
        return np.asarray(np.where(allowed, far, np.inf).argmin(1))

    return Player(choose, rule)


LEARNERS: Mapping[str, Train] = {
    "agent": _train_agent,
    "supervised": _train_supervised,
    "table": _train_table,
    "rule": _rule,
}
OPTIMUM = "optimum"
"""Beside `LEARNERS`: it knows everything, and learns nothing."""


@dataclass(frozen=True)
class Rates:
    """BD-rates of one title against fixed CRF, in percent; `bytes` is how many more there are."""

    set_name: str
    title: str
    psnr: float
    ssim: float
    bytes: float

    def own(self, objective: str) -> float:
        """The BD-rate that a policy of an objective is judged by."""
        return {"psnr": self.psnr, "ssim": self.ssim}.get(objective, (self.psnr + self.ssim) / 2)


@dataclass(frozen=True)
class Judgement:
    """What a learner came to on the titles held out.

    Attributes:
        returns: with the offsets that all choose from.
        shuffled: the same in scope title, had each state the past of another at the same base CRF;
            of agents alone.
        rates: at the offsets of a transcode.
    """

    returns: Returns
    shuffled: Returns
    rates: list[Rates]


def judge(learner: str, task: Task, objective: Objective, config: AgentConfig) -> Judgement:
    """Train a learner on a task, and judge it."""
    cases = task.validation
    if learner == OPTIMUM:
        best = [_best(case, **_options(case)) for case in cases]
        return Judgement(returns_of(cases, best), {}, rates_of(cases, _best_offsets))
    player = LEARNERS[learner](task, objective, config)
    trajectories = play([case.start for case in cases], player.choose)
    actions = [each.actions for each in trajectories]
    found = returns_of(cases, actions)
    shuffled: Returns = {}
    if learner == "agent":
        titles = [place for place, case in enumerate(cases) if _options(case)["scope"] == "title"]
        states = np.concatenate([trajectories[place].states[:-1] for place in titles])
        choose = with_other_pasts(player.choose, states, config)
        again = play([cases[place].start for place in titles], choose)
        shuffled = returns_of([cases[place] for place in titles], [each.actions for each in again])

    def offsets(_: Case, episode: Episode, crf: float, scope: str) -> NDArray[np.float64]:
        return replay(player.policy, episode, crf, scope)

    return Judgement(found, shuffled, rates_of(cases, offsets))


def with_other_pasts(choose: Choose, states: Floats, config: AgentConfig) -> Choose:
    """`choose` where every state gets what `PAST` says of another one at its base CRF.

    `states` (N, I) are all that will be met, in any order: their pasts are dealt out anew.
    """
    crf = config.inputs.index("crf")
    past = [config.inputs.index(name) for name in PAST if name in config.inputs]
    dealt = np.random.default_rng(config.seed).permutation(states)
    decks = {base: list(dealt[dealt[:, crf] == base][:, past]) for base in np.unique(dealt[:, crf])}

    def shuffled(states: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        states = states.copy()
        for state in states:
            state[past] = decks[state[crf]].pop()
        return choose(states, allowed)

    return shuffled


def returns_of(cases: Sequence[Case], actions: Actions) -> Returns:
    """What actions earn in each case that has just been played, or begun."""
    crfs: dict[tuple[str, str], int] = {}
    found: Returns = {}
    for case, taken in zip(cases, actions, strict=True):
        environment, episode = case.start.environment, _options(case)["episode"]
        assert isinstance(environment, RateEnv)
        odds, previous = environment.stakes, 0.0
        title = found.setdefault(case.kind, {}).setdefault(episode.name, {})
        for segment, (group, action) in enumerate(zip(episode.groups, taken, strict=True)):
            earned = float(odds.rewards(segment, previous)[action])
            title[group] = title.get(group, 0.0) + earned
            previous = float(odds.offsets[action])
        crfs[case.kind, episode.name] = crfs.get((case.kind, episode.name), 0) + 1
    return {
        kind: {
            name: {group: earned / crfs[kind, name] for group, earned in title.items()}
            for name, title in titles.items()
        }
        for kind, titles in found.items()
    }


def rates_of(
    cases: Sequence[Case],
    offsets: Callable[[Case, Episode, float, str], NDArray[np.float64]],
) -> list[Rates]:
    """BD-rates of every title of `SETS`.

    Args:
        cases: of the validation; those that differ by their base CRF count once.
        offsets: those that a policy chooses for an episode at a base CRF in a scope.
    """
    found: dict[tuple[str, str], Rates] = {}
    for case in cases:
        options = _options(case)
        episode, scope = options["episode"], options["scope"]
        name = _set_of(case.kind, episode)
        if name is None or (name, episode.name) in found:
            continue
        chosen = {crf: offsets(case, episode, crf, scope) for crf in BASE_CRFS}
        rates = bd_rates(episode, chosen)
        figures = (100 * each for each in (rates.psnr, rates.ssim, rates.bytes))
        found[name, episode.name] = Rates(name, episode.name, *figures)
    return list(found.values())


def _set_of(kind: str, episode: Episode) -> str | None:
    shots = sum(segment.new_shot for segment in episode.segments)
    if kind == TITLES:
        return "titles" if shots >= EDITED else "shots" if shots == 1 else None
    return "reels" if kind == LIBRARY else None


def _best(case: Case, episode: Episode, crf: float, scope: str) -> NDArray[np.int64]:
    """The actions of the optimum; the case's environment is then at its beginning."""
    environment = case.start.environment
    assert isinstance(environment, RateEnv)
    environment.reset(options={"episode": episode, "crf": crf, "scope": scope})
    return optimum(environment.stakes).actions


def _best_offsets(case: Case, episode: Episode, crf: float, scope: str) -> NDArray[np.float64]:
    return np.array(OFFSETS)[_best(case, episode, crf, scope)]


def _options(case: Case) -> dict[str, Any]:
    assert case.start.options is not None
    return case.start.options
