"""Trials: a learner, its hyper-parameters, a seed and a fold, each done once and kept."""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.kept import Lines, Progress, in_processes
from benchmarks.learners import SETS, Judgement, Rates, Returns, judge
from benchmarks.summary import Mean
from rlcodec.analysis import state
from rlcodec.benchmark.figures import ratio_interval
from rlcodec.corpus.table import Table
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.episodes import folds
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.learn.task import LIBRARY, REELS, TITLES, rate_task, read_held_out
from rlcodec.version import __version__

KINDS = (TITLES, REELS, LIBRARY)
BANDIT = AgentConfig(validation_interval=10**6)
"""The default, validated once, at the end: nothing is chosen by the titles that judge it."""
SEQUENTIAL = replace(BANDIT, gamma=0.5, relative=False)
"""The agent that looks ahead. Rewards in units of what a state has to win do not add up."""
_PARTS = 5
"""Of the groups, where only one is judged by."""

Row = dict[str, object]
Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True)
class Ground:
    """What learners are compared on.

    Attributes:
        path: of the table.
        excluded: groups that nothing is learned from or judged by.
        objective: by name.
    """

    path: Path
    excluded: frozenset[str]
    objective: str

    @property
    def table(self) -> Table:
        """What is left of the table."""
        return _table(self.path, self.excluded)

    @property
    def digest(self) -> str:
        """SHA-256 of what is left of the table."""
        return _digest(self.path, self.excluded)

    def folds(self, count: int) -> list[frozenset[str]]:
        """The groups to judge by, one fold after the other; of a single one, a fifth of all."""
        clips = self.table.clips
        if count > 1:
            return folds(clips, count, 0)
        return folds(clips, min(_PARTS, len({clip.group for clip in clips})), 0)[:1]


@cache
def _table(path: Path, excluded: frozenset[str]) -> Table:
    table = Table.load(path)
    unknown = excluded - {clip.group for clip in table.clips}
    if unknown:
        raise click.UsageError(f"{path} has no clip of group {', '.join(sorted(unknown))}")
    kept = tuple(clip for clip in table.clips if clip.group not in excluded)
    return replace(table, clips=kept)


@cache
def _digest(path: Path, excluded: frozenset[str]) -> str:
    return _table(path, excluded).digest


