"""What measuring costs: encodes as `rlcodec corpus add` makes them against bare ones.

CPU time for each frame, at every CRF of the grid: an encode with one thread that is decoded, scored
and kept, against the same encode of frames that lie in memory; medians of runs made in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from benchmarks.reels import draw
from benchmarks.tables import report
from rlcodec.corpus.collect import GRID
from rlcodec.media.reference import Reference
from rlcodec.media.trial import trial
from rlcodec.settings import Settings


@click.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--preset", default="medium", show_default=True)
@click.option("--count", default=4, show_default=True, help="How many clips are drawn.")
@click.option("--frames", default=60, show_default=True, help="How many frames of each.")
@click.option("--runs", default=3, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def grid(
    clips: Path, *, preset: str, count: int, frames: int, runs: int, json_path: Path | None
) -> None:
    """Measure on clips from the folder CLIPS, at 640x360."""
    rows: list[dict[str, object]] = []
    totals = {"bare": 0.0, "measured": 0.0}
    drawn = draw(clips, count, 1)
    for clip in drawn:
        with closing(Reference(str(clip), scale=(640, 360), max_frames=frames)) as reference:
            costs = {"bare": 0.0, "measured": 0.0}
            for crf in GRID:
                settings = Settings(preset=preset, crf=crf)
                for kind, cost in _in_turn(reference, settings, runs).items():
                    costs[kind] += cost / reference.frames / len(GRID)
        rows.append({"clip": clip.stem[:30], **_shown(costs)})
        for kind, cost in costs.items():
            totals[kind] += cost
        report("grid", rows[-1:], None)
    means = {kind: cost / len(drawn) for kind, cost in totals.items()}
    rows.append({"clip": "all", **_shown(means)})
    facts = {"clips": len(drawn), "frames": frames, "runs": runs}
    report("grid", rows, json_path, preset=preset, encodes=len(GRID), **facts)


def _shown(costs: dict[str, float]) -> dict[str, object]:
    shown: dict[str, object] = {
        f"{kind}, ms a frame": round(1000 * cost, 2) for kind, cost in costs.items()
    }
    return {**shown, "measured / bare": round(costs["measured"] / costs["bare"], 2)}


def _in_turn(reference: Reference, settings: Settings, runs: int) -> dict[str, float]:
    """Median CPU seconds of both, over all frames."""
    works: dict[str, Callable[[], float]] = {
        "bare": lambda: _bare(reference, settings),
        "measured": lambda: _measured(reference, settings),
    }
    costs: dict[str, list[float]] = {kind: [] for kind in works}
    for _ in range(runs):
        for kind, work in works.items():
            costs[kind].append(work())
    return {kind: statistics.median(each) for kind, each in costs.items()}


def _bare(reference: Reference, settings: Settings) -> float:
    frames = list(reference)
    context = CodecContext.create(settings.codec, "w")
    assert isinstance(context, VideoCodecContext)
    picture = reference.picture
    context.width, context.height, context.pix_fmt = picture.width, picture.height, picture.pix_fmt
    context.time_base, context.framerate = picture.time_base, picture.rate
    context.thread_count = 1
    context.options = {"preset": settings.preset, "crf": f"{settings.crf:g}"}
    began = time.process_time()
    for frame in frames:
        frame.pict_type = PictureType.NONE
        context.encode(frame)
    context.encode(None)
    return time.process_time() - began


def _measured(reference: Reference, settings: Settings) -> float:
    began = time.process_time()
    trial(reference, settings, threads=1, vmaf=False, on_frame=lambda: None)
    return time.process_time() - began
