"""The analyst: a frame in, what is measured of it out. The same for running and for training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.features import DetailExtractor, FeatureExtractor
from rlcodec.analysis.shots import ShotDetector
from rlcodec.media.luma import SmallLuma, as_array, lines_of
from rlcodec.media.picture import Picture
from rlcodec.media.probe import Probe
from rlcodec.media.types import VideoFrame


@dataclass(frozen=True, slots=True)
class Analysed:
    """What one frame gave.

    Attributes:
        row: its measurements, `analysis.frames.FRAME_INPUTS`.
        verdicts: at most one: whether the frame `reach` frames ago begins a shot.
    """

    row: NDArray[np.float32]
    verdicts: list[bool]


class Analyst:
    """Measures frame after frame of one stream, and finds its cuts."""

    def __init__(self, picture: Picture) -> None:
        """Prepare for frames of `picture`."""
        self._small = SmallLuma(picture)
        self._probe = Probe(self._small.width, self._small.height)
        self._features = FeatureExtractor()
        self._details = DetailExtractor(picture.bit_depth)
        self._detector = ShotDetector(float(picture.rate))

    def push(self, frame: VideoFrame) -> Analysed:
        """Measure the next frame."""
        small = self._small.shrink(frame)
        seen = self._features.measure(as_array(small))
        reading = self._probe.read(small)
        values = [
            *(seen.flat_share, seen.spatial, seen.temporal),
            *self._details.measure(lines_of(frame)),
            *(reading.bits_per_pixel, reading.psnr),
        ]
        return Analysed(np.array(values, np.float32), self._detector.push(seen.thumbnail))

    def finish(self) -> list[bool]:
        """The verdicts on the frames that are left when the stream has ended."""
        return self._detector.flush()