@dataclass(frozen=True)
class Trial:
    """One learner, trained on all groups but those of `fold`, by which it is judged."""

    ground: Ground
    learner: str
    config: AgentConfig
    fold: frozenset[str]

    @property
    def key(self) -> str:
        """SHA-256 of everything that decides about the outcome, but for the code."""
        said = [
            *(self.learner, asdict(self.config), sorted(self.fold)),
            *(self.ground.digest, asdict(OBJECTIVES[self.ground.objective])),
            *(__version__, state.VERSION),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def run(self) -> Judgement:
        """Train and judge."""
        objective = OBJECTIVES[self.ground.objective]
        task = rate_task(self.ground.table, objective, self.fold, self.config)
        return judge(self.learner, task, objective, self.config)


@dataclass(frozen=True)
class Plan:
    """How often everything is tried: over which seeds and folds, with how many updates."""

    ground: Ground
    seeds: int
    folds: tuple[frozenset[str], ...]
    updates: int

    def trials(self, learner: str, config: AgentConfig) -> list[list[Trial]]:
        """Of one learner, seed by seed, and fold by fold."""
        return [
            [
                Trial(self.ground, learner, replace(config, seed=seed, steps=self.updates), fold)
                for fold in self.folds
            ]
            for seed in range(self.seeds)
        ]


class Archive:
    """Judgements by the keys of their trials, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or begin it."""
        self._lines = Lines(path)
        self._known = {line.pop("key"): _judgement(line) for line in self._lines.read()}

    def do(self, trials: Iterable[tuple[str, Trial]], workers: int) -> None:
        """Do those trials, each with its name, that were not done, and say how it goes."""
        keys = {trial: (trial.key, name) for name, trial in trials}
        left = {key: trial for trial, (key, _) in keys.items() if key not in self._known}
        # Read by numpy and torch as they are loaded: a process has one core
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        progress = Progress(len(left), len(left), "trials")
        for trial, found in in_processes(Trial.run, list(left.values()), workers):
            key, name = keys[trial]
            self._lines.add({"key": key, "name": name, **asdict(found)})
            self._known[key] = found
            progress.step(1, f"{name}, seed {trial.config.seed}")
        progress.end()

    def __getitem__(self, trial: Trial) -> Judgement:
        return self._known[trial.key]


def _judgement(line: Mapping[str, Any]) -> Judgement:
    rates = [Rates(**each) for each in line["rates"]]
    return Judgement(line["returns"], line["shuffled"], rates)


@dataclass(frozen=True)
class Outcome:
    """What one learner came to, over seeds and folds.

    Attributes:
        returns: of each seed, over all folds.
        shuffled: the same without the past.
        rates: of all titles and seeds.
    """

    returns: list[Returns]
    shuffled: list[Returns]
    rates: list[Rates]

    @classmethod
    def of(cls, trials: Sequence[Sequence[Trial]], archive: Archive) -> Outcome:
        """Put the trials of a learner together."""
        judged = [[archive[trial] for trial in seed] for seed in trials]
        return cls(
            [_joined(each.returns for each in seed) for seed in judged],
            [_joined(each.shuffled for each in seed) for seed in judged],
            [rates for seed in judged for each in seed for rates in each.rates],
        )

    @property
    def fixed(self) -> Outcome:
        """What a fixed CRF comes to on the same titles: to nothing, by definition."""
        titles = self.returns[0]
        nothing = {
            kind: {name: dict.fromkeys(title, 0.0) for name, title in titles[kind].items()}
            for kind in titles
        }
        rates = [replace(each, psnr=0.0, ssim=0.0, bytes=0.0) for each in self.rates]
        return Outcome([nothing], [], rates)

    def return_columns(self) -> Row:
        """The mean return of each kind, in percent, and its standard deviation over seeds."""
        return {f"{kind}, %": self._return(kind) for kind in KINDS}

    def _return(self, kind: str) -> str:
        each = [
            100 * statistics.mean(sum(title.values()) for title in seed[kind].values())
            for seed in self.returns
        ]
        spread = f" ± {statistics.stdev(each):.2f}" if len(each) > 1 else ""
        return f"{statistics.mean(each):+z.2f}{spread}"

    def rate_columns(self, objective: str) -> Row:
        """BD-rates in percent: of reels the mean, of titles and shots what `objective` names."""
        of_set = {name: [each for each in self.rates if each.set_name == name] for name in SETS}
        own = {name: [each.own(objective) for each in of_set[name]] for name in SETS}
        return {
            "reels: PSNR": _figure(statistics.mean, [each.psnr for each in of_set["reels"]]),
            "reels: SSIM": _figure(statistics.mean, [each.ssim for each in of_set["reels"]]),
            "titles: median": _figure(statistics.median, own["titles"]),
            "titles: worst": _figure(max, own["titles"]),
            "shots: worst": _figure(max, own["shots"]),
        }


def _figure(what: Callable[[list[float]], float], values: Iterable[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return f"{what(known):+z.2f}" if known else "-"


def _joined(folds: Iterable[Returns]) -> Returns:
    """The titles of all folds, by kind; a title is told by its fold as well."""
    found: Returns = {}
    for place, fold in enumerate(folds):
        for kind, titles in fold.items():
            of_kind = found.setdefault(kind, {})
            of_kind.update({f"{place}: {name}": title for name, title in titles.items()})
    return found


def difference(
    ours: Sequence[Returns], theirs: Sequence[Returns], kinds: Sequence[str] = KINDS
) -> dict[str, Mean]:
    """How much more is earned, in percent, by kind: paired by title, mean over seeds and titles.

    The interval comes from drawing groups anew, each with all that its segments earn in any title.

    Args:
        ours: by seed.
        theirs: the same, for the same seeds. Who comes to the same whatever the seed has one.
        kinds: those that are asked for.
    """
    seeds = range(max(len(ours), len(theirs)))
    pairs = [(ours[seed % len(ours)], theirs[seed % len(theirs)]) for seed in seeds]
    found = {}
    for kind in kinds:
        sums: dict[str, float] = {}
        counts: dict[str, float] = {}
        for mine, other in pairs:
            for title, earned in mine[kind].items():
                for group, value in earned.items():
                    more = 100 * (value - other[kind][title][group])
                    sums[group] = sums.get(group, 0.0) + more
                    counts[group] = counts.get(group, 0.0) + 1 / len(earned)
        mean = sum(sums.values()) / sum(counts.values())
        ends = ratio_interval([*sums.values()], [*counts.values()])
        found[kind] = Mean(mean, *(ends or (mean, mean)))
    return found


def plan_of(
    table: Path, held_out: Path | None, objective: str, *, seeds: int, count: int, updates: int
) -> Plan:
    """What the options of a command ask for."""
    excluded = read_held_out(held_out) if held_out else frozenset[str]()
    ground = Ground(table, excluded, objective)
    return Plan(ground, seeds, tuple(ground.folds(count)), updates)


def trial_options(*, seeds: int, folds: int) -> Callable[[Command], Command]:
    """What both commands can be asked; with their own defaults."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    options = (
        click.argument("table", type=file),
        click.option("--held-out", type=file, help="Groups to leave out of everything."),
        click.option("--objective", type=click.Choice(list(OBJECTIVES)), default="balanced"),
        click.option("--seeds", default=seeds, show_default=True, help="How many."),
        click.option(
            "--folds",
            "count",
            default=folds,
            show_default=True,
            help="Each judges what was learned from the others; with 1, a fifth judges once.",
        ),
        click.option("--updates", default=BANDIT.steps, show_default=True, help="Of a training."),
        click.option("--jobs", default=2, show_default=True, help="Processes, of one core each."),
        click.option("--out", type=click.Path(path_type=Path), required=True),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
