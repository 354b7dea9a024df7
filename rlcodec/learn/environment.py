"""The environment: titles from a table, decided about segment by segment, as Gymnasium has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from rlcodec.analysis import state
from rlcodec.analysis.state import INPUT_NAMES
from rlcodec.errors import SettingsError
from rlcodec.learn.episodes import Episode
from rlcodec.learn.imagination import Draws
from rlcodec.learn.objective import Objective
from rlcodec.learn.playback import Playback, title_of
from rlcodec.learn.stakes import (
    OFFSETS,
    Library,
    Stakes,
    SwitchCost,
    foreseen_terms,
    stakes,
    title_terms,
)
from rlcodec.settings import SCOPES

Observation = NDArray[np.float32]

_OPTIONS = ("episode", "crf", "scope")


class Outcomes(NamedTuple):
    """What every action would have done in the state that was just left.

    A tuple, as Gymnasium's checker knows how to compare.

    Attributes:
        rewards: float32 (A).
        next_states: float32 (A, I), zeros when the episode has ended.
        log_bytes, psnr, ssim: changes against offset 0 over the segment, float32 (A): log2 of
            bytes, luma PSNR in dB, capped as the objective has it, and SSIM of luma.
        allowed: bool (A); other actions come to what the nearest one that is allowed does.
    """

    rewards: NDArray[np.float32]
    next_states: NDArray[np.float32]
    log_bytes: NDArray[np.float32]
    psnr: NDArray[np.float32]
    ssim: NDArray[np.float32]
    allowed: NDArray[np.bool_]


class RateEnv(gymnasium.Env[Observation, np.int64]):
    """One episode is one title, one step one segment, one action an offset from the base CRF.

    The observation is the state vector of `analysis.state`, made by the same `build` as in a
    transcode. `info["outcomes"]` of a step is the `Outcomes` of the state that it left, and
    `info["group"]` the group of the clip that the segment comes from.
    """

    def __init__(
        self,
        episodes: Draws,
        objective: Objective,
        library: Library,
        *,
        offsets: Sequence[float] = OFFSETS,
        crf_range: tuple[float, float] = (18.0, 38.0),
        scopes: Sequence[str] = SCOPES,
        switch: SwitchCost | None = None,
        hindsight: bool = True,
        inputs: Sequence[str] = INPUT_NAMES,
    ) -> None:
        """Draw from `episodes`, and judge by `objective`, and in scope library by `library` too.

        Args:
            episodes: titles and reels.
            objective: what quality is worth.
            library: the price of bytes over titles that are learned from, for `objective`.
            offsets: the actions, in CRF; 0 is among them.
            crf_range: the base CRFs that are drawn, in halves.
            scopes: those that are drawn.
            switch: what another offset within a shot costs.
            hindsight: whether a title is judged by the slope of all of it, and not by what can be
                known of that when a segment is decided.
            inputs: those of the state that are observed, by name.

        Raises:
            SettingsError: the settings contradict each other.
        """
        if objective.psnr_cap != episodes.psnr_cap:
            raise SettingsError(
                f"the episodes were made with PSNR capped at {episodes.psnr_cap:g} dB, and the "
                f"objective has {objective.psnr_cap:g}"
            )
        self._episodes = episodes
        self._objective = objective
        self._library = library
        self._offsets = tuple(float(each) for each in offsets)
        self._crf_range = crf_range
        self._scopes = tuple(scopes)
        self._switch = switch or SwitchCost()
        self._hindsight = hindsight
        self._columns = [INPUT_NAMES.index(name) for name in inputs]
        self._max_offset = max(abs(each) for each in self._offsets)
        self.observation_space = Box(-np.inf, np.inf, (len(inputs),), np.float32)
        self.action_space = Discrete(len(self._offsets))
        self._playback: Playback | None = None
        self._stakes: Stakes | None = None

    @property
    def stakes(self) -> Stakes:
        """The rewards of the episode that runs."""
        assert self._stakes is not None
        return self._stakes

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of all draws from now on.
            options: what is not to be drawn: `episode`, an `Episode`, or the number of a title;
                `crf`, the base; `scope`, one of `settings.SCOPES`.

        Returns:
            The first state; and `episode`, its name, `crf`, `scope` and `allowed`, the actions (A)
            that are within the grid, now as later.

        Raises:
            SettingsError: an option is not known, or `crf` is beyond the CRFs of the clips.
        """
        super().reset(seed=seed)
        fixed = options or {}
        for name in fixed:
            if name not in _OPTIONS:
                raise SettingsError(
                    f"option {name!r} is not known: choose from {', '.join(_OPTIONS)}"
                )
        episode = self._episode(fixed.get("episode"))
        crf = float(fixed["crf"]) if "crf" in fixed else self._draw_crf()
        scope = str(fixed["scope"]) if "scope" in fixed else self._draw_scope()
        terms = self._library.terms(episode, crf)
        if scope == "title":
            terms = (
                title_terms(episode, self._objective, crf)
                if self._hindsight
                else foreseen_terms(episode, self._objective, crf, terms)
            )
        self._stakes = stakes(
            episode, self._objective, terms, crf, offsets=self._offsets, switch=self._switch
        )
        self._playback = Playback(episode, title_of(episode, crf, scope, self._max_offset))
        first = state.build(episode.segments[0], self._playback.history)
        return first.values[self._columns], {
            "episode": episode.name,
            "crf": crf,
            "scope": scope,
            "allowed": self._stakes.allowed.copy(),
        }

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Decide about the segment; the next state, or zeros when the title has ended."""
        playback, odds = self._playback, self.stakes
        assert playback is not None
        segment = playback.segment
        assert segment is not None
        rewards = odds.rewards(segment.index, playback.history.last_offset)
        playback.decide(float(odds.offsets[action]))
        following = playback.segment
        if following is None:
            states = np.zeros((len(self._offsets), len(self._columns)), np.float32)
        else:
            states = state.build_each(following, playback.history, odds.offsets)[:, self._columns]
        outcomes = self._outcomes(segment.index, rewards, states)
        ended = following is None
        info = {"outcomes": outcomes, "group": playback.episode.groups[segment.index]}
        return states[action], float(rewards[action]), ended, False, info

    def _outcomes(
        self, segment: int, rewards: NDArray[np.float64], states: NDArray[np.float32]
    ) -> Outcomes:
        odds = self.stakes
        log_bytes = np.log2(odds.outcome.bytes[segment])
        psnr, ssim = odds.outcome.capped_psnr[segment], odds.outcome.ssim[segment]
        zero = odds.zero
        return Outcomes(
            rewards=rewards.astype(np.float32),
            next_states=states,
            log_bytes=(log_bytes - log_bytes[zero]).astype(np.float32),
            psnr=(psnr - psnr[zero]).astype(np.float32),
            ssim=(ssim - ssim[zero]).astype(np.float32),
            allowed=odds.allowed.copy(),
        )

    def _episode(self, wanted: Episode | int | None) -> Episode:
        if isinstance(wanted, Episode):
            return wanted
        if wanted is not None:
            return self._episodes.title(wanted)
        return self._episodes.draw(self.np_random)

    def _draw_crf(self) -> float:
        low, high = (round(2 * each) for each in self._crf_range)
        return int(self.np_random.integers(low, high + 1)) / 2

    def _draw_scope(self) -> str:
        return self._scopes[int(self.np_random.integers(len(self._scopes)))]
