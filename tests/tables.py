"""Tables of encodes that nobody made: curves as encoders have them, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from rlcodec.analysis import state
from rlcodec.analysis.frames import COLUMN
from rlcodec.corpus.table import Clip

CRFS = np.arange(12, 46, 3, dtype=np.float32)


def clip(
    seed: int,
    lengths: Sequence[int] = (40, 60, 130),
    *,
    group: str = "",
    delay: int = 10,
    vmaf: bool = False,
) -> Clip:
    """A clip of shots of these lengths, each as hard to code as chance has it."""
    random = np.random.default_rng(seed)
    frames = sum(lengths)
    shot = np.repeat(np.arange(len(lengths)), lengths)
    cuts = np.diff(shot, prepend=-1) > 0
    cost = random.normal(12, 1.5, len(lengths))[shot] + random.normal(0, 0.1, frames)
    best = random.uniform(48, 54, len(lengths))[shot] + random.normal(0, 0.2, frames)
    halving, fall = random.uniform(4.5, 7.5, len(lengths))[shot], random.uniform(0.4, 0.7)
    psnr = best - (CRFS[:, None] - 12) * fall
    bits = 2 ** (cost + 2.5 * cuts - (CRFS[:, None] - 12) / halving)
    measured = np.abs(random.normal(5, 1, (frames, len(state.FRAME_INPUTS))))
    measured[:, COLUMN["probe_bpp"]] = bits[2] / (640 * 360)
    measured[:, COLUMN["probe_psnr"]] = psnr[2] - 3
    return Clip(
        name=f"clip {seed}",
        group=group or f"group {seed}",
        digest=f"{seed:064x}",
        width=640,
        height=360,
        rate=Fraction(25),
        measured=measured.astype(np.float32),
        cuts=cuts,
        crfs=CRFS,
        bytes=np.round(bits).astype(np.uint32),
        psnr=psnr.astype(np.float32),
        ssim=(1 - 0.3 * 10 ** (-(psnr - 30) / 12)).astype(np.float32),
        reported_psnr=(psnr - 0.2).astype(np.float32),
        vmaf=np.clip(2.2 * psnr - 8, 0, 100).astype(np.float32) if vmaf else None,
        delay=delay,
    )
