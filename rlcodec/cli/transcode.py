"""`rlcodec transcode`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from rlcodec.cli.choices import encoding_choices
from rlcodec.cli.exits import one_line
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay, size
from rlcodec.engine.result import Result
from rlcodec.engine.transcode import transcode
from rlcodec.errors import SettingsError
from rlcodec.events import Event
from rlcodec.plans.record import Plan
from rlcodec.settings import Settings


@click.command(name="transcode")
@click.argument("input", metavar="INPUT")
@click.argument("output", metavar="OUTPUT", type=click.Path(path_type=Path))
@encoding_choices
@click.option("--plan", metavar="PLAN.json", help="The CRF of every shot, by `rlcodec plan`.")
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing output.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--json-lines", is_flag=True, help="Print every event as a line of JSON.")
@examples(
    "rlcodec transcode holiday.mov holiday.mp4",
    "rlcodec transcode film.mkv small.mkv --crf 26 --scale -1x720 --preset slow",
    "cat live.ts | rlcodec transcode - live.mkv",
)
def command(
    input: str,  # noqa: A002 # the name that users know
    output: Path,
    settings: Settings,
    *,
    plan: Plan | None,
    overwrite: bool,
    as_json: bool,
    json_lines: bool,
) -> None:
    """Transcode INPUT to OUTPUT with a CRF chosen for every shot.

    INPUT may be - for standard input. OUTPUT ends in .mp4, .mov, .mkv or .ts; it appears once it is
    complete and checked, or not at all. PLAN.json also says codec, preset, size,
    rate and pixel format, unless they are given. Put -- before a name that begins with a dash.
    """
    display = ProgressDisplay()

    def show(event: Event) -> None:
        if json_lines:
            click.echo(json.dumps({"type": _type(event), **dataclasses.asdict(event)}))
        display(event)

    if as_json and json_lines:
        raise SettingsError("--json and --json-lines exclude each other: choose one")
    try:
        result = transcode(
            input, output, settings, plan=plan, overwrite=overwrite, on_progress=show
        )
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
