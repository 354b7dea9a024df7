"""From a table to a policy file, with all that is kept beside it.

To import this module is a `SettingsError` where torch or gymnasium is not installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rlcodec.corpus.table import Table
from rlcodec.errors import SettingsError
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.events import Trained, TrainingEvent
from rlcodec.learn.objective import Objective
from rlcodec.learn.records import draw_curve, recorded
from rlcodec.learn.stakes import OFFSETS
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.file import save
from rlcodec.publish import PendingFile
from rlcodec.settings import SCOPES

try:
    from rlcodec.learn.task import BASE_CRF_RANGE, LIBRARY, draw_held_out, rate_task
    from rlcodec.learn.training import train
except ImportError as error:
    raise SettingsError(
        f"training needs {error.name}, which is not installed: pip install 'rlcodec[train]'"
    ) from error

_CHOSE = ", which also chose among the updates"
_SIZE_REACH = 10.0
"""How many times smaller or larger than all pictures learned from a picture may be, in pixels: what
is measured of a picture hardly depends on its size, and policies keep their worth."""
_ALLOCATING_ALIKE = {
    "libx264": ("veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
}
"""Presets of an encoder at which a policy learned at any one of them may be used.

x264's presets change how well it searches, not where it puts its bits: adaptive quantisation and
the macroblock tree do that, over a lookahead, and these presets all have them on. `superfast` has
no lookahead and no tree, `ultrafast` no adaptive quantisation either, `placebo` takes twice as many
B-frames in a row as any other. Of x265, whose presets change more, nothing of the kind is known.
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """The files beside a policy, named after it."""

    policy: Path

    @property
    def log(self) -> Path:
        """What happened in training, as JSON lines."""
        return self.policy.with_name(f"{self.policy.stem}.log.jsonl")

    @property
    def picture(self) -> Path:
        """The training curve, where matplotlib is installed."""
        return self.policy.with_name(f"{self.policy.stem}.png")

    @property
    def board(self) -> Path:
        """A folder for TensorBoard, where that is installed."""
        return self.policy.with_name(f"{self.policy.stem}.tensorboard")

    @property
    def checkpoint(self) -> Path:
        """From which an unfinished run goes on; there is none after a finished one."""
        return self.policy.with_name(f"{self.policy.stem}.checkpoint")


def train_policy(
    table: Table,
    output: Path,
    objective: Objective,
    config: AgentConfig,
    *,
    held_out: frozenset[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[TrainingEvent]:
    """Train a policy on a table, and write it once training ends, which the last event tells.

    The iterator may be dropped at any time; `resume` then goes on from the last validation.

    Args:
        table: what is learned from.
        output: the policy file; what `Beside` names is written next to it.
        objective: what quality is worth.
        config: the hyper-parameters.
        held_out: the groups to validate on; None draws a fifth by the seed.
        resume: whether to go on with a run that did not end.
        overwrite: whether an existing policy is replaced.

    Raises:
        InputError: there is no checkpoint to go on from.
        SettingsError: the checkpoint belongs to another run, or the split is of no use.
        OutputExistsError: the policy exists and `overwrite` is False.
        OutputError: a file cannot be written.
    """
    if table.options:
        raise SettingsError(
            "the table was encoded with encoder options of its own, of which a policy file cannot "
            "tell: encode the corpus without them"
        )
    # Refused now, and not after minutes of work
    PendingFile(output, overwrite=overwrite).discard()
    judges = draw_held_out(table, config.seed) if held_out is None else held_out
    task = rate_task(table, objective, judges, config)
    beside = Beside(output)
    events = train(task, config, checkpoint=beside.checkpoint, resume=resume)
    for event in recorded(events, beside.log, beside.board):
        if isinstance(event, Trained):
            card = _card(table, config, judges, event)
            facts = _facts(table, objective, config, event, name=output.stem, card=card)
            save(output, facts, event.tensors, overwrite=overwrite)
            draw_curve(beside.log, beside.picture)
            beside.checkpoint.unlink(missing_ok=True)
        yield event


def presets_for(codec: str, preset: str) -> tuple[str, ...]:
    """The presets at which a policy may be used that learned from encodes at `preset`."""
    alike = _ALLOCATING_ALIKE.get(codec, ())
    return alike if preset in alike else (preset,)


def _facts(
    table: Table,
    objective: Objective,
    config: AgentConfig,
    trained: Trained,
    *,
    name: str,
    card: str,
) -> PolicyFacts:
    pixels = [clip.width * clip.height for clip in table.clips]
    # A return is about minus the BD-rate as a share
    scores = {f"validation {kind}": -100 * each for kind, each in trained.returns.items()}
    scores |= {f"validation {kind}, optimum": -100 * each for kind, each in trained.optima.items()}
    return PolicyFacts(
        name=name,
        objective=objective.name,
        scopes=SCOPES,
        codec=table.codec,
        presets=presets_for(table.codec, table.preset),
        state_version=table.state_version,
        inputs=config.inputs,
        offsets=OFFSETS,
        crf_range=BASE_CRF_RANGE,
        pixels_range=(round(min(pixels) / _SIZE_REACH), round(max(pixels) * _SIZE_REACH)),
        corpus_digest=table.digest,
        seed=config.seed,
        scores=scores,
        card=card,
    )


def _card(table: Table, config: AgentConfig, judges: frozenset[str], trained: Trained) -> str:
    groups = {clip.group for clip in table.clips}
    changed = [
        f"{name} = {value}"
        for name, value in dataclasses.asdict(config).items()
        if value != getattr(AgentConfig(), name)
    ]
    frames, counts = sum(clip.frames for clip in table.clips), {len(c.crfs) for c in table.clips}
    crfs = " or ".join(map(str, sorted(counts)))
    sizes = sorted({(clip.width * clip.height, clip.width, clip.height) for clip in table.clips})
    spanned = "x".join(map(str, sizes[0][1:]))
    if len(sizes) > 1:
        spanned += " to " + "x".join(map(str, sizes[-1][1:]))
    with_what = ", ".join(changed) or "the default hyper-parameters"
    chose = config.steps > config.updates_per_round * config.validation_interval
    return (
        f"Corpus: {len(table.clips)} clips of {len(groups)} groups, {frames} frames of "
        f"{spanned} at {crfs} CRFs, {table.codec} {table.preset}.\n"
        f"Split: {len(judges)} groups held out for validation: {', '.join(sorted(judges))}.\n"
        f"Training: {trained.best_step} updates of {trained.step}; {with_what}.\n"
        f"Scores: from the table, over the clips held out{_CHOSE if chose else ''}; what is earned "
        f"of the objective against fixed CRF, with a minus before it, in percent. {LIBRARY}: one "
        "price per byte over all titles.\n"
    )
