"""Peak memory: against the length of a video, and against a plain loop on one endless shot."""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import click

from benchmarks.plain import __file__ as plain
from benchmarks.processes import RLCODEC, run
from benchmarks.reels import pictures, videos, write
from benchmarks.shots import ours
from benchmarks.tables import report
from rlcodec.engine.director import LOOKAHEAD_BYTES
from rlcodec.settings import DEFAULT_POLICY

RATE = Fraction(25)
PRESET = "veryfast"
"""The fastest for which the default policy is."""
LENGTHS = {(640, 360): (60, 600), (1920, 1080): (60, 120)}
"""Seconds, by size."""
PIECE = 50
"""Frames of the clip that are played to and fro."""


@click.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def memory(clips: Path, json_path: Path | None) -> None:
    """Measure on one shot, played to and fro: the first in CLIPS that goes on for 50 frames."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for (width, height), lengths in LENGTHS.items():
            size, piece = f"{width}x{height}", folder / "piece.mp4"
            _to_and_fro(clips, piece, width, height)
            for seconds in lengths:
                source = folder / f"{size}-{seconds}.mp4"
                _loop(piece, source, seconds)
                rows.append(_measure(source, folder / "out.mp4", size, seconds))
    report("memory", rows, json_path, policy=DEFAULT_POLICY, preset=PRESET)
    window = LOOKAHEAD_BYTES / 1e6
    click.echo(f"\nAllowed: the plain loop, the lookahead of up to {window:.0f} MB, and 100 MB.")


def _measure(source: Path, target: Path, size: str, seconds: int) -> dict[str, object]:
    arguments = [str(source), str(target)]
    choices = ["--preset", PRESET, "--policy", DEFAULT_POLICY]
    adaptive = run([RLCODEC, "transcode", *arguments, "-y", *choices])
    plain_loop = run([sys.executable, plain, *arguments, PRESET, "23"])
    return {
        "size": size,
        "seconds": seconds,
        "rlcodec MB": round(adaptive.memory),
        "plain loop MB": round(plain_loop.memory),
        "difference MB": round(adaptive.memory - plain_loop.memory),
    }


def _to_and_fro(clips: Path, target: Path, width: int, height: int) -> None:
    """A piece of a shot forwards and backwards, so that it can be repeated without a cut."""
    for clip in videos(clips):
        frames = list(islice(pictures(clip, width, height), PIECE))
        if len(frames) == PIECE:
            write(target, [[*frames, *frames[::-1]]], width=width, height=height, rate=RATE)
            if not ours(target):
                return
    raise click.UsageError(f"{clips}: no video in it begins with a shot of {PIECE} frames")


def _loop(piece: Path, target: Path, seconds: int) -> None:
    """Repeat the packets of a short video until it is `seconds` long."""
    with av.open(str(target), "w") as container:
        stream = None
        ticks = 0
        while stream is None or ticks * Fraction(stream.time_base or 0) < seconds:
            with av.open(str(piece)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = container.add_stream_from_template(video)
                    stream.time_base = video.time_base
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = stream
                    container.mux_one(packet)
                ticks += video.duration or 0
