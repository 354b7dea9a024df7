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
        bytes: size of the file.
        video_bytes: size of its video packets.
        duration_s: of the video, in seconds.
        wall_s: how long it took, in seconds.
        codec, preset, crf, policy: what it was encoded with; the policy is `plan` for a plan.
        digest: of the plan, None where there was none.
        shift: seconds, exactly, that were added to every timestamp of the input.
        segments: one record for each decision, in display order.
        notices: what the user was told.
    """

    input: str
    output: str
    frames: int
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
    segments: tuple[SegmentEncoded, ...]
    notices: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec transcode --json` prints it."""
        return {
            "input": self.input,
            "output": self.output,
            "frames": self.frames,
            "bytes": self.bytes,
            "video_bytes": self.video_bytes,
            "duration_s": self.duration_s,
            "wall_s": round(self.wall_s, 3),
            "codec": self.codec,
            "preset": self.preset,
            "crf": self.crf,
            "policy": {"name": self.policy, "digest": self.digest},
            "shift_s": float(self.shift),
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
