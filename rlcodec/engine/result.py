"""What a finished transcode says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rlcodec.events import SegmentEncoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One finished and checked file.

    Attributes:
        input, output: the files.
        frames: frames encoded.
        kept: "output", or "input" where the output was no smaller and `keep_smaller` was asked for:
            it was dropped then, and what stood in its place before, if anything, still does.
        input_bytes: size of the input; None where it has none, as a pipe.
        bytes: size of the output, also of one that was dropped.
        video_bytes: size of its video packets.
        duration_s: of the video, in seconds.
        wall_s: how long it took, in seconds.
        codec, preset, crf, policy: what it was encoded with; the policy is `plan` for a plan.
        digest: SHA-256 of the policy's file, or of the plan; None where the policy has no file.
        shift: seconds, exactly, that were added to every timestamp of the input.
        shots: how many shots the segments belong to.
        segments: one record for each decision, in display order.
        notices: what the user was told.
    """

    input: str
    output: str
    kept: str
    frames: int
    input_bytes: int | None
    bytes: int
    video_bytes: int
    duration_s: float
    wall_s: float
    codec: str
    preset: str
    crf: float
    policy: str
    digest: str | None
    shift: Fraction
    shots: int
    segments: tuple[SegmentEncoded, ...]
    notices: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec transcode --json` prints it."""
        return {
            "input": self.input,
            "output": self.output,
            "kept": self.kept,
            "frames": self.frames,
            "input_bytes": self.input_bytes,
            "bytes": self.bytes,
            "video_bytes": self.video_bytes,
            "duration_s": self.duration_s,
            "wall_s": round(self.wall_s, 3),
            "codec": self.codec,
            "preset": self.preset,
            "crf": self.crf,
            "policy": {"name": self.policy, "digest": self.digest},
            "shift_s": float(self.shift),
            "shots": self.shots,
            "segments": [
                {
                    "start_frame": segment.start_frame,
                    "frames": segment.frames,
                    "crf": segment.crf,
                    "bytes": segment.bytes,
                    "psnr": None if segment.psnr is None else round(segment.psnr, 3),
                }
                for segment in self.segments
            ],
            "notices": list(self.notices),
        }
