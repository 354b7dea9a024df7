"""`rlcodec train`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.cli.progress import StatusLine
from rlcodec.corpus.reading import load_table
from rlcodec.errors import SettingsError
from rlcodec.learn.config import AgentConfig, load_config
from rlcodec.learn.events import Learned, Resumed, Trained, TrainingEvent, Validated
from rlcodec.learn.objective import OBJECTIVES

_FIRST_INTERVAL_S, _LONGEST_INTERVAL_S = 2.0, 60.0


@click.command(name="train")
@click.argument("store", metavar="STORE.db", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="POLICY.safetensors",
    help="File to write; a log and the training curve go beside it.",
)
@click.option(
    "--objective", default="balanced", show_default=True, help=f"{', '.join(OBJECTIVES)}."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Hyper-parameters that differ from the default.",
)
@click.option("--seed", type=int, metavar="N", help="Of everything that is random; 0 if not given.")
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The groups to validate on, one a line; if not given, a fifth is drawn by the seed.",
)
@click.option("--codec", metavar="NAME", help="Where STORE.db has encodes of several encoders.")
@click.option("--preset", metavar="NAME", help="Where STORE.db has encodes at several presets.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing policy.")
@examples(
    "rlcodec corpus add clips.db clips/*.mp4",
    "rlcodec train clips.db -o mine.safetensors",
    "rlcodec transcode film.mkv small.mkv --policy mine.safetensors",
)
def command(
    store: Path,
    *,
    output: Path,
    objective: str,
    config_file: Path | None,
    seed: int | None,
    held_out: Path | None,
    codec: str | None,
    preset: str | None,
    resume: bool,
    overwrite: bool,
) -> None:
    """Train a policy on the encodes in STORE.db, which `rlcodec corpus add` makes.

    STORE.db may also be a table (.npz). Every return shown is against fixed CRF, about minus the
    BD-rate, on videos that are not learned from. Training ends by itself; what was stopped goes on
    with --resume from its last validation.
    """
    if objective not in OBJECTIVES:
        raise SettingsError(
            f"objective {objective!r} is not known: choose one of {', '.join(OBJECTIVES)}"
        )
    if config_file is None:
        config = AgentConfig(seed=seed or 0)
    else:
        config = load_config(config_file, seed=seed)
    from rlcodec.learn.recipe import train_policy  # noqa: PLC0415 # needs an extra
    from rlcodec.learn.task import read_held_out  # noqa: PLC0415 # likewise

    events = train_policy(
        load_table(store, codec=codec, preset=preset),
        output,
        OBJECTIVES[objective],
        config,
        held_out=None if held_out is None else read_held_out(held_out),
        resume=resume,
        overwrite=overwrite,
    )
    display = _Display()
    try:
        for event in events:
            display(event)
            if isinstance(event, Trained):
                print_result(_summary(output, event))
    finally:
        display.clear()


class _Display(StatusLine):
    """Shows training: a bar on a terminal, and a line for each validation that is worth one."""

    def __init__(self) -> None:
        super().__init__()
        self._began: tuple[float, int] | None = None
        self._interval = _FIRST_INTERVAL_S
        self._next = time.monotonic()
        self._best = 0.0

    def __call__(self, event: TrainingEvent) -> None:
        """Show one event."""
        if isinstance(event, Learned):
            self._show(event)
        elif isinstance(event, Validated):
            self._validated(event)
        elif isinstance(event, Resumed):
            self.note(f"note: going on after update {event.step}")
        else:
            self.clear()

    def _show(self, event: Learned) -> None:
        now = time.monotonic()
        self._began = self._began or (now, event.step)
        began, first = self._began
        share = event.step / event.steps
        parts = [f"{share:4.0%}", f"{event.step}/{event.steps} updates"]
        if event.step > first:
            left = round((now - began) * (event.steps - event.step) / (event.step - first))
            parts.append(f"ETA {left // 3600}:{left // 60 % 60:02}:{left % 60:02}")
        self.draw([*parts, f"best {_percent(self._best)}", f"loss {event.loss:.3g}"], share)

    def _validated(self, event: Validated) -> None:
        now = time.monotonic()
        if event.best:
            self._best = event.mean_return
        elif now < self._next:
            return
        self._interval = min(2 * self._interval, _LONGEST_INTERVAL_S)
        self._next = now + self._interval
        mark = ", the best so far" if event.best else ""
        self.note(f"update {event.step}: {_scores(event)}{mark}")


def _scores(event: Validated | Trained) -> str:
    """What was earned of what could have been, in percent, over all and for each kind."""
    kinds = [
        f"{kind} {_percent(earned)} of {_percent(event.optima[kind])}"
        for kind, earned in event.returns.items()
    ]
    total = f"return {_percent(event.mean_return)} of {_percent(event.optimum)} %"
    return f"{total} ({', '.join(kinds)})"


def _summary(output: Path, trained: Trained) -> str:
    return (
        f"{one_line(str(output))}: the policy after {trained.best_step} of {trained.step} updates\n"
        f"validation: {_scores(trained)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
