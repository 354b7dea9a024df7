"""From encodes to figures: the scores of a policy on one video, and over all videos of a set."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.encodes import Encode
from benchmarks.rates import bd_rate_on_fine_curve, gain_at_equal_bytes, share
from benchmarks.sets import Video
from rlcodec.benchmark.figures import mean_interval
from rlcodec.learn.bdrate import bd_rate

METRICS = ("psnr", "ssim", "vmaf")
REPICKED = 28.0
"""The base CRF at which a fixed CRF is re-picked to the same bytes."""
_NOTHING = -0.1
"""Percent: where the optimum gains less on average, a share of it says nothing."""

Row = dict[str, object]


@dataclass(frozen=True)
class Score:
    """What one policy came to on one video, against fixed CRF.

    Attributes:
        video: the video.
        bd_rates: in percent, by metric; negative is better, NaN where curves share no quality.
        bytes_ratio: bytes over those of the same fixed CRF, the mean over base CRFs.
        fine: as `bd_rates`, of PSNR and SSIM, against fixed CRF at many CRFs: a CRF that is only
            moved comes to 0 there, and to some tenths of a percent in `bd_rates`.
        repicked: at base CRF `REPICKED`, how much better than a fixed CRF of the same bytes, by
            metric: dB of PSNR, SSIM, VMAF.
    """

    video: Video
    bd_rates: Mapping[str, float]
    fine: Mapping[str, float]
    bytes_ratio: float
    repicked: Mapping[str, float]

    def own(self, objective: str) -> float:
        """The BD-rate that a policy of an objective is judged by, in percent."""
        rates = self.bd_rates
        if objective == "balanced":
            return (rates["psnr"] + rates["ssim"]) / 2
        return rates[objective]


def score(
    video: Video, encodes: Sequence[Encode], fixed: Sequence[Encode], finer: Sequence[Encode]
) -> Score:
    """The score of encodes at several base CRFs.

    Args:
        video: what was encoded.
        encodes: by the policy, at rising base CRFs.
        fixed: at the same fixed ones.
        finer: at further fixed ones.
    """
    metrics = [
        metric for metric in METRICS if all(metric in each.scores for each in (*encodes, *fixed))
    ]
    reference = [each.bytes for each in fixed]
    sizes = [each.bytes for each in encodes]
    at = min(range(len(fixed)), key=lambda place: abs(fixed[place].crf - REPICKED))
    bd_rates, fine, repicked = {}, {}, {}
    for metric in metrics:
        flat = [each.scores[metric] for each in fixed]
        scores = [each.scores[metric] for each in encodes]
        curves = (np.array(each, float) for each in (reference, flat, sizes, scores))
        bd_rates[metric] = 100 * bd_rate(*curves)
        repicked[metric] = gain_at_equal_bytes(reference, flat, sizes[at], scores[at])
        if all(metric in each.scores for each in finer):
            fine[metric] = bd_rate_on_fine_curve(
                [each.bytes for each in (*fixed, *finer)],
                [each.scores[metric] for each in (*fixed, *finer)],
                sizes,
                scores,
            )
    ratios = [ours / theirs for ours, theirs in zip(sizes, reference, strict=True)]
    return Score(video, bd_rates, fine, statistics.mean(ratios), repicked)


@dataclass(frozen=True)
class Mean:
    """A mean over videos, and the 95 % bootstrap interval over their sources."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+z.2f} [{self.low:+z.2f}, {self.high:+z.2f}]"


