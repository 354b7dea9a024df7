"""What each part of the agent is worth: one change at a time, against the same agent without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks.chart import draw_bars
from benchmarks.summary import Mean
from benchmarks.tables import machine, report
from benchmarks.trials import (
    BANDIT,
    SEQUENTIAL,
    Archive,
    Outcome,
    Row,
    difference,
    plan_of,
    trial_options,
)
from rlcodec.analysis.state import RELATIVE_INPUTS, SEGMENT_INPUTS
from rlcodec.learn.config import INPUTS_SEEN, AgentConfig

_RELATIVE = {each.name for each in RELATIVE_INPUTS}
_ALONE = {each.name for each in SEGMENT_INPUTS} | {"crf", "scope"}
_OF_PROBE = {name for name in INPUTS_SEEN if "probe" in name} | {"title_log_bpp", "relative_bits"}


def _inputs(kept: set[str]) -> tuple[str, ...]:
    return tuple(name for name in INPUTS_SEEN if name in kept)


BASES: Mapping[str, AgentConfig] = {"gamma 0, the default": BANDIT, "gamma 0.5": SEQUENTIAL}
CHANGES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "gamma 0, the default": {
        "no dueling": {"dueling": False},
        "prioritised replay": {"prioritised": True},
        "no auxiliary heads": {"auxiliary": 0.0},
        "no bootstrap": {"bootstrap": False},
        "one member": {"members": 1},
        "one member, no bootstrap": {"members": 1, "bootstrap": False},
        "only the action taken": {"all_actions": False},
        "softmax exploration": {"exploration": "softmax"},
        "rewards not relative": {"relative": False},
        "judged in hindsight": {"hindsight": True},
        "half imagined": {"imagined": 0.5},
        "nothing imagined": {"imagined": 0.0},
        "no history": {"inputs": _inputs(_ALONE)},
        "no relative inputs": {"inputs": _inputs(set(INPUTS_SEEN) - _RELATIVE)},
        "no probe": {"inputs": _inputs(set(INPUTS_SEEN) - _OF_PROBE)},
    },
    # What means nothing where the next state counts for nothing
    "gamma 0.5": {
        "no double Q": {"double": False},
        "3 steps": {"n_step": 3},
        "no target network": {"target_period": 1},
        "prioritised replay": {"prioritised": True},
        "only the action taken": {"all_actions": False},
    },
}
"""By base line and name: what is changed."""


@dataclass(frozen=True)
class Line:
    """One row: an agent, and how much more it earns than its base line, which has None."""

    base: str
    change: str
    outcome: Outcome
    more: dict[str, Mean] | None

    def row(self, objective: str) -> Row:
        """As a line of a table."""
        columns = self.outcome.return_columns()
        against = {
            f"{name} more": str(self.more[name.removesuffix(", %")]) if self.more else ""
            for name in columns
        }
        named = {"base line": self.base, "change": self.change}
        return {**named, **columns, **against, **self.outcome.rate_columns(objective)}


@click.command()
@trial_options(seeds=2, folds=3)
def ablation(
    *,
    table: Path,
    held_out: Path | None,
    objective: str,
    seeds: int,
    count: int,
    updates: int,
    jobs: int,
    out: Path,
) -> None:
    """Measure what each part of the agent is worth, from TABLE alone.

    Every change of the default agent, and of one that looks ahead, is trained for every seed once
    per fold of the groups, and judged by the titles of that fold, which choose nothing. Returns are
    about minus the BD-rate, in percent; differences are paired by seed and title. A run that was
    killed goes on where it stopped.
    """
    out.mkdir(parents=True, exist_ok=True)
    plan = plan_of(table, held_out, objective, seeds=seeds, count=count, updates=updates)
    trials = {
        (base, change): plan.trials("agent", replace(config, **changed))
        for base, config in BASES.items()
        for change, changed in {"none": {}, **CHANGES[base]}.items()
    }
    archive = Archive(out / "trials.jsonl")
    named = [
        (f"{base}: {change}", trial)
        for (base, change), some in trials.items()
        for seed in some
        for trial in seed
    ]
    archive.do(named, jobs)
    outcomes = {at: Outcome.of(some, archive) for at, some in trials.items()}
    lines = [
        Line(
            *(base, change, each),
            difference(each.returns, outcomes[base, "none"].returns) if change != "none" else None,
        )
        for (base, change), each in outcomes.items()
    ]
    rows = [line.row(objective) for line in lines]
    report("ablation", rows, None)
    document = {
        "benchmark": "ablation",
        "machine": machine(),
        "table": plan.ground.digest,
        "objective": objective,
        "seeds": seeds,
        "folds": len(plan.folds),
        "updates": updates,
        "rows": rows,
        "differences": [
            {
                "base line": line.base,
                "change": line.change,
                **{kind: asdict(mean) for kind, mean in line.more.items()},
            }
            for line in lines
            if line.more
        ],
    }
    (out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    panels = {
        f"Agent with {base}": {
            line.change: line.more for line in lines if line.base == base and line.more
        }
        for base in BASES
    }
    draw_bars(
        "What a change of the agent earns",
        "return more than without it, % (left of 0: worse); lines: 95 % bootstrap intervals",
        panels,
        out / "ablation.png",
    )
