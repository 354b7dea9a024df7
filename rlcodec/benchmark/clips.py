"""The clips of a benchmark: what a first look at each tells, in the process that works on it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from rlcodec.benchmark.meter import Meter
from rlcodec.benchmark.results import EDITED, EDITED_SHOTS, METRICS, SINGLE
from rlcodec.corpus.crew import OnFrame
from rlcodec.corpus.manifest import Entry
from rlcodec.engine.director import PolicyDirector
from rlcodec.errors import InputError
from rlcodec.media.quality import check_size
from rlcodec.media.reference import Reference
from rlcodec.policy.fixed import Fixed
from rlcodec.settings import Settings

LEAST_FRAMES = 24
"""Below, an encoder's first frame is most of what is measured."""


@dataclass(frozen=True)
class Clip:
    """One clip, as it is encoded.

    Attributes:
        entry: the file, what it is called, and its size.
        digest: SHA-256 of the file.
        width, height: in pixels.
        rate: average frames per second.
        duration_s: of all frames.
        segments: of each: frames, and whether it begins a shot.
        cpu_s: what it took to find out.
    """

    entry: Entry
    digest: str
    width: int
    height: int
    rate: float
    duration_s: float
    segments: tuple[tuple[int, bool], ...]
    cpu_s: float

    @cached_property
    def frames(self) -> int:
        """How many there are."""
        return sum(frames for frames, _ in self.segments)

    @property
    def pixels(self) -> int:
        """Of all frames together."""
        return self.frames * self.width * self.height

    @cached_property
    def starts(self) -> list[int]:
        """The first frame of every segment."""
        return [0, *accumulate(frames for frames, _ in self.segments)][:-1]

    @cached_property
    def shots(self) -> list[int]:
        """The first frame of every shot."""
        return [
            start
            for start, (_, new_shot) in zip(self.starts, self.segments, strict=True)
            if new_shot
        ]

    @property
    def set(self) -> str | None:
        """Which of the sets of single clips it is of."""
        if len(self.shots) >= EDITED_SHOTS:
            return EDITED
        return SINGLE if len(self.shots) == 1 else None


@dataclass(frozen=True, slots=True)
class Look:
    """A clip to be looked at, and what will be measured of it, by the names in `METRICS`."""

    entry: Entry
    metrics: tuple[str, ...]


def look(task: Look, on_frame: OnFrame) -> Clip:  # noqa: ARG001 # nothing is encoded
    """Decode a clip once, and find its shots as a transcode does.

    Raises:
        InputError: it cannot be used.
        OutputError: there is no room for its frames.
    """
    path = task.entry.path
    with (
        Meter() as meter,
        closing(Reference(str(path), scale=task.entry.scale, max_frames=None)) as reference,
    ):
        picture = reference.picture
        check_size(picture, [METRICS[metric] for metric in task.metrics], label=str(path))
        if reference.frames < LEAST_FRAMES:
            raise InputError(
                f"{path}: has {reference.frames} frames, which is too short to measure: give "
                f"clips of at least {LEAST_FRAMES}"
            )
        segments = tuple(_segments(reference))
        duration = float(reference.duration)
    return Clip(
        entry=task.entry,
        digest=task.entry.digest(),
        width=picture.width,
        height=picture.height,
        rate=float(picture.rate),
        duration_s=duration,
        segments=segments,
        cpu_s=meter.cpu_s,
    )


def _segments(reference: Reference) -> Sequence[tuple[int, bool]]:
    director = PolicyDirector(reference.picture, Fixed(), Settings(policy=Fixed.name))
    decisions = {}
    for frame in reference:
        for _, decision in director.push(frame):
            decisions[decision.index] = decision
    for _, decision in director.finish():
        decisions[decision.index] = decision
    return [(each.frames, each.new_shot) for each in decisions.values()]
