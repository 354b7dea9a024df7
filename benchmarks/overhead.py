"""What deciding costs: `rlcodec transcode` against the same encode at fixed CRF.

With the policy `rule`, which changes what is encoded, and with `fixed`, which analyses and decides
as much and then encodes the very same as the plain loop. Wall and CPU time of whole processes,
start-up included, against a plain PyAV loop and against the `ffmpeg` binary of imageio-ffmpeg, as
medians of the ratios of runs made in turn.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from itertools import product
from pathlib import Path

import click
import imageio_ffmpeg

from benchmarks.plain import __file__ as plain
from benchmarks.processes import RLCODEC, in_turn, median, median_ratio
from benchmarks.reels import draw, reel
from benchmarks.tables import report

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


@click.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--preset", "presets", multiple=True, default=["veryfast", "fast", "medium", "slow"])
@click.option("--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), default=list(SIZES))
@click.option("--runs", default=5, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def overhead(
    clips: Path, presets: list[str], sizes: list[str], runs: int, json_path: Path | None
) -> None:
    """Measure on a reel of ten clips (60 frames of each) from the folder CLIPS."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            width, height = SIZES[size]
            source = Path(folder, f"{size}.mp4")
            reel(source, draw(clips, 10, 1), width=width, height=height, each=60, rate=Fraction(25))
            for preset in presets:
                rows.append(_compare(source, Path(folder), size, preset, runs))
                report("overhead", rows[-1:], None)
    report("overhead", rows, json_path)


def _compare(source: Path, folder: Path, size: str, preset: str, runs: int) -> dict[str, object]:
    target = str(folder / "out.mp4")
    ours = [RLCODEC, "transcode", str(source), target, "-y", "--preset", preset, "--crf", "23"]
    costs = in_turn(
        {
            "rule": [*ours, "--policy", "rule"],
            "fixed": [*ours, "--policy", "fixed"],
            "plain": [sys.executable, plain, str(source), target, preset, "23"],
            "ffmpeg": [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-y", "-i", str(source), "-c:v", "libx264", "-preset", preset, "-crf", "23"),
                *("-fps_mode", "passthrough", "-an", target),
            ],
        },
        runs,
    )
    row: dict[str, object] = {
        "size": size,
        "preset": preset,
        "plain loop, s": round(median(costs["plain"], "wall"), 1),
    }
    for policy, other in product(("rule", "fixed"), ("plain", "ffmpeg")):
        for figure in ("wall", "cpu"):
            ratio = median_ratio(costs[policy], costs[other], figure)
            row[f"{policy} / {other}, {figure}"] = f"{ratio:.3f}"
    return row
