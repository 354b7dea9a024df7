"""The state: what a policy knows when it decides about a segment.

`build(segment, history)` is the one place where a state is made, for a running transcode and for
training alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.features import FrameFeatures

VERSION = 1
"""Rises with every change of `INPUTS`, of their order or of their meaning."""

_TINY_BPP = 1e-4


@dataclass(frozen=True, slots=True)
class Frame:
    """One analysed frame: its features, and the probe's bits per pixel, QP and PSNR in dB."""

    features: FrameFeatures
    probe_bpp: float
    probe_qp: float
    probe_psnr: float


@dataclass(frozen=True)
class Segment:
    """Consecutive frames that get one decision: a shot, or a piece of a long one.

    Attributes:
        index: number of the segment in its title, from 0.
        start_frame: number of its first frame, from 0.
        new_shot: whether it begins with a hard cut, or the title.
        frames: its frames, at least one.
    """

    index: int
    start_frame: int
    new_shot: bool
    frames: Sequence[Frame]

    @cached_property
    def log_bpp(self) -> float:
        """Mean over frames of log2 of the probe's bits per pixel.

        The first frame of a shot, which the probe codes without reference, counts only where the
        shot has no other.
        """
        inner = self.frames[1:] if self.new_shot and len(self.frames) > 1 else self.frames
        return _mean([_log2_bpp(frame.probe_bpp) for frame in inner])


@dataclass(frozen=True, slots=True)
class Title:
    """What holds for a whole title: the picture, and what the user asked for.

    `width` and `height` in pixels, `rate` in frames per second, `crf` the base, `max_offset` the
    most that a policy may leave it.
    """

    width: int
    height: int
    rate: float
    crf: float
    max_offset: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the encoder said of a segment that has left it, and what the probe had said before.

    `log_bpp` and `expected_log_bpp` are log2 of bits per pixel, of the encode and of the probe.
    """

    log_bpp: float
    psnr: float
    expected_log_bpp: float


@dataclass(slots=True)
class History:
    """What a title has shown so far: decisions at once, the encoder's reports when they come."""

    title: Title
    segments: int = 0
    frames: int = 0
    log_bpp_mean: float = 0.0
    log_bpp_spread: float = 0.0
    last: Segment | None = None
    last_offset: float = 0.0
    offset_mean: float = 0.0
    reports: int = 0
    last_report: Report | None = None
    # Frames and log_bpp of segments that wait for a report, which in a plan never comes
    _waiting: dict[int, tuple[int, float]] = field(default_factory=dict)

    def decided(self, segment: Segment, offset: float) -> None:
        """Take note of a decision."""
        count = len(segment.frames)
        total = self.frames + count
        share = count / total
        step = segment.log_bpp - self.log_bpp_mean
        # Running mean and variance over frames (Chan, Golub and LeVeque 1983)
        variance = (1 - share) * (self.log_bpp_spread**2 + share * step**2)
        self.log_bpp_mean += share * step
        self.log_bpp_spread = math.sqrt(variance)
        self.offset_mean += share * (offset - self.offset_mean)
        self.frames = total
        self.segments += 1
        self.last, self.last_offset = segment, offset
        self._waiting[segment.index] = count, segment.log_bpp

    def reported(self, index: int, encoded_bytes: int, psnr: float | None) -> None:
        """Take note of what the encoder made of a segment: bytes, and PSNR in dB if known."""
        count, expected = self._waiting.pop(index)
        pixels = self.title.width * self.title.height * count
        self.last_report = Report(
            log_bpp=_log2_bpp(8 * encoded_bytes / pixels),
            psnr=psnr or 0.0,
            expected_log_bpp=expected,
        )
        self.reports += 1


@dataclass(frozen=True, slots=True)
class Input:
    """One place of the state vector: its name, its unit, and how it is found."""

    name: str
    unit: str
    measure: Callable[[Segment, History], float]


def _frame_mean(read: Callable[[Frame], float]) -> Callable[[Segment, History], float]:
    return lambda segment, _: _mean([read(frame) for frame in segment.frames])


