"""Imagined episodes: segments like those of the corpus, with what a model says becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.frames import COLUMN, FRAME_INPUTS
from rlcodec.learn.episodes import SEEDS, Episode, Episodes
from rlcodec.learn.world import WorldModel

_PIECES = 5
"""Draws of every clip that the model is fitted to, beside the whole of it."""
_ACTIVITIES = ("spatial", "temporal", "detail", "grain")


class Draws(Protocol):
    """What an environment draws its episodes from."""

    @property
    def psnr_cap(self) -> float:
        """In dB: PSNR above counts as this."""

    def draw(self, random: np.random.Generator) -> Episode:
        """Any episode."""

    def title(self, number: int) -> Episode:
        """The clip of this number, as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """How far imagined segments are from those that were measured, as standard deviations.

    Attributes:
        activity: of each measure of texture and movement, in octaves.
        bits: of the probe, in octaves.
        psnr: of the probe, in dB.
        within: how many times as far the shots of one title are from each other, where they are
            all made from one clip.
    """

    activity: float = 0.4
    bits: float = 0.4
    psnr: float = 1.0
    within: float = 2.0


class Imagination:
    """Draws imagined episodes: reels, titles, and titles whose shots are made from one clip."""

    def __init__(
        self, episodes: Episodes, variety: Variety | None = None, *, share: float, seed: int
    ) -> None:
        """Fit a model to the clips of `episodes`, of which pieces are drawn by `seed`.

        `share` of all episodes are imagined; the others are those of `episodes`.
        """
        random = np.random.default_rng(seed)
        numbers = range(len(episodes.clips))
        pieces = [episodes.piece(number, random) for number in numbers for _ in range(_PIECES)]
        self.world = WorldModel.fit([*map(episodes.title, numbers), *pieces])
        self.psnr_cap = episodes.psnr_cap
        self.title = episodes.title
        self._episodes = episodes
        self._variety = variety or Variety()
        self._share = share

    def draw(self, random: np.random.Generator) -> Episode:
        """An episode as it was measured, or imagined: a third of each kind."""
        if random.random() >= self._share:
            return self._episodes.draw(random)
        kind = random.integers(3)
        if kind == 0:
            return self._imagined(self._episodes.variation(random), random, self._variety.within)
        if kind == 1:
            return self._imagined(self._episodes.reel(int(random.integers(SEEDS))), random)
        number = int(random.integers(len(self._episodes.clips)))
        return self._imagined(self._episodes.title(number), random)

    def _imagined(
        self, episode: Episode, random: np.random.Generator, reach: float = 1.0
    ) -> Episode:
        segments, gain, shift = [], _no_gain(), _no_shift()
        for segment in episode.segments:
            # What continues a shot looks like the shot
            if segment.new_shot:
                gain, shift = self._moves(random, reach)
            frames = (segment.frames * gain + shift).astype(np.float32)
            segments.append(replace(segment, frames=frames))
        curves = self.world.curves(segments, episode.rate, episode.pixels)
        return replace(episode, segments=tuple(segments), curves=curves)

    def _moves(
        self, random: np.random.Generator, reach: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the measurements of a shot's frames are multiplied by and moved by (F)."""
        variety, gain, shift = self._variety, _no_gain(), _no_shift()
        for name in _ACTIVITIES:
            gain[COLUMN[name]] = 2 ** (reach * variety.activity * random.normal())
        gain[COLUMN["probe_bpp"]] = 2 ** (reach * variety.bits * random.normal())
        shift[COLUMN["probe_psnr"]] = reach * variety.psnr * random.normal()
        return gain, shift


def _no_gain() -> NDArray[np.float64]:
    return np.ones(len(FRAME_INPUTS))


def _no_shift() -> NDArray[np.float64]:
    return np.zeros(len(FRAME_INPUTS))
