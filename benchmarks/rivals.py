"""The agent against its rivals: same states, same data, same titles to be judged by."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.learners import OPTIMUM
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
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.task import REELS, TITLES

FIXED, RULE, SUPERVISED, TABLE = "fixed", "rule", "supervised", "tabular Q"
AGENT, AHEAD = "DQN, gamma 0", f"DQN, gamma {SEQUENTIAL.gamma:g}"
LEARNERS: dict[str, tuple[str, AgentConfig]] = {
    RULE: ("rule", BANDIT),
    TABLE: ("table", SEQUENTIAL),
    SUPERVISED: ("supervised", BANDIT),
    AGENT: ("agent", BANDIT),
    AHEAD: ("agent", SEQUENTIAL),
    OPTIMUM: (OPTIMUM, BANDIT),
}
UNTRAINED = (RULE, OPTIMUM)
"""Those that come to the same whatever the seed."""
PAIRS = (
    *((AGENT, rival) for rival in (FIXED, RULE, TABLE, SUPERVISED, AHEAD)),
    (AHEAD, SUPERVISED),
    (OPTIMUM, AGENT),
)
"""What is compared title by title, the second taken from the first."""


@click.command()
@trial_options(seeds=5, folds=5)
def rivals(
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
    """Compare the DQN agent with its rivals, from TABLE alone.

    Rivals are a fixed CRF, the rule, tabular Q-learning, the supervised model, the agent that looks
    ahead, and the exact optimum. Each learner is trained for every seed once per fold of the
    groups, and judged by the titles of that fold, which choose nothing. Returns are about minus the
    BD-rate, in percent, with one choice of offsets for all; BD-rates are of what a transcode would
    do. A run that was killed goes on where it stopped.
    """
    out.mkdir(parents=True, exist_ok=True)
    plan = plan_of(table, held_out, objective, seeds=seeds, count=count, updates=updates)
    trials = {
        name: plan.trials(*learner)[: 1 if name in UNTRAINED else None]
        for name, learner in LEARNERS.items()
    }
    archive = Archive(out / "trials.jsonl")
    named = [(name, trial) for name, some in trials.items() for seed in some for trial in seed]
    archive.do(named, jobs)
    outcomes = {name: Outcome.of(some, archive) for name, some in trials.items()}
    outcomes = {FIXED: outcomes[RULE].fixed, **outcomes}
    differences = {
        f"{first} minus {second}": difference(outcomes[first].returns, outcomes[second].returns)
        for first, second in PAIRS
    }
    shuffled = {
        name: difference(outcomes[name].shuffled, outcomes[name].returns, (TITLES, REELS))
        for name in (AGENT, AHEAD)
    }
    rows: list[Row] = [
        {"policy": name, **each.return_columns(), **each.rate_columns(objective)}
        for name, each in outcomes.items()
    ]
    report("rivals", rows, None)
    report("paired differences", [_row("return, %", *each) for each in differences.items()], None)
    lost = "return lost with another segment's past, %"
    report("history shuffled", [_row(lost, *each) for each in shuffled.items()], None)
    document = {
        "benchmark": "rivals",
        "machine": machine(),
        "table": plan.ground.digest,
        "objective": objective,
        "seeds": seeds,
        "folds": len(plan.folds),
        "updates": updates,
        "policies": rows,
        "differences": _plain(differences),
        "history shuffled": _plain(shuffled),
        "titles": {
            name: {"returns": each.returns, "rates": [asdict(rates) for rates in each.rates]}
            for name, each in outcomes.items()
        },
    }
    (out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _row(heading: str, name: str, means: dict[str, Mean]) -> Row:
    return {heading: name, **{kind: str(mean) for kind, mean in means.items()}}


def _plain(means: dict[str, dict[str, Mean]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {kind: asdict(mean) for kind, mean in each.items()} for name, each in means.items()
    }
