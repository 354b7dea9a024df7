"""Plans made for the tests."""

from __future__ import annotations

from fractions import Fraction

import rlcodec


def made(crfs: list[float], lengths: list[int], *, base: float = 23.0) -> rlcodec.Plan:
    """A plan with these segments at 25 frames per second."""
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    return rlcodec.Plan(
        input=rlcodec.PlannedInput(
            name="in.mkv",
            frames=sum(lengths),
            declared_frames=None,
            width=64,
            height=48,
            rate=Fraction(25),
            duration_s=sum(lengths) / 25,
        ),
        codec="libx264",
        preset="medium",
        crf=base,
        policy="rule",
        segments=tuple(
            rlcodec.PlannedSegment(
                start_frame=start, frames=length, start_s=start / 25, crf=crf, new_shot=True
            )
            for start, length, crf in zip(starts, lengths, crfs, strict=True)
        ),
    )