def _temporal(segment: Segment) -> list[float]:
    """Frame differences inside the segment: the cut at its start is not among them."""
    skip = 1 if segment.new_shot else 0
    return [frame.features.temporal for frame in segment.frames[skip:]] or [0.0]


def _previous(read: Callable[[Segment], float]) -> Callable[[Segment, History], float]:
    return lambda _, history: 0.0 if history.last is None else read(history.last)


def _reported(read: Callable[[Report], float]) -> Callable[[Segment, History], float]:
    return lambda _, history: 0.0 if history.last_report is None else read(history.last_report)


INPUTS: tuple[Input, ...] = (
    Input("luma_mean", "8-bit levels", _frame_mean(lambda f: f.features.luma_mean)),
    Input("luma_std", "8-bit levels", _frame_mean(lambda f: f.features.luma_std)),
    Input("dark_share", "share of blocks", _frame_mean(lambda f: f.features.dark_share)),
    Input("flat_share", "share of blocks", _frame_mean(lambda f: f.features.flat_share)),
    Input("spatial", "8-bit levels", _frame_mean(lambda f: f.features.spatial)),
    Input("temporal", "8-bit levels", lambda s, _: _mean(_temporal(s))),
    Input("temporal_peak", "8-bit levels", lambda s, _: float(np.quantile(_temporal(s), 0.9))),
    Input("probe_log_bpp", "log2 bits/pixel", lambda s, _: s.log_bpp),
    Input("probe_log_bpp_first", "log2 bits/pixel", lambda s, _: _log2_bpp(s.frames[0].probe_bpp)),
    Input("probe_qp", "QP", _frame_mean(lambda f: f.probe_qp)),
    Input("probe_psnr", "dB", _frame_mean(lambda f: f.probe_psnr)),
    Input("length", "log2 frames", lambda s, _: math.log2(len(s.frames))),
    Input("new_shot", "0 or 1", lambda s, _: float(s.new_shot)),
    Input("pixels", "log2 pixels", lambda _, h: math.log2(h.title.width * h.title.height)),
    Input("rate", "log2 frames/s", lambda _, h: math.log2(h.title.rate)),
    Input("crf", "CRF", lambda _, h: h.title.crf),
    Input("max_offset", "CRF", lambda _, h: h.title.max_offset),
    Input("title_frames", "log2 (1 + frames)", lambda _, h: math.log2(1 + h.frames)),
    Input("title_log_bpp", "log2 bits/pixel", lambda _, h: h.log_bpp_mean),
    Input("title_log_bpp_spread", "log2 bits/pixel", lambda _, h: h.log_bpp_spread),
    Input("title_offset", "CRF", lambda _, h: h.offset_mean),
    Input("previous_offset", "CRF", lambda _, h: h.last_offset),
    Input("previous_log_bpp", "log2 bits/pixel", _previous(lambda s: s.log_bpp)),
    Input("previous_length", "log2 frames", _previous(lambda s: math.log2(len(s.frames)))),
    Input("reports", "log2 (1 + segments)", lambda _, h: math.log2(1 + h.reports)),
    Input("reported_log_bpp", "log2 bits/pixel", _reported(lambda r: r.log_bpp)),
    Input("reported_psnr", "dB, 0 if unknown", _reported(lambda r: r.psnr)),
    Input("reported_probe_log_bpp", "log2 bits/pixel", _reported(lambda r: r.expected_log_bpp)),
)

_PLACE = {each.name: place for place, each in enumerate(INPUTS)}


@dataclass(frozen=True, slots=True)
class State:
    """A state vector: float32, one value for each of `INPUTS`, in their order and units."""

    values: NDArray[np.float32]

    def __getitem__(self, name: str) -> float:
        """The value of the input called `name`."""
        return float(self.values[_PLACE[name]])


def build(segment: Segment, history: History) -> State:
    """The state in which `segment` is decided, after what `history` has seen. Always finite."""
    values = [each.measure(segment, history) for each in INPUTS]
    return State(np.array(values, np.float32))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _log2_bpp(bits_per_pixel: float) -> float:
    """log2, with a floor under frames that cost nothing, so that it stays finite."""
    return math.log2(max(bits_per_pixel, _TINY_BPP))
