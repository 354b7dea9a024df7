"""From measurements to points: one file of one clip, or the files of many clips as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.measured import Measured
from rlcodec.benchmark.results import METRICS, Part, Point, Score
from rlcodec.engine.comparison import ShotScore, pool

_DIGITS = 6


def point_of(clip: Clip, crf: float, measured: Measured, target: float | None) -> Point:
    """The point of one file."""
    told = _told(clip, measured)
    return Point(
        crf=crf,
        chosen_crf=None if told is None else round(float(told.mean()), 4),
        bytes=measured.size,
        scores={
            metric: _score([clip], metric, [values], of_set=False)
            for metric, values in measured.scores.items()
        },
        target=target,
        wall_s=measured.wall_s,
        cpu_s=measured.cpu_s,
        peak_memory=measured.peak_memory,
        encodes=measured.encodes,
        parts=tuple(_parts(clip, measured, told)),
    )


def pooled(
    clips: Sequence[Clip], crf: float, measured: Sequence[Measured], points: Sequence[Point]
) -> Point:
    """The point of the files of several clips at one base CRF, as if they were one file.

    In a mean score every frame counts by its pixels: a library's price is one for a bit and pixel.

    Args:
        clips: one at least.
        crf: the base CRF.
        measured: of every clip.
        points: of every clip.
    """
    frames = np.array([clip.frames for clip in clips], float)
    pixels = np.array([clip.pixels for clip in clips], float)
    told = [point.chosen_crf for point in points]
    peaks = [each.peak_memory for each in points if each.peak_memory is not None]
    chosen = None
    if None not in told:
        chosen = round(float(np.average(np.array(told, float), weights=frames)), 4)
    return Point(
        crf=crf,
        chosen_crf=chosen,
        bytes=sum(point.bytes for point in points),
        scores={
            metric: replace(
                _score(clips, metric, [each.scores[metric] for each in measured], of_set=True),
                mean=_mean([each.scores[metric].mean for each in points], pixels),
            )
            for metric in points[0].scores
        },
        target=None,
        wall_s=round(sum(point.wall_s for point in points), 4),
        cpu_s=round(sum(point.cpu_s for point in points), 4),
        peak_memory=max(peaks, default=None),
        encodes=round(float(np.average([each.encodes for each in points], weights=frames)), 4),
    )


def means_of(points: Mapping[float, Point], metric: str) -> NDArray[np.float64]:
    """The mean scores of points by rising base CRF."""
    return np.array([points[crf].scores[metric].mean for crf in sorted(points)])


def _mean(values: Sequence[float], weights: NDArray[np.float64]) -> float:
    return round(float(np.average(values, weights=weights)), _DIGITS)


def _score(
    clips: Sequence[Clip], metric: str, values: Sequence[NDArray[np.float64]], *, of_set: bool
) -> Score:
    """One metric over the frames of `clips`, `values` of each."""
    begins = [0, *accumulate(clip.frames for clip in clips)][:-1]
    shots = [
        start + begin for clip, begin in zip(clips, begins, strict=True) for start in clip.shots
    ]
    times = [number / clip.rate for clip in clips for number in range(clip.frames)]
    found = pool(METRICS[metric], np.concatenate(values).tolist(), shots, times)
    worst = found.worst_shot
    place = int(np.searchsorted(begins, worst.start_frame, "right")) - 1
    return Score(
        mean=round(found.mean, _DIGITS),
        harmonic_mean=round(found.harmonic_mean, _DIGITS),
        p5=round(found.p5, _DIGITS),
        worst_shot=ShotScore(
            worst.start_frame - begins[place],
            worst.frames,
            round(worst.start_s, _DIGITS),
            round(worst.mean, _DIGITS),
        ),
        worst_clip=clips[place].entry.name if of_set else None,
    )


def _told(clip: Clip, measured: Measured) -> NDArray[np.float64] | None:
    """The CRF that the encoder was told for every frame."""
    if measured.chosen is None:
        return None
    lengths, crfs = zip(*measured.chosen, strict=True)
    told = np.repeat(crfs, lengths)
    assert len(told) == clip.frames
    return told


def _parts(clip: Clip, measured: Measured, told: NDArray[np.float64] | None) -> list[Part]:
    ends = [*clip.starts[1:], clip.frames]
    return [
        Part(
            start_frame=start,
            frames=end - start,
            crf=None if told is None else round(float(told[start:end].mean()), 4),
            bytes=int(measured.bytes[start:end].sum()),
            psnr_y=round(float(measured.scores["psnr_y"][start:end].mean()), _DIGITS),
            ssim_y=round(float(measured.scores["ssim_y"][start:end].mean()), _DIGITS),
        )
        for start, end in zip(clip.starts, ends, strict=True)
    ]
