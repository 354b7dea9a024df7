"""A plan: the CRF of every segment of one video, decided before it is encoded."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Unpack

from rlcodec.errors import PlanError, SettingsError
from rlcodec.events import SegmentDecided
from rlcodec.settings import CRF_RANGE, MAX_OFFSET_RANGE, Choices, Settings
from rlcodec.version import __version__

FORMAT, VERSION = "rlcodec-plan", 1
MAX_FRAMES = 2**31 - 1

# What a plan has decided for good
_DECIDED = ("policy", "scope", "crf", "max_offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInput:
    """The video that a plan was made for, as it is encoded: after scaling and change of rate.

    Attributes:
        name: of the file, without its folder.
        frames: how many are encoded.
        declared_frames: what the container promises for its video stream; None where nothing.
        width, height: in pixels.
        rate: average frames per second.
        duration_s: from the first frame to the end of the last, in seconds.
    """

    name: str
    frames: int
    declared_frames: int | None
    width: int
    height: int
    rate: Fraction
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSegment:
    """Consecutive frames with one CRF.

    Attributes:
        start_frame: number of the first, from 0.
        frames: how many.
        start_s: when the first is shown, in seconds after the first frame of the video, to the
            microsecond.
        crf: what they are encoded with, `settings.CRF_RANGE`.
        new_shot: False where the segment continues the shot before.
    """

    start_frame: int
    frames: int
    start_s: float
    crf: float
    new_shot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to encode one video: the CRF of every segment, and what else changes its frames.

    As a file (`rlcodec plan -o`) it is one JSON object with `format` (`rlcodec-plan`), `version`
    (1), `rlcodec` (the version that wrote it), `input` with the fields of `PlannedInput` (`rate` as
    a fraction in text), the fields below (`scale` as text like `-1x720`, `fps` as a fraction in
    text, `policy` as an object with `name` and `digest`), and `segments`, a list with the fields of
    `PlannedSegment`. Keys that are not known are ignored.

    A person may edit `crf` of a segment, split segments or join them.

    Attributes:
        input: the video.
        codec, preset: the encoder.
        crf: base CRF, from which the encoder's own moves.
        policy: the name of the policy that decided.
        policy_digest: SHA-256 of its file; None where it has none.
        scale, fps, deinterlace, pix_fmt: as in `Settings`.
        segments: in order, without gaps, from the first frame to the last.
        rlcodec: the version that made it.
        label: what messages call the plan.

    Raises:
        PlanError: segments leave a gap, or a value is out of range; the message names the field.
    """

    input: PlannedInput
    codec: str
    preset: str
    crf: float
    policy: str
    policy_digest: str | None = None
    scale: tuple[int, int] | None = None
    fps: Fraction | None = None
    deinterlace: str = Settings.deinterlace
    pix_fmt: str | None = None
    segments: tuple[PlannedSegment, ...]
    rlcodec: str = __version__
    label: str = field(default="the plan", compare=False)

    def __post_init__(self) -> None:
        try:
            self.settings()
        except SettingsError as error:
            raise self._error(str(error)) from error
        self._check_input()
        self._check_segments()

    @property
    def frames(self) -> int:
        """Frames of the video."""
        return self.input.frames

    @property
    def steady(self) -> bool:
        """Whether every segment has the base CRF."""
        return all(each.offset == 0 for each in self.decisions())

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of what decides about bytes: the base CRF and the segments'."""
        said = [self.crf, *((each.start_frame, each.frames, each.crf) for each in self.segments)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def settings(self, **choices: Unpack[Choices]) -> Settings:
        """The settings that the plan was made with, with single fields of the caller's on top.

        Raises:
            SettingsError: a choice makes no sense, or the plan has made it already.
        """
        for name in _DECIDED:
            if name in choices:
                raise SettingsError(
                    f"{name} and a plan exclude each other: the plan says the CRF of every segment"
                )
        planned = Settings(
            codec=self.codec,
            preset=self.preset,
            crf=self.crf,
            scale=self.scale,
            fps=self.fps,
            deinterlace=self.deinterlace,
            pix_fmt=self.pix_fmt,
        )
        return replace(planned, **choices)

    def refuse_other_video(self, declared_frames: int | None) -> None:
        """See before any work that a plan is not one of a video, where that is certain.

        What a container declares may be wrong, but then it was so when the plan was made.

        Raises:
            PlanError: the container declares another number of frames than it did.
        """
        then, now = self.input.declared_frames, declared_frames
        if then is not None and now is not None and now not in (then, self.frames):
            raise self._error(
                f"is not the plan of this video, which has {now} frames where the plan's has "
                f"{then}; plan it anew"
            )

    def decisions(self) -> list[SegmentDecided]:
        """What a policy would have decided to give this plan."""
        return [
            SegmentDecided(
                index=index,
                start_frame=each.start_frame,
                frames=each.frames,
                # The base plus the offset need not be the segment's CRF to the last binary digit
                offset=round(each.crf - self.crf, 6),
                crf=each.crf,
                new_shot=each.new_shot,
            )
            for index, each in enumerate(self.segments)
        ]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec plan` writes it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "rlcodec": self.rlcodec,
            "input": {**asdict(self.input), "rate": str(self.input.rate)},
            "codec": self.codec,
            "preset": self.preset,
            "crf": self.crf,
            "policy": {"name": self.policy, "digest": self.policy_digest},
            "scale": None if self.scale is None else f"{self.scale[0]}x{self.scale[1]}",
            "fps": None if self.fps is None else str(self.fps),
            "deinterlace": self.deinterlace,
            "pix_fmt": self.pix_fmt,
            "segments": [asdict(each) for each in self.segments],
        }

    def _check_input(self) -> None:
        made_for = self.input
        declared = made_for.declared_frames
        for name, value in (
            ("frames", made_for.frames),
            ("declared_frames", 1 if declared is None else declared),
            ("width", made_for.width),
            ("height", made_for.height),
        ):
            if not 1 <= value <= MAX_FRAMES:
                raise self._error(
                    f"input.{name} is {value}: it must lie between 1 and {MAX_FRAMES}"
                )
        if made_for.rate <= 0:
            raise self._error(f"input.rate is {made_for.rate}: it must be above 0")
        if not (math.isfinite(made_for.duration_s) and made_for.duration_s >= 0):
            raise self._error(f"input.duration_s is {made_for.duration_s}: it must be 0 or more")

    def _check_segments(self) -> None:
        # An encoder asked for more gives something else: at -20 up to 10 % fewer bytes than at the
        # CRF itself, at 30 up to half more
        most = MAX_OFFSET_RANGE[1]
        low, high = max(CRF_RANGE[0], self.crf - most), min(CRF_RANGE[1], self.crf + most)
        end = 0
        for index, each in enumerate(self.segments):
            place = f"segments[{index}]"
            if each.start_frame != end:
                raise self._error(
                    f"{place}.start_frame is {each.start_frame}: the segment before ends at {end}"
                )
            if not 1 <= each.frames <= MAX_FRAMES:
                raise self._error(f"{place}.frames is {each.frames}: a segment needs at least 1")
            if not low <= each.crf <= high:
                raise self._error(
                    f"{place}.crf is {each.crf:g}: it must lie between {low:g} and {high:g}, and "
                    f"within {most:g} of the base, {self.crf:g}"
                )
            if not (math.isfinite(each.start_s) and each.start_s >= 0):
                raise self._error(f"{place}.start_s is {each.start_s}: it must be 0 or more")
            end += each.frames
        if end != self.frames:
            raise self._error(f"input.frames is {self.frames}, and the segments have {end} frames")

    def _error(self, message: str) -> PlanError:
        return PlanError(f"{self.label}: {message}")
