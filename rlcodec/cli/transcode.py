"""`rlcodec transcode`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from rlcodec.cli.exits import one_line
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay, size
from rlcodec.engine.result import Result
from rlcodec.engine.transcode import transcode
from rlcodec.errors import SettingsError
from rlcodec.events import Event
from rlcodec.settings import (
    CODECS,
    CRF_RANGE,
    MAX_PIXELS,
    POLICIES,
    Settings,
    parse_fps,
    parse_scale,
)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE arguments as a dictionary."""
    pairs = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise SettingsError(f"--encoder-option {text!r}: give KEY=VALUE")
        pairs[key] = value
    return pairs


@click.command(name="transcode")
@click.argument("input", metavar="INPUT")
@click.argument("output", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option(
    "--crf",
    type=float,
    default=Settings.crf,
    show_default=True,
    help=f"Base CRF, {CRF_RANGE[0]:g} to {CRF_RANGE[1]:g}; the policy moves every shot from it.",
)
@click.option("--codec", default=Settings.codec, show_default=True, help=f"{', '.join(CODECS)}.")
@click.option("--preset", default=Settings.preset, show_default=True, help="The encoder's preset.")
@click.option(
    "--encoder-option",
    "encoder_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="A further option of the encoder, such as tune=film; may be given again.",
)
@click.option(
    "--policy", default=Settings.policy, show_default=True, help=f"{', '.join(POLICIES)}."
)
@click.option(
    "--max-offset",
    type=float,
    default=Settings.max_offset,
    show_default=True,
    help="How far a policy may leave the base CRF.",
)
@click.option("--pix-fmt", metavar="F", help="Pixel format of the output, such as yuv420p.")
@click.option("--scale", metavar="WxH", help="Size of the output; -1x720 keeps the shape.")
@click.option("--fps", metavar="F", help="Constant frame rate, such as 25 or 30000/1001.")
@click.option(
    "--max-pixels",
    type=int,
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
@click.option("--no-audio", is_flag=True, help="Leave audio out.")
@click.option("--no-subtitles", is_flag=True, help="Leave subtitles out.")
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing output.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--json-lines", is_flag=True, help="Print every event as a line of JSON.")
@examples(
    "rlcodec transcode holiday.mov holiday.mp4",
    "rlcodec transcode film.mkv small.mkv --crf 26 --scale -1x720 --preset slow",
    "cat live.ts | rlcodec transcode - live.mkv",
)
def command(  # noqa: PLR0917 # click passes them all by name
    input: str,  # noqa: A002 # the name that users know
    output: Path,
    crf: float,
    codec: str,
    preset: str,
    encoder_options: tuple[str, ...],
    policy: str,
    max_offset: float,
    pix_fmt: str | None,
    scale: str | None,
    fps: str | None,
    max_pixels: int,
    *,
    no_audio: bool,
    no_subtitles: bool,
    overwrite: bool,
    as_json: bool,
    json_lines: bool,
) -> None:
    """Transcode INPUT to OUTPUT with a CRF chosen for every shot.

    INPUT may be - for standard input. OUTPUT ends in .mp4, .mov, .mkv or .ts; it appears once it is
    complete and checked, or not at all. Put -- before a name that begins with a dash.
    """
    display = ProgressDisplay()

    def show(event: Event) -> None:
        if json_lines:
            click.echo(json.dumps({"type": _type(event), **dataclasses.asdict(event)}))
        display(event)

    if as_json and json_lines:
        raise SettingsError("--json and --json-lines exclude each other: choose one")
    settings = Settings(
        codec=codec,
        preset=preset,
        crf=crf,
        encoder_options=_pairs(encoder_options),
        policy=policy,
        max_offset=max_offset,
        pix_fmt=pix_fmt,
        scale=None if scale is None else parse_scale(scale),
        fps=None if fps is None else parse_fps(fps),
        max_pixels=max_pixels,
        audio=not no_audio,
        subtitles=not no_subtitles,
    )
    try:
        result = transcode(input, output, settings, overwrite=overwrite, on_progress=show)
    finally:
        display.clear()
    if as_json:
        click.echo(json.dumps(result.as_dict()))
    elif json_lines:
        click.echo(json.dumps({"type": "result", **result.as_dict()}))
    else:
        click.echo(_summary(result))


def _type(event: Event) -> str:
    """An event's class name the way JSON writes names: SegmentDecided is segment_decided."""
    name = type(event).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _summary(result: Result) -> str:
    crfs = [segment.crf for segment in result.segments]
    lowest, highest = min(crfs), max(crfs)
    spread = f"CRF {lowest:g}" if lowest == highest else f"CRF {lowest:g} to {highest:g}"
    was = Path(result.input).stat().st_size if Path(result.input).is_file() else 0
    against = f", {result.bytes / was - 1:+.0%} against the input" if was else ""
    rate = result.frames / max(result.wall_s, 1e-6)
    return (
        f"{one_line(result.output)}: {size(result.bytes)}{against}; {result.frames} frames in "
        f"{result.wall_s:.1f} s ({rate:.1f} fps)\n"
        f"policy {result.policy}: {len(result.segments)} segments, {spread} around {result.crf:g}"
    )
