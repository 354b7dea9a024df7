"""`--report`, for the commands that can make a page of their result."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rlcodec.engine.setup import refuse_input_as_output
from rlcodec.errors import OutputError, RlcodecError, SettingsError
from rlcodec.publish import PendingFile
from rlcodec.report.frames import require_extra

report_option = click.option(
    "--report",
    metavar="FILE.html",
    type=click.Path(readable=False),
    help="Write a page about the result, with charts and pictures; needs rlcodec[report].",
)


def command_line() -> str:
    """What was run, as a shell takes it."""
    return shlex.join(["rlcodec", *sys.argv[1:]])


class ReportFile:
    """The page that `--report` asks for, from before the work on, so that it can be written."""

    def __init__(self, pending: PendingFile) -> None:
        self._pending = pending

    def write(self, make: Callable[[str], str]) -> None:
        """Write the page that `make` makes; it is given the command that was run.

        Raises:
            OutputError: it could not be made, or not be written.
        """
        try:
            document = make(command_line())
        except RlcodecError as error:
            # What the page is about is done: this is no fault of its input
            raise OutputError(f"{self._pending.label}: no report was made: {error}") from error
        self._pending.fill(document.encode())


@contextmanager
def report_file(
    name: str | None, *, overwrite: bool, reads: tuple[str, ...], writes: str | None = None
) -> Iterator[ReportFile | None]:
    """The file of a report, refused before any work; None where no report is asked for.

    Raises:
        SettingsError: it is a file that the command `reads` or `writes`, or an extra is missing.
        OutputError: it exists already, or cannot be written.
    """
    if name is None:
        yield None
        return
    require_extra()
    for each in reads:
        refuse_input_as_output(each, Path(name))
    if writes is not None and os.path.realpath(writes) == os.path.realpath(name):
        raise SettingsError(f"{name}: is the output itself; write the report to another file")
    pending = PendingFile(Path(name), overwrite=overwrite)
    try:
        yield ReportFile(pending)
    finally:
        pending.discard()
