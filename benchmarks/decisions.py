"""How long a decision takes: to make the state of a segment, and to ask a policy about it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from benchmarks.tables import report
from rlcodec.analysis import state
from rlcodec.analysis.frames import FRAME_INPUTS
from rlcodec.engine.director import LOOKAHEAD_FRAMES
from rlcodec.policy.interface import Policy
from rlcodec.policy.learned import Learned
from rlcodec.policy.rule import Rule
from rlcodec.policy.shipped import policies

TITLE = state.Title(width=1280, height=720, rate=25.0, crf=23.0, max_offset=8.0)
_NOT_COUNTED = 20
"""The first decisions, which find nothing in the processor's caches."""

Result = TypeVar("Result")


@click.command()
@click.option("--count", default=2000, show_default=True, help="How many decisions are timed.")
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def decisions(count: int, json_path: Path | None) -> None:
    """Time decisions about segments of random length, with random measurements."""
    deciders: list[Policy] = [Rule(), *map(Learned, policies())]
    times: dict[str, list[float]] = {"state": [], **{each.name: [] for each in deciders}}
    random = np.random.default_rng(1)
    history = state.History(TITLE)
    start = 0
    for index in range(count + _NOT_COUNTED):
        frames = random.uniform(
            0.01, 40, (random.integers(1, LOOKAHEAD_FRAMES + 1), len(FRAME_INPUTS))
        )
        segment = state.Segment(index, start, bool(index % 2), frames.astype(np.float32))
        found = _timed(times["state"], lambda: state.build(segment, history))  # noqa: B023 # at once
        for decider in deciders:
            _timed(times[decider.name], lambda: decider.decide(found))  # noqa: B023 # at once
        history.decided(segment, offset=float(index % 5 - 2))
        history.reported(index, encoded_bytes=20_000, psnr=40.0)
        start += len(segment.frames)
    rows = [{"what": what, **_shown(each[_NOT_COUNTED:])} for what, each in times.items()]
    report("decisions", rows, json_path, decisions=count, longest=LOOKAHEAD_FRAMES)


def _timed(times: list[float], work: Callable[[], Result]) -> Result:
    """What comes of `work`; how long it took, in seconds, is added to `times`."""
    began = time.perf_counter()
    result = work()
    times.append(time.perf_counter() - began)
    return result


def _shown(times: list[float]) -> dict[str, float]:
    return {
        "median, ms": round(1000 * statistics.median(times), 4),
        "95th percentile, ms": round(1000 * statistics.quantiles(times, n=20)[-1], 4),
    }
