"""The exact optimum of a video, from encodes of that very video at many fixed CRFs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.encodes import Encode
from benchmarks.sets import SIZE
from rlcodec.benchmark.rivals.oracle import best_plan, episode_of
from rlcodec.corpus.collect import GRID
from rlcodec.learn.curves import Encodes
from rlcodec.learn.objective import Objective

__all__ = ["GRID", "best_crfs"]


def best_crfs(encodes: Sequence[Encode], base: float, objective: Objective) -> list[float]:
    """The CRF of every segment that earns most, at the price that the video itself has at `base`.

    Args:
        encodes: of the video at rising fixed CRFs.
        base: the base CRF.
        objective: what is to be gained.
    """
    first = encodes[0]
    unknown = np.full((len(encodes), len(first.frame_bytes)), np.nan, np.float32)
    table = Encodes(
        crfs=np.array([each.crf for each in encodes], np.float32),
        bytes=np.array([each.frame_bytes for each in encodes], np.uint32),
        psnr=np.array([each.frame_psnr for each in encodes], np.float32),
        ssim=np.array([each.frame_ssim for each in encodes], np.float32),
        reported_psnr=unknown,
        vmaf=unknown,
    )
    segments = zip(first.lengths, first.new_shots, strict=True)
    episode = episode_of(first.video, SIZE, segments, table, objective.psnr_cap)
    return [crf for _, crf in best_plan(episode, base, objective, None)]
