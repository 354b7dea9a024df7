"""The optimum: the CRF of every segment that earns most, known from encodes of the clip itself.

It is the limit of what a policy can gain, and no way to encode: every clip is encoded at many fixed
CRFs first. In scope title the price of a byte is the title's own at the base CRF; in scope library
all clips have one price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlcodec.analysis.state import FRAME_INPUTS, Segment
from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Chosen, Made, Studio
from rlcodec.learn.curves import Curves, Encodes
from rlcodec.learn.episodes import Episode
from rlcodec.learn.objective import Objective
from rlcodec.learn.optimum import optimum
from rlcodec.learn.stakes import Library, stakes, title_terms
from rlcodec.settings import CRF_RANGE

STEP, REACH = 3.0, 8.0
"""Of the grid of fixed CRFs; and how far an offset goes, in CRF."""
_OFFSETS = sorted(np.arange(-REACH, REACH + 0.25, 0.25).tolist(), key=abs)
"""By their size: of offsets that are worth the same, the smallest is taken."""


@dataclass(frozen=True, kw_only=True)
class Oracle(Recipe):
    """The optimum's plan.

    Attributes:
        plan: frames and CRF of every segment.
    """

    plan: Chosen

    def make(self, studio: Studio) -> Made:
        """Encode once."""
        return studio.by_plan(self.crf, self.plan, "oracle")


def grid_for(crfs: Sequence[float]) -> tuple[float, ...]:
    """The fixed CRFs that tell what segments come to at `REACH` around the base CRFs, rising."""
    low, high = max(CRF_RANGE[0], crfs[0] - REACH), min(CRF_RANGE[1], crfs[-1] + REACH)
    steps = int(np.ceil((high - low) / STEP))
    return tuple(min(low + STEP * step, CRF_RANGE[1]) for step in range(steps + 1))


def episode_of(
    name: str,
    size: tuple[int, int],
    segments: Iterable[tuple[int, bool]],
    encodes: Encodes,
    psnr_cap: float,
) -> Episode:
    """A video as its encodes at rising fixed CRFs show it; nothing is known of its pictures.

    Args:
        name: what it is called.
        size: width and height in pixels.
        segments: of each: frames, and whether it begins a shot.
        encodes: of all its frames.
        psnr_cap: of the objective, in dB.
    """
    lengths, new_shots = zip(*segments, strict=True)
    starts = np.cumsum([0, *lengths[:-1]])
    unseen = np.split(np.zeros((sum(lengths), len(FRAME_INPUTS)), np.float32), starts[1:])
    facts = zip(starts.tolist(), new_shots, unseen, strict=True)
    return Episode(
        name=name,
        width=size[0],
        height=size[1],
        rate=25.0,
        delay=1,
        segments=tuple(Segment(number, *each) for number, each in enumerate(facts)),
        groups=(name,) * len(starts),
        curves=Curves.measured(encodes, starts, psnr_cap),
    )


def best_plan(
    episode: Episode, base: float, objective: Objective, library: Library | None
) -> Chosen:
    """The CRF of every segment that earns most.

    Args:
        episode: the video.
        base: the base CRF, within the grid.
        objective: what is to be gained.
        library: whose price counts; the video's own at `base` where None.
    """
    if library is None:
        terms = title_terms(episode, objective, base)
    else:
        terms = library.terms(episode, base)
    table = stakes(episode, objective, terms, base, offsets=_OFFSETS)
    crfs = [round(float(base + table.offsets[each]), 6) for each in optimum(table).actions]
    lengths = [len(segment.frames) for segment in episode.segments]
    return tuple(zip(lengths, crfs, strict=True))
