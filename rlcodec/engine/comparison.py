"""What a comparison found: scores of every frame, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rlcodec.media.probe import PSNR_CAP

# The keys under which the filters' own summaries of a file are told, and what those average: an
# error that is this power of the ratio that the decibels stand for
_ERROR_MEANS = {"psnr": ("of_mean_mse", 10), "xpsnr": ("of_mean_rmse", 20)}


@dataclass(frozen=True, slots=True)
class ShotScore:
    """The mean score of one shot: `frames` frames from `start_frame`, at `start_s` seconds."""

    start_frame: int
    frames: int
    start_s: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricScores:
    """One metric of one file, in its own unit: dB for PSNR and XPSNR, 0 to 100 for VMAF.

    Attributes:
        values: of every frame; decibels lie between 0 and 100, which stands for equal frames too.
        mean: of the values.
        of_mean_error: what FFmpeg's filter says of the whole file: the PSNR of the mean squared
            error, the XPSNR of the mean root of the weighted squared error (vf_xpsnr.c); None for
            SSIM and VMAF, where it is the mean.
        harmonic_mean: as libvmaf takes it, 1 / mean(1 / (x + 1)) - 1, which 0 does not break.
        p5: the 5th percentile, linear between values.
        worst_shot: the shot with the lowest mean.
    """

    values: tuple[float, ...]
    mean: float
    of_mean_error: float | None
    harmonic_mean: float
    p5: float
    worst_shot: ShotScore


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How one file compares with the one it was made from.

    Attributes:
        reference, distorted: the files.
        frames: in each of them.
        duration_s: of the reference's video, in seconds.
        shift: seconds, exactly, by which the distorted file begins later.
        times: of every frame, in seconds from the first.
        metrics: the scores, by the names of the metrics that were asked for.
        notes: what had to be done to make the files alike.
    """

    reference: str
    distorted: str
    frames: int
    duration_s: float
    shift: Fraction
    times: tuple[float, ...]
    metrics: Mapping[str, MetricScores]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec compare --json` prints it."""
        return {
            "reference": self.reference,
            "distorted": self.distorted,
            "frames": self.frames,
            "duration_s": round(self.duration_s, 6),
            "shift_s": float(self.shift),
            "notes": list(self.notes),
            "metrics": {name: _as_dict(name, scores) for name, scores in self.metrics.items()},
            "per_frame": [
                {
                    "frame": place,
                    "time_s": round(time_s, 6),
                    **{name: scores.values[place] for name, scores in self.metrics.items()},
                }
                for place, time_s in enumerate(self.times)
            ],
        }


def _as_dict(name: str, scores: MetricScores) -> dict[str, object]:
    worst = scores.worst_shot
    own = {}
    if scores.of_mean_error is not None:
        own[_ERROR_MEANS[name][0]] = round(scores.of_mean_error, 6)
    return {
        "mean": round(scores.mean, 6),
        **own,
        "harmonic_mean": round(scores.harmonic_mean, 6),
        "p5": round(scores.p5, 6),
        "worst_shot": {
            "start_frame": worst.start_frame,
            "frames": worst.frames,
            "start_s": round(worst.start_s, 6),
            "mean": round(worst.mean, 6),
        },
    }


def pool(
    metric: str, scores: Sequence[float], shots: Sequence[int], times: Sequence[float]
) -> MetricScores:
    """Pool the scores of every frame, one at least, of one metric.

    Args:
        metric: its name.
        scores: as the filter gives them: decibels of equal frames are infinite.
        shots: the first frame of every shot; the first of them is 0.
        times: of every frame, in seconds.
    """
    values = np.asarray(scores, np.float64)
    of_mean_error = None
    if metric in _ERROR_MEANS:
        _, power = _ERROR_MEANS[metric]
        error = float(np.mean(10 ** (-values / power)))
        of_mean_error = _bounded(-power * math.log10(error)) if error else PSNR_CAP
        values = values.clip(0, PSNR_CAP)
    means = np.add.reduceat(values, shots) / np.diff([*shots, len(values)])
    worst = int(np.argmin(means))
    start, end = [*shots, len(values)][worst : worst + 2]
    return MetricScores(
        values=tuple(values.tolist()),
        mean=float(values.mean()),
        of_mean_error=of_mean_error,
        harmonic_mean=float(1 / np.mean(1 / (values + 1)) - 1),
        p5=float(np.percentile(values, 5)),
        worst_shot=ShotScore(start, end - start, times[start], float(means[worst])),
    )


def _bounded(decibels: float) -> float:
    return min(PSNR_CAP, max(0.0, decibels))
