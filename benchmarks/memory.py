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
from benchmarks.reels import pictures, write
from benchmarks.tables import report
from rlcodec.engine.director import LOOKAHEAD_BYTES

RATE = Fraction(25)
PRESET = "superfast"


@click.command()
@click.argument("clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def memory(clip: Path, json_path: Path | None) -> None:
    """Measure on CLIP, an unbroken shot of 50 frames and more, played to and fro."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size, (width, height), lengths in (
            ("360p", (640, 360), (60, 1200)),
            ("1080p", (1920, 1080), (60, 600)),
        ):
            piece = folder / f"{size}.mp4"
            _to_and_fro(clip, piece, width, height)
            for seconds in lengths:
                source = folder / f"{size}-{seconds}.mp4"
                _loop(piece, source, seconds)
                rows.append(_measure(source, folder / "out.mp4", size, seconds))
    report("memory", rows, json_path)
    window = LOOKAHEAD_BYTES / 1e6
    click.echo(f"\nAllowed: the plain loop, the lookahead of up to {window:.0f} MB, and 100 MB.")


def _measure(source: Path, target: Path, size: str, seconds: int) -> dict[str, object]:
    arguments = [str(source), str(target)]
    ours = run([RLCODEC, "transcode", *arguments, "-y", "--preset", PRESET])
    theirs = run([sys.executable, plain, *arguments, PRESET, "23"])
    return {
        "size": size,
        "seconds": seconds,
        "rlcodec MB": round(ours.memory),
        "plain loop MB": round(theirs.memory),
        "difference MB": round(ours.memory - theirs.memory),
    }


def _to_and_fro(clip: Path, target: Path, width: int, height: int) -> None:
    """Fifty frames of a clip forwards and backwards, so that they can be repeated without a cut."""
    frames = list(islice(pictures(clip, width, height), 50))
    write(target, [[*frames, *frames[::-1]]], width=width, height=height, rate=RATE)


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
