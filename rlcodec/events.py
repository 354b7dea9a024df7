"""What the engine tells whoever watches a transcode or a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """Work on a file begins.

    `frames` is what the container promises, None where it promises nothing;
    `duration_s` likewise, in seconds. `output` is None where nothing is encoded, but planned.
    """

    input: str
    output: str | None
    width: int
    height: int
    frames: int | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Comparing:
    """Two files of `frames` frames each, found to match, begin to be scored."""

    reference: str
    distorted: str
    frames: int


@dataclass(frozen=True, slots=True)
class Collecting:
    """Work on a corpus begins: `videos` of them, about `frames` frames to encode in all."""

    videos: int
    frames: int


@dataclass(frozen=True, slots=True)
class Benchmarking:
    """A round of encodes begins: `encodes` of them are to be made, `kept` were made before.

    `frames` is about how many frames there are to encode, in all rounds together.
    """

    encodes: int
    kept: int
    frames: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know: what was changed, or left out, and why.

    `once` says that it is enough to show it once where several files of a run say the same.
    """

    message: str
    once: bool = False


@dataclass(frozen=True, slots=True)
class SegmentDecided:
    """The policy, or a plan, chose a CRF for `frames` frames from `start_frame` on.

    `crf` is the base plus `offset`; `new_shot` is False where it continues the shot before.
    """

    index: int
    start_frame: int
    frames: int
    offset: float
    crf: float
    new_shot: bool


@dataclass(frozen=True, slots=True)
class SegmentEncoded:
    """Every frame of a segment has left the encoder.

    `bytes` are those of its packets; `psnr` is the PSNR of the mean
    squared error of luma in dB, capped at 100, or None where the encoder reports no error. x264
    takes the error before deblocking on frames that nothing refers to: it comes out somewhat low.
    """

    index: int
    start_frame: int
    frames: int
    crf: float
    bytes: int
    psnr: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the work stands: frames that left the encoder, their bytes, and the CRF in use.

    A plan counts the frames it has decided about, a comparison those it has scored: neither has
    bytes.
    """

    frames: int
    bytes: int | None = None
    crf: float | None = None


@dataclass(frozen=True, slots=True)
class Checking:
    """The file is complete and is being read back before it takes its name."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """The pictures of a report are being looked for; what it is about is done."""


Event = (
    Started
    | Comparing
    | Collecting
    | Benchmarking
    | Notice
    | SegmentDecided
    | SegmentEncoded
    | Progress
    | Checking
    | Reporting
)

OnEvent = Callable[[Event], None]

PROGRESS_INTERVAL_S = 0.2
"""How often, at most, `Progress` is told."""


def ignore(event: object) -> None:
    """Watch nothing."""