def _interval(values: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """The interval of a mean; nothing but the mean itself where there is one source only."""
    only = statistics.mean(next(iter(values.values())))
    return mean_interval(values) or (only, only)


def means(
    videos: Sequence[Video], figures: Sequence[Mapping[str, float]]
) -> dict[str, Mean | None]:
    """The means of figures by their names, each over the videos that have it."""
    found: dict[str, Mean | None] = {}
    for name in figures[0]:
        values: dict[str, list[float]] = {}
        for video, each in zip(videos, figures, strict=True):
            if not math.isnan(each[name]):
                values.setdefault(video.group, []).append(each[name])
        flat = [value for group in values.values() for value in group]
        found[name] = Mean(statistics.mean(flat), *_interval(values)) if flat else None
    return found


@dataclass(frozen=True)
class Summary:
    """What one policy came to on all videos of a set.

    Attributes:
        set_name, policy, objective: whose score it is.
        videos: how many.
        bd_rates: by metric; None where no video has one.
        median, worst: of the BD-rate that the policy's objective names.
        fine: as in `Score`, means over videos.
        bytes_ratio: the mean over videos.
        shares: of the optimum's gain: ratio of sums, and median of ratios; None where the optimum
            was not measured, or gains nothing.
        repicked: by metric, means over videos.
    """

    set_name: str
    policy: str
    objective: str
    videos: int
    bd_rates: Mapping[str, Mean | None]
    median: float
    worst: float
    fine: Mapping[str, Mean | None]
    bytes_ratio: float
    shares: tuple[float, float] | None
    repicked: Mapping[str, Mean | None]

    def row(self) -> Row:
        """The summary as a line of a table."""
        shares = self.shares
        db = self.repicked["psnr"]
        return {
            "set": self.set_name,
            "policy": self.policy,
            "videos": self.videos,
            **{f"{metric.upper()}, %": str(self.bd_rates.get(metric) or "-") for metric in METRICS},
            "judged by": {"balanced": "(PSNR+SSIM)/2"}.get(self.objective, self.objective.upper()),
            "median, %": f"{self.median:+z.2f}",
            "worst, %": f"{self.worst:+z.2f}",
            "on a finer curve: PSNR, SSIM, %": ", ".join(
                f"{each.mean:+z.2f}" if (each := self.fine[metric]) else "-"
                for metric in ("psnr", "ssim")
            ),
            "bytes / fixed": f"{self.bytes_ratio:.3f}",
            "of the optimum": f"{shares[0]:.0%} (median {shares[1]:.0%})" if shares else "-",
            "at equal bytes, dB": f"{db.mean:+z.3f}" if db else "-",
        }


def summarise(
    set_name: str,
    policy: str,
    objective: str,
    scores: Sequence[Score],
    *,
    best: Sequence[Score] | None,
) -> Summary:
    """Put the scores of a policy together; `best` are the optimum's, of the same videos."""
    videos = [each.video for each in scores]
    own = [each.own(objective) for each in scores]
    known = [value for value in own if not math.isnan(value)] or [math.nan]
    shares = None
    if best is not None:
        pairs = zip(own, (each.own(objective) for each in best), strict=True)
        paired = [pair for pair in pairs if not any(map(math.isnan, pair))]
        if paired and statistics.mean(theirs for _, theirs in paired) < _NOTHING:
            shares = share(*zip(*paired, strict=True))
    return Summary(
        set_name=set_name,
        policy=policy,
        objective=objective,
        videos=len(scores),
        bd_rates=means(videos, [each.bd_rates for each in scores]),
        median=statistics.median(known),
        worst=max(known),
        fine=means(videos, [each.fine for each in scores]),
        bytes_ratio=statistics.mean(each.bytes_ratio for each in scores),
        shares=shares,
        repicked=means(videos, [each.repicked for each in scores]),
    )


def video_row(set_name: str, policy: str, score: Score) -> Row:
    """The score of one video as a line of a table."""
    return {
        "set": set_name,
        "video": score.video.name,
        "shots": score.video.shots,
        "frames": score.video.frames,
        "policy": policy,
        **{f"{metric.upper()}, %": _short(score.bd_rates, metric, 2) for metric in METRICS},
        "finer: PSNR, %": _short(score.fine, "psnr", 2),
        "finer: SSIM, %": _short(score.fine, "ssim", 2),
        "bytes / fixed": f"{score.bytes_ratio:.3f}",
        "at equal bytes, dB": _short(score.repicked, "psnr", 3),
    }


def _short(values: Mapping[str, float], metric: str, digits: int) -> str:
    value = values.get(metric, math.nan)
    return "-" if math.isnan(value) else f"{value:+z.{digits}f}"
