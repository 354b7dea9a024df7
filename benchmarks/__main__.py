"""`python -m benchmarks NAME`."""

from __future__ import annotations

import click

from benchmarks.ablation import ablation
from benchmarks.decisions import decisions
from benchmarks.everything import everything
from benchmarks.grid import grid
from benchmarks.memory import memory
from benchmarks.overhead import overhead
from benchmarks.policies import policies
from benchmarks.readme import readme
from benchmarks.rivals import rivals
from benchmarks.sample import sample
from benchmarks.scaling import scaling
from benchmarks.shots import shots
from benchmarks.startup import startup
from benchmarks.switching import switching


@click.group()
def main() -> None:
    """Measure rlcodec. Every command prints a table; --json FILE keeps the figures."""


for command in (
    *(ablation, decisions, everything, grid, memory, overhead, policies, readme, rivals, sample),
    *(scaling, shots, startup, switching),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
