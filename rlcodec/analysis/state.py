"""The state: what a policy knows when it decides about a segment.

`build(segment, history)` is the one place where a state is made, for a running transcode and for
training alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, ParamSpec

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.frames import COLUMN, FRAME_INPUTS

__all__ = [
    "FRAME_INPUTS",
    "INPUTS",
    "INPUT_NAMES",
    "VERSION",
    "History",
    "Input",
    "Segment",
    "State",
    "Title",
    "build",
    "build_each",
]

VERSION = 2
"""Rises with every change of `INPUTS`, of their order or of their meaning."""
LOG_BPP_PER_CRF, PSNR_PER_CRF = -1 / 6, -0.6
"""What one step of CRF does to log2 of bits per pixel and to PSNR, roughly: six of them double the
quantiser's step. What a title makes of it shows in its reports."""

_TINY_BPP = 1e-4
_TINY_ACTIVITY = 0.1  # 8-bit levels
_PROBE_CRF = 18.0
_CHANGES = ("temporal", "grain")
ACTIVITIES = ("spatial", "temporal", "detail", "grain")
"""What bits grow with by powers rather than by sums, and so counts as a logarithm."""

Row = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive frames that get one decision: a shot, or a piece of a long one.

    Attributes:
        index: number of the segment in its title, from 0.
        start_frame: number of its first frame, from 0.
        new_shot: whether it begins with a hard cut, or the title.
        frames: its frames, at least one: float32 (frames, `FRAME_INPUTS`).
    """

    index: int
    start_frame: int
    new_shot: bool
    frames: Row

    @cached_property
    def means(self) -> dict[str, float]:
        """Means over frames of all `FRAME_INPUTS`, with log2 of activities and of the probe's bits.

        The first frame of a shot has the cut before it, and the probe codes it without reference:
        for bits and for differences between frames it counts only where the shot has no other.
        """
        means = dict(zip(FRAME_INPUTS, self.frames.mean(axis=0, dtype=float).tolist(), strict=True))
        inner = self.inner
        for name in _CHANGES:
            means[name] = float(inner[:, COLUMN[name]].mean(dtype=float))
        for name in ACTIVITIES:
            means[f"log_{name}"] = math.log2(means[name] + _TINY_ACTIVITY)
        bits = inner[:, COLUMN["probe_bpp"]].astype(float)
        means["probe_log_bpp"] = float(np.log2(np.maximum(bits, _TINY_BPP)).mean())
        return means

    @cached_property
    def inner(self) -> Row:
        """The frames without the first of a shot, unless it is the only one."""
        return self.frames[1:] if self.new_shot and len(self.frames) > 1 else self.frames

    @cached_property
    def values(self) -> Row:
        """The inputs that depend on the segment alone, `SEGMENT_INPUTS`."""
        return np.array([each.measure(self) for each in SEGMENT_INPUTS], np.float32)

    @cached_property
    def tracked(self) -> NDArray[np.float64]:
        """The measurements that a history keeps statistics of, `TRACKED`."""
        return np.array([self.means[name] for name in TRACKED])


@dataclass(frozen=True, slots=True)
class Title:
    """What holds for a whole title: the picture, and what the user asked for.

    `width` and `height` in pixels, `rate` in frames per second, `crf` the base, `max_offset` the
    most that a policy may leave it, `scope` "title" or "library", as the user's settings.
    """

    width: int
    height: int
    rate: float
    crf: float
    max_offset: float
    scope: str = "title"


@dataclass(frozen=True, slots=True)
class Decided:
    """A segment that the encoder has not reported yet.

    `log_bpp` is log2 of the probe's bits per pixel, `psnr` the probe's in dB.
    """

    frames: int
    offset: float
    log_bpp: float
    psnr: float


TRACKED = (
    "probe_bpp",
    "probe_log_bpp",
    "probe_psnr",
    "log_spatial",
    "log_temporal",
    "log_detail",
)
"""The measurements of which a history knows the mean."""


@dataclass(slots=True)
class History:
    """What a title has shown so far: decisions at once, the encoder's reports when they come.

    `means` are of `TRACKED`, over the frames so far. `bits_error` and `psnr_error` tell by how much
    the encoder's reports were above what the probe and the CRF let expect, as means over the frames
    reported: in log2 and in dB.
    """

    title: Title
    frames: int = 0
    means: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(TRACKED)))
    last: Segment | None = None
    last_offset: float = 0.0
    offset_mean: float = 0.0
    reports: int = 0
    reported_frames: int = 0
    bits_error: float = 0.0
    psnr_error: float = 0.0
    # What waits for a report, which in a plan never comes
    _waiting: dict[int, Decided] = field(default_factory=dict)

    def decided(self, segment: Segment, offset: float) -> None:
        """Take note of a decision."""
        count = len(segment.frames)
        share = count / (self.frames + count)
        self.means = self.means + share * (segment.tracked - self.means)
        self.offset_mean += share * (offset - self.offset_mean)
        self.frames += count
        self.last, self.last_offset = segment, offset
        self._waiting[segment.index] = Decided(
            count, offset, segment.means["probe_log_bpp"], segment.means["probe_psnr"]
        )

    def reported(self, index: int, encoded_bytes: int, psnr: float | None) -> None:
        """Take note of what the encoder made of a segment: bytes, and PSNR in dB if known."""
        decided = self._waiting.pop(index)
        pixels = self.title.width * self.title.height * decided.frames
        log_bpp = _log2_bpp(8 * encoded_bytes / pixels)
        self.reports += 1
        self.reported_frames += decided.frames
        share = decided.frames / self.reported_frames
        steps = self.title.crf + decided.offset - _PROBE_CRF
        error = log_bpp - decided.log_bpp - LOG_BPP_PER_CRF * steps
        self.bits_error += share * (error - self.bits_error)
        if psnr:
            error = psnr - decided.psnr - PSNR_PER_CRF * steps
            self.psnr_error += share * (error - self.psnr_error)


Known = ParamSpec("Known")


@dataclass(frozen=True, slots=True)
class Input(Generic[Known]):
    """One place of the state vector: its name, its unit, and how it is found."""

    name: str
    unit: str
    measure: Callable[Known, float]


def _mean(name: str) -> Callable[[Segment], float]:
    return lambda segment: segment.means[name]


def _with_title(place: int, segment: Segment, history: History) -> float:
    """A tracked mean over the title up to the end of `segment`."""
    count = len(segment.frames)
    total = history.frames * history.means[place] + count * segment.tracked[place]
    return float(total / (history.frames + count))


def _relative(name: str) -> Callable[[Segment, History], float]:
    place = TRACKED.index(name)
    return lambda segment, history: (
        float(segment.tracked[place]) - _with_title(place, segment, history)
    )


def _relative_bits(segment: Segment, history: History) -> float:
    """A price per byte goes by sums of bytes, where the other inputs are means of logarithms."""
    here, title = float(segment.tracked[_BITS]), _with_title(_BITS, segment, history)
    return _log2_bpp(here) - _log2_bpp(title)


_BITS, _TITLE_BITS = TRACKED.index("probe_bpp"), TRACKED.index("probe_log_bpp")
SEGMENT_INPUTS: tuple[Input[[Segment]], ...] = (
    Input("flat_share", "share of blocks", _mean("flat_share")),
    *(Input(f"log_{name}", "log2 8-bit levels", _mean(f"log_{name}")) for name in ACTIVITIES),
    Input("probe_log_bpp", "log2 bits/pixel", _mean("probe_log_bpp")),
    Input("probe_psnr", "dB", _mean("probe_psnr")),
    Input("length", "log2 frames", lambda s: math.log2(len(s.frames))),
    Input("new_shot", "0 or 1", lambda s: float(s.new_shot)),
)
HISTORY_INPUTS: tuple[Input[[History]], ...] = (
    Input("pixels", "log2 pixels", lambda h: math.log2(h.title.width * h.title.height)),
    Input("rate", "log2 frames/s", lambda h: math.log2(h.title.rate)),
    Input("crf", "CRF", lambda h: h.title.crf),
    Input("max_offset", "CRF", lambda h: h.title.max_offset),
    Input("scope", "0 title, 1 library", lambda h: float(h.title.scope == "library")),
    Input("title_frames", "log2 (1 + frames)", lambda h: math.log2(1 + h.frames)),
    Input("title_log_bpp", "log2 bits/pixel", lambda h: float(h.means[_TITLE_BITS])),
    Input("title_offset", "CRF", lambda h: h.offset_mean),
    Input("previous_offset", "CRF", lambda h: h.last_offset),
    Input("reports", "log2 (1 + segments)", lambda h: math.log2(1 + h.reports)),
    Input("reports_bits_error", "log2 bits/pixel", lambda h: h.bits_error),
    Input("reports_psnr_error", "dB", lambda h: h.psnr_error),
)
RELATIVE_INPUTS: tuple[Input[[Segment, History]], ...] = (
    Input("relative_bits", "log2 bits/pixel", _relative_bits),
    Input("relative_probe_log_bpp", "log2 bits/pixel", _relative("probe_log_bpp")),
    Input("relative_probe_psnr", "dB", _relative("probe_psnr")),
    Input("relative_log_spatial", "log2 8-bit levels", _relative("log_spatial")),
    Input("relative_log_temporal", "log2 8-bit levels", _relative("log_temporal")),
    Input("relative_log_detail", "log2 8-bit levels", _relative("log_detail")),
)
"""The segment against the title up to its end: 0 where the title has shown nothing else."""
INPUTS: tuple[Input[[Segment]] | Input[[History]] | Input[[Segment, History]], ...] = (
    *SEGMENT_INPUTS,
    *HISTORY_INPUTS,
    *RELATIVE_INPUTS,
)

INPUT_NAMES = tuple(each.name for each in INPUTS)
_PLACE = {name: place for place, name in enumerate(INPUT_NAMES)}


@dataclass(frozen=True, slots=True)
class State:
    """A state vector: float32, one value for each of `INPUTS`, in their order and units."""

    values: Row

    def __getitem__(self, name: str) -> float:
        """The value of the input called `name`."""
        return float(self.values[_PLACE[name]])


def build(segment: Segment, history: History) -> State:
    """The state in which `segment` is decided, after what `history` has seen. Always finite."""
    seen = [each.measure(history) for each in HISTORY_INPUTS]
    seen += [each.measure(segment, history) for each in RELATIVE_INPUTS]
    return State(np.concatenate((segment.values, np.array(seen, np.float32))))


def build_each(segment: Segment, history: History, offsets: NDArray[np.float64]) -> Row:
    """The states (offsets, inputs) that `build` would give, had the last decision been another.

    `offsets` stand for that of `history`, of which the encoder has reported nothing yet.
    """
    states = build(segment, history).values[None].repeat(len(offsets), axis=0)
    if history.last is not None:
        share = len(history.last.frames) / history.frames
        moved = share * (offsets - history.last_offset)
        states[:, _PLACE["previous_offset"]] = offsets
        states[:, _PLACE["title_offset"]] = history.offset_mean + moved
    return states


def _log2_bpp(bits_per_pixel: float) -> float:
    """log2, with a floor under frames that cost nothing, so that it stays finite."""
    return math.log2(max(bits_per_pixel, _TINY_BPP))
