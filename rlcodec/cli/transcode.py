"""`rlcodec transcode`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from rlcodec.cli.choices import encoding_choices
from rlcodec.cli.main import examples
from rlcodec.cli.report import report_file, report_option
from rlcodec.cli.summary import Reporter
from rlcodec.cli.verbose import verbose_option
from rlcodec.engine.batch import Batch, transcode_all
from rlcodec.engine.transcode import transcode
from rlcodec.errors import RlcodecError, SettingsError
from rlcodec.plans.record import Plan
from rlcodec.report.transcode import transcode_page
from rlcodec.settings import Settings


@click.command(name="transcode")
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(readable=False)
)
@click.argument("output", metavar="OUTPUT", type=click.Path(readable=False))
@encoding_choices
@click.option("--plan", metavar="PLAN.json", help="The CRF of every shot, by `rlcodec plan`.")
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing output.")
@click.option(
    "--keep-smaller",
    is_flag=True,
    help="Write no output that is not smaller than its input.",
)
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--json-lines", is_flag=True, help="Print every event as a line of JSON.")
@verbose_option
@examples(
    "rlcodec transcode holiday.mov holiday.mp4",
    "rlcodec transcode film.mkv small.mkv --crf 26 --scale -1x720 --preset slow",
    "rlcodec transcode camera/*.mov archive/ --keep-smaller",
    "cat live.ts | rlcodec transcode - live.mkv",
)
def command(
    inputs: tuple[str, ...],
    output: str,
    settings: Settings,
    *,
    plan: Plan | None,
    overwrite: bool,
    keep_smaller: bool,
    report: str | None,
    as_json: bool,
    json_lines: bool,
    verbose: bool,
) -> None:
    """Transcode INPUT to OUTPUT with a CRF chosen for every shot.

    INPUT may be - for standard input. OUTPUT ends in .mp4, .mov, .mkv or .ts; it appears once it is
    complete and checked, or not at all. PLAN.json also says codec, preset, size,
    rate and pixel format, unless they are given. Put -- before a name that begins with a dash.

    Several INPUTs go into a folder, where they keep their names; one that ends in / is made. If one
    of them fails, the others go on.
    """
    is_folder = output.endswith(os.sep) or Path(output).is_dir()
    if len(inputs) > 1 and not is_folder:
        raise SettingsError(
            f"{output}: is no folder, which several inputs need; end it with {os.sep} to have it "
            "made"
        )
    if is_folder and plan is not None:
        raise SettingsError("--plan is for one video: name the file to write, and not its folder")
    if is_folder and report is not None:
        raise SettingsError("--report is for one video: name the file to write, and not its folder")
    reporter = Reporter(as_json=as_json, json_lines=json_lines, bar=not verbose)
    if not is_folder:
        with report_file(report, overwrite=overwrite, reads=inputs, writes=output) as page:
            try:
                result = transcode(
                    inputs[0],
                    output,
                    settings,
                    plan=plan,
                    overwrite=overwrite,
                    keep_smaller=keep_smaller,
                    on_progress=reporter,
                )
            finally:
                reporter.clear()
            try:
                if page is not None:
                    page.write(
                        lambda command: transcode_page(
                            result, settings, command=command, on_progress=reporter
                        )
                    )
            finally:
                # The file is there, whatever becomes of the report
                reporter.clear()
                reporter.file_done(result)
        return
    try:
        batch = transcode_all(
            inputs,
            output,
            settings,
            overwrite=overwrite,
            keep_smaller=keep_smaller,
            on_progress=reporter,
        )
    finally:
        reporter.clear()
    reporter.batch_done(batch)
    sys.exit(_exit_code(batch))


def _exit_code(batch: Batch) -> int:
    """A file alone fails with its own code, and one among others with that of failure."""
    if not batch.failures:
        return 0
    alone = len(batch.failures) + len(batch.results) == 1
    return batch.failures[0].exit_code if alone else RlcodecError.exit_code
