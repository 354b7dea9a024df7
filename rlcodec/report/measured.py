"""What a page about a transcode needs beside its result: scores of every frame, and pictures."""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import dataclass

import numpy as np

from rlcodec.engine.result import Result
from rlcodec.events import PROGRESS_INTERVAL_S, Comparing, OnEvent, Progress, Reporting
from rlcodec.media.encoded import EncodedPairs
from rlcodec.media.probe import PSNR_CAP
from rlcodec.media.quality import FrameScorer
from rlcodec.report.frames import FramePair, how_shown, lowest, picked
from rlcodec.settings import Settings

METRICS = ("ssim", "psnr")
MOST_FRAMES = 6
"""How many frames are shown at most."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished file beside what its encoder was given.

    Attributes:
        scores: of every frame's luma, by metric, those of `METRICS`.
        times: of every frame, in seconds from the first.
        frames: those with the lowest SSIM.
        shown: how they are shown, in words.
        streams: what else the file holds, a few words for each stream.
    """

    scores: dict[str, array[float]]
    times: list[float]
    frames: list[FramePair]
    shown: str
    streams: list[str]

    def mean(self, metric: str, start: int = 0, frames: int | None = None) -> float:
        """The mean score of some frames, or of all."""
        end = None if frames is None else start + frames
        return float(np.mean(self.scores[metric][start:end]))


def why_not(result: Result) -> str | None:
    """Why a result cannot be measured any more; None where it can."""
    if result.kept == "input":
        return "the output was no smaller than the input, and was dropped"
    if result.input_bytes is None:
        return "the input was a pipe, which can be read only once"
    return None


def measure(result: Result, settings: Settings, tell: OnEvent) -> Measured:
    """Decode both files twice: for the scores, and for the pictures of the frames with the lowest.

    Raises:
        InputError: a file cannot be used any more.
    """
    with EncodedPairs(result.input, result.output, settings) as pairs:
        scores, times = _score(pairs, result, tell)
        picture, streams = pairs.picture, pairs.streams
    tell(Reporting())
    places = lowest(scores["ssim"], times, MOST_FRAMES)
    with EncodedPairs(result.input, result.output, settings) as pairs:
        frames = picked(pairs, picture, places)
    return Measured(scores, times, frames, how_shown(picture), streams)


def _score(
    pairs: EncodedPairs, result: Result, tell: OnEvent
) -> tuple[dict[str, array[float]], list[float]]:
    scorer = FrameScorer(pairs.picture, METRICS)
    scores = {metric: array("d") for metric in METRICS}
    times: list[float] = []
    told = 0.0
    tell(Comparing(result.input, result.output, result.frames))
    for count, (good, bad) in enumerate(pairs, start=1):
        times.append(float((good.pts or 0) * pairs.picture.time_base))
        for metric, score in scorer.score(good, bad).items():
            scores[metric].append(min(score, PSNR_CAP) if math.isfinite(score) else PSNR_CAP)
        if time.monotonic() - told > PROGRESS_INTERVAL_S or count == result.frames:
            told = time.monotonic()
            tell(Progress(count))
    return scores, [each - times[0] for each in times]
