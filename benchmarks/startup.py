"""How long the command takes to answer, and what it loads."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchmarks.processes import RLCODEC, in_turn, median
from benchmarks.tables import report

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "rlcodec --help": [RLCODEC, "--help"],
    "rlcodec transcode --help": [RLCODEC, "transcode", "--help"],
}


@click.command()
@click.option("--runs", default=15, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def startup(runs: int, json_path: Path | None) -> None:
    """Time `--help`."""
    costs = in_turn(COMMANDS, runs)
    rows = [
        {"command": name, "wall, s": round(median(each, "wall"), 3)} for name, each in costs.items()
    ]
    report("startup", rows, json_path, runs=runs)
