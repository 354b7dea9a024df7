"""Runs commands in turn and compares what they cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 # our own commands
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turn(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Cost]]:
    """Run all commands one after the other, `runs` times round, after one round not counted.

    Machines are shared and drift: only runs of one round are compared with each other.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for round_number in range(runs + 1):
        for name, command in commands.items():
            cost = run(command)
            if round_number:
                costs[name].append(cost)
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
