"""`rlcodec corpus add` and `rlcodec corpus info`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click

from rlcodec.cli.choices import encoder_choices, pairs
from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.corpus.collect import GRID, MAX_FRAMES, Collection, add_videos
from rlcodec.corpus.info import Info, corpus_info
from rlcodec.corpus.manifest import entries, parse_scale
from rlcodec.errors import RlcodecError, SettingsError
from rlcodec.units import size


@click.group(name="corpus")
def command() -> None:
    """Measure videos, for policies to be trained on."""


@command.command()
@click.argument("store", type=click.Path(path_type=Path), metavar="STORE.db")
@click.argument(
    "videos",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="VIDEO|MANIFEST.csv...",
)
@click.option(
    "--scale",
    metavar="WxH|SHORT_SIDE",
    default="",
    help="Size to fill, such as 640x360, or short side to shrink to.",
)
@click.option(
    "--max-frames",
    type=click.IntRange(min=1),
    default=MAX_FRAMES,
    show_default=True,
    help="Use the first N frames of every video.",
)
@click.option(
    "--crf",
    "grid",
    metavar="GRID",
    default=f"{GRID[0]:g}-{GRID[-1]:g}/{GRID[1] - GRID[0]:g}",
    show_default=True,
    help="CRFs to encode at: from-to/step, or several with commas.",
)
@encoder_choices
@click.option("--vmaf", is_flag=True, help="Measure VMAF as well, which takes about as long.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Encodes side by side; as many as cores by default."
)
@examples(
    "rlcodec corpus add corpus.db clips/*.mkv --scale 640x360",
    "rlcodec corpus add corpus.db manifest.csv --crf 12-45/3 --jobs 4",
)
def add(
    store: Path,
    videos: tuple[Path, ...],
    *,
    scale: str,
    max_frames: int,
    grid: str,
    codec: str,
    preset: str,
    encoder_options: tuple[str, ...],
    vmaf: bool,
    jobs: int | None,
) -> None:
    """Encode videos at every CRF of a grid, and keep in STORE.db what came of every frame.

    Nothing is done twice: run it again after it was stopped, or with more videos. A manifest is a
    CSV file with the columns path, group and scale, of which path is needed; videos of one group
    stay together when a policy is tested on what it has not seen.
    """
    display = ProgressDisplay()
    try:
        collection = add_videos(
            store,
            entries(videos, parse_scale(scale)),
            crfs=parse_grid(grid),
            codec=codec,
            preset=preset,
            encoder_options=pairs(encoder_options),
            max_frames=max_frames,
            vmaf=vmaf,
            jobs=jobs,
            on_progress=display,
        )
    finally:
        display.clear()
    print_result(_summary(store, collection))
    for failure in collection.failures:
        click.echo(f"failed: {one_line(failure.error)}", err=True)
    sys.exit(RlcodecError.exit_code if collection.failures else 0)


@command.command()
@click.argument("store", type=click.Path(path_type=Path), metavar="STORE.db")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON document.")
@examples("rlcodec corpus info corpus.db")
def info(store: Path, *, as_json: bool) -> None:
    """Say what STORE.db holds: the videos, how they were encoded, and at which CRFs."""
    found = corpus_info(store)
    print_result(json.dumps(found.as_dict()) if as_json else _table(found))


def parse_grid(text: str) -> list[float]:
    """Read `12-45/3`, or `20,24,28`: CRFs.

    Raises:
        SettingsError: the text has another form.
    """
    number = r"(\d{1,2}(?:\.\d+)?)"
    if match := re.fullmatch(rf"{number}-{number}/{number}", text):
        low, high, step = map(float, match.groups())
        if step > 0 and low <= high:
            return [low + step * place for place in range(int((high - low) / step + 1e-9) + 1)]
    elif re.fullmatch(rf"{number}(,{number})*", text):
        return [float(each) for each in text.split(",")]
    raise SettingsError(f"--crf {text!r}: give from-to/step like 12-45/3, or CRFs like 20,24,28,32")


def _summary(store: Path, collection: Collection) -> str:
    return (
        f"{one_line(str(store))}: {collection.videos - len(collection.failures)} of "
        f"{collection.videos} videos, {collection.made} encodes made, {collection.kept} were there"
    )


def _table(found: Info) -> str:
    pictures = found.pictures
    width = max([len("video"), *(len(one_line(picture.name)) for picture in pictures)])
    groups = len({picture.group for picture in pictures})
    frames = sum(picture.frames for picture in pictures)
    held = f"{len(pictures)} videos of {groups} groups, {frames} frames"
    lines = [f"{one_line(found.store)}: {size(found.bytes)}, {held}"]
    for recipe, grid in found.recipes.items():
        options = "".join(f" {key}={value}" for key, value in recipe.encoder_options.items())
        at = ", ".join(f"{crf:g} ({count})" for crf, count in grid.items())
        how = f"{recipe.codec} {recipe.preset}{options}, threads {recipe.threads}"
        lines += [
            f"{how}, {recipe.libraries}: {sum(grid.values())} encodes",
            f"  at CRF (videos): {at}",
        ]
    lines.append(f"{'video':{width}}  {'size':>11}{'frames':>8}  group")
    lines += [
        f"{one_line(picture.name):{width}}  {f'{picture.width}x{picture.height}':>11}"
        f"{picture.frames:8}  {one_line(picture.group)}"
        + ("" if picture.id in found.analysed else "  (to be analysed again)")
        for picture in pictures
    ]
    return "\n".join(lines)
