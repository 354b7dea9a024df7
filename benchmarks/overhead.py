"""What deciding costs: `rlcodec transcode` against the same encode at fixed CRF.

With the default policy and with `rule`, which change what is encoded, and with `fixed`, which
analyses and decides as much and then encodes the very same as the plain loop. Wall and CPU time of
whole processes, start-up included, against a plain PyAV loop and against the `ffmpeg` binary of
imageio-ffmpeg, as medians of the ratios of runs made in turn.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import click
import imageio_ffmpeg

from benchmarks.plain import __file__ as plain
from benchmarks.processes import RLCODEC, in_turn, median, median_ratio
from benchmarks.reels import draw, reel
from benchmarks.tables import report
from rlcodec.settings import DEFAULT_POLICY, PRESETS

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
CASES = ("720p veryfast", "720p medium", "1080p medium")
POLICIES = (DEFAULT_POLICY, "rule", "fixed")
CRF = 23
CLIPS, FRAMES = 10, 60
"""How many clips a reel has, and how many frames of each."""


@click.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--case",
    "cases",
    multiple=True,
    type=click.Choice([" ".join(case) for case in product(SIZES, PRESETS)]),
    metavar="'SIZE PRESET'",
    default=CASES,
    show_default=True,
)
@click.option("--runs", default=3, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def overhead(clips: Path, *, cases: list[str], runs: int, json_path: Path | None) -> None:
    """Measure on a reel of ten clips (60 frames of each) from the folder CLIPS.

    A case is a size, 720p or 1080p, and a preset of x264, such as '720p slow'.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            size, preset = case.split()
            source = Path(folder, f"{size}.mp4")
            if not source.exists():
                width, height = SIZES[size]
                drawn = draw(clips, CLIPS, 1)
                reel(source, drawn, width=width, height=height, each=FRAMES, rate=Fraction(25))
            rows.append(_compare(source, Path(folder), size, preset, runs))
            report("overhead", rows[-1:], None)
        with av.open(str(source)) as container:
            frames = container.streams.video[0].frames
    facts = {"policy": DEFAULT_POLICY, "crf": CRF, "runs": runs, "frames": frames}
    binary = imageio_ffmpeg.get_ffmpeg_version()
    report("overhead", rows, json_path, **facts, clips=len(drawn), ffmpeg_binary=binary)


def _compare(source: Path, folder: Path, size: str, preset: str, runs: int) -> dict[str, object]:
    target = str(folder / "out.mp4")
    crf = str(CRF)
    ours = [RLCODEC, "transcode", str(source), target, "-y", "--preset", preset, "--crf", crf]
    costs = in_turn(
        {
            **{policy: [*ours, "--policy", policy] for policy in POLICIES},
            "plain": [sys.executable, plain, str(source), target, preset, crf],
            "ffmpeg": [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-y", "-i", str(source), "-c:v", "libx264", "-preset", preset, "-crf", crf),
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
    for policy, other in product(POLICIES, ("plain", "ffmpeg")):
        for figure in ("wall", "cpu"):
            ratio = median_ratio(costs[policy], costs[other], figure)
            row[f"{policy} / {other}, {figure}"] = round(ratio, 3)
    return row
