"""Two files in, their scores out: the driver that joins pairs of frames, shots and metrics."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rlcodec.analysis.features import block_means
from rlcodec.analysis.shots import ShotDetector
from rlcodec.engine.comparison import Comparison, pool
from rlcodec.errors import SettingsError
from rlcodec.events import PROGRESS_INTERVAL_S, Comparing, Notice, OnEvent, Progress, ignore
from rlcodec.media.luma import SmallLuma, as_array
from rlcodec.media.pairs import FramePairs
from rlcodec.media.picture import Picture
from rlcodec.media.quality import FILTERS, FrameScorer, check_size
from rlcodec.media.source import STANDARD_INPUT
from rlcodec.media.types import VideoFrame
from rlcodec.media.vmaf import vmaf_scorer
from rlcodec.settings import MAX_PIXELS

METRICS = (*FILTERS, "vmaf")


def compare(
    reference: str | Path,
    distorted: str | Path,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    max_pixels: int = MAX_PIXELS,
    on_progress: OnEvent | None = None,
) -> Comparison:
    """Score a video, frame by frame, against the one it was made from.

    Frames are compared as they are shown: turned upright, those of the same time with each other,
    each file counted from its own first frame. Only luma is scored.

    Args:
        reference: the video that `distorted` was made from.
        distorted: the video to be scored.
        metrics: which of `psnr`, `ssim`, `xpsnr` and `vmaf`.
        max_pixels: the largest picture, in pixels, that is decoded.
        on_progress: called with every event, in the order in which things happen.

    Returns:
        The scores of every frame, and what they come to.

    Raises:
        SettingsError: a metric is not known, or cannot be measured here.
        InputError: a file cannot be used, or their sizes, lengths or times differ.
        RlcodecError: the measurement of VMAF failed.
    """
    chosen = list(dict.fromkeys(metrics))
    _check_choice(chosen, reference, distorted)
    tell = on_progress or ignore
    with ExitStack() as stack:
        open_vmaf = vmaf_scorer() if "vmaf" in chosen else None
        pairs = stack.enter_context(
            FramePairs(str(reference), str(distorted), max_pixels=max_pixels)
        )
        check_size(pairs.picture, chosen, label=pairs.reference.label)
        vmaf = stack.enter_context(open_vmaf(pairs.picture)) if open_vmaf else None
        filters = [metric for metric in chosen if metric in FILTERS]
        scorer = FrameScorer(pairs.picture, filters) if filters else None
        shots = _Shots(pairs.picture)
        scores = {metric: array("d") for metric in filters}
        frames, told = pairs.reference.frames, 0.0
        tell(Comparing(str(reference), str(distorted), frames))
        for note in pairs.notes:
            tell(Notice(note))
        for count, (good, bad) in enumerate(pairs, start=1):
            shots.push(good)
            if scorer is not None:
                for metric, score in scorer.score(good, bad).items():
                    scores[metric].append(score)
            if vmaf is not None:
                vmaf.push(good, bad)
            if time.monotonic() - told > PROGRESS_INTERVAL_S or count == frames:
                told = time.monotonic()
                tell(Progress(count))
        if vmaf is not None:
            scores["vmaf"] = array("d", vmaf.finish())
        starts = shots.finish()
    times = tuple(float(pairs.reference.seconds(place)) for place in range(frames))
    return Comparison(
        reference=str(reference),
        distorted=str(distorted),
        frames=frames,
        duration_s=float(pairs.reference.duration),
        shift=pairs.shift,
        times=times,
        metrics={metric: pool(metric, scores[metric], starts, times) for metric in chosen},
        notes=tuple(pairs.notes),
    )


def _check_choice(metrics: Sequence[str], *paths: str | Path) -> None:
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown or not metrics:
        raise SettingsError(
            f"metric {', '.join(map(repr, unknown)) or 'none'} is not known: "
            f"choose from {', '.join(METRICS)}"
        )
    if STANDARD_INPUT in map(str, paths):
        raise SettingsError("compare reads files twice, and standard input only once: name files")


class _Shots:
    """Finds the shots of the reference as a transcode does."""

    def __init__(self, picture: Picture) -> None:
        self._small = SmallLuma(picture)
        self._detector = ShotDetector(float(picture.rate))
        self._verdicts: list[bool] = []

    def push(self, frame: VideoFrame) -> None:
        small = as_array(self._small.shrink(frame))
        self._verdicts += self._detector.push(block_means(small))

    def finish(self) -> list[int]:
        """The first frame of every shot."""
        self._verdicts += self._detector.flush()
        return [0, *(place for place, is_cut in enumerate(self._verdicts) if is_cut and place)]
