"""Runs commands in turn and compares what they cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.meter import __file__ as meter

RLCODEC = str(Path(sys.executable).with_name("rlcodec"))


@dataclass(frozen=True)
class Cost:
    """What one run of a command cost: seconds by the clock, seconds of CPU, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(  # noqa: S603 # our own commands
        [sys.executable, "-I", "-S", meter, *command], capture_output=True, text=True, check=True
    )
    code, *cost = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"exit code {code}: {' '.join(command)}")
    return Cost(*cost)


def in_turn(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Cost]]:
    """Run all commands one after the other, `runs` times round.

    Machines are shared and drift: only runs of one round are compared with each other.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command))
    return costs


def _figure(cost: Cost, figure: str) -> float:
    return float(getattr(cost, figure))


def median_ratio(costs: Sequence[Cost], against: Sequence[Cost], figure: str) -> float:
    """The median over rounds of the ratio of one figure of `Cost`."""
    pairs = zip(costs, against, strict=True)
    return statistics.median(_figure(a, figure) / _figure(b, figure) for a, b in pairs)


def median(costs: Sequence[Cost], figure: str) -> float:
    """The median of one figure of `Cost`."""
    return statistics.median(_figure(cost, figure) for cost in costs)
