"""`rlcodec plan`."""

from __future__ import annotations

from pathlib import Path

import click

from rlcodec.cli.choices import encoding_choices
from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.cli.verbose import verbose_option
from rlcodec.engine.plan import plan
from rlcodec.plans.formats import RENDERERS, render
from rlcodec.plans.record import Plan
from rlcodec.settings import Settings


@click.command(name="plan")
@click.argument("input", metavar="INPUT")
@encoding_choices
@click.option(
    "-o", "output", type=click.Path(path_type=Path), metavar="PLAN", help="File to write."
)
@click.option(
    "--format", "form", default="json", show_default=True, help=f"{', '.join(RENDERERS)}."
)
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing file.")
@verbose_option
@examples(
    "rlcodec plan film.mkv -o film.json",
    "rlcodec transcode film.mkv small.mkv --plan film.json",
    "rlcodec plan film.mkv --format x264-zones",
)
def command(
    input: str,  # noqa: A002 # the name that users know
    settings: Settings,
    *,
    output: Path | None,
    form: str,
    overwrite: bool,
    verbose: bool,
) -> None:
    """Decide about the CRF of every shot of INPUT and write it down, without encoding anything.

    INPUT may be - for standard input. The plan goes to standard output, or with -o to a file. As
    JSON it can be edited, segment by segment, and is then what `rlcodec transcode --plan` does.
    The other formats are for spreadsheets, x264's and x265's --zones, and Av1an's --zones.
    """
    display = ProgressDisplay(bar=not verbose)
    try:
        made = plan(
            input,
            settings,
            output=output,
            format=form,
            overwrite=overwrite,
            on_progress=display,
        )
    finally:
        display.clear()
    if output is None:
        print_result(render(made, form).removesuffix("\n"))
    else:
        print_result(_summary(made, output))


def _summary(made: Plan, output: Path) -> str:
    crfs = [each.crf for each in made.segments]
    shots = sum(each.new_shot for each in made.segments)
    return (
        f"{one_line(str(output))}: {made.frames} frames, {shots} shots, {len(crfs)} segments\n"
        f"policy {made.policy}: CRF {min(crfs):g} to {max(crfs):g} around {made.crf:g}"
    )
