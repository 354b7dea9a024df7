"""The exact optimum of a video, from encodes of that very video at many fixed CRFs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.encodes import Encode
from benchmarks.sets import SIZE
from rlcodec.analysis.state import FRAME_INPUTS, Segment
from rlcodec.learn.curves import Curves, Encodes
from rlcodec.learn.episodes import Episode
from rlcodec.learn.objective import Objective
from rlcodec.learn.optimum import optimum
from rlcodec.learn.stakes import stakes, title_terms

GRID = tuple(float(crf) for crf in range(12, 46, 3))
"""The CRFs at which a video is measured."""
_OFFSETS = sorted(np.arange(-8, 8.25, 0.25).tolist(), key=abs)
"""By their size: of offsets that are worth the same, the smallest is taken."""


def episode_of(encodes: Sequence[Encode], psnr_cap: float) -> Episode:
    """A video as its encodes at rising fixed CRFs show it; nothing is known of its pictures."""
    first = encodes[0]
    starts = np.cumsum([0, *first.lengths[:-1]])
    measured = np.zeros((len(first.frame_bytes), len(FRAME_INPUTS)), np.float32)
    parts = np.split(measured, starts[1:])
    unknown = np.full((len(encodes), len(measured)), np.nan, np.float32)
    table = Encodes(
        crfs=np.array([each.crf for each in encodes], np.float32),
        bytes=np.array([each.frame_bytes for each in encodes], np.uint32),
        psnr=np.array([each.frame_psnr for each in encodes], np.float32),
        ssim=np.array([each.frame_ssim for each in encodes], np.float32),
        reported_psnr=unknown,
        vmaf=unknown,
    )
    facts = zip(starts.tolist(), first.new_shots, parts, strict=True)
    return Episode(
        name=first.video,
        width=SIZE[0],
        height=SIZE[1],
        rate=25.0,
        delay=1,
        segments=tuple(Segment(number, *each) for number, each in enumerate(facts)),
        groups=(first.video,) * len(starts),
        curves=Curves.measured(table, starts, psnr_cap),
    )


def best_crfs(encodes: Sequence[Encode], base: float, objective: Objective) -> list[float]:
    """The CRF of every segment that earns most, at the price that the video itself has at `base`.

    Args:
        encodes: of the video at rising fixed CRFs.
        base: the base CRF.
        objective: what is to be gained.
    """
    episode = episode_of(encodes, objective.psnr_cap)
    terms = title_terms(episode, objective, base)
    table = stakes(episode, objective, terms, base, offsets=_OFFSETS)
    return [float(base + table.offsets[action]) for action in optimum(table).actions]
