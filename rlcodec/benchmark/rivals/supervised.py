"""The supervised rival: a network that predicts what every CRF comes to, as vmaf-tune does it.

Probe features of a shot go into a small network (vmaf-tune in lusoris/vmaf). Here it is trained by
regression on the same inputs as the agent (`learn.supervised`), from a table of encodes that
`rlcodec corpus add` measured, and chooses at the price of a title or of a library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Made, Studio
from rlcodec.corpus.table import Table
from rlcodec.errors import SettingsError
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.policy.interface import Policy

OBJECTIVE = OBJECTIVES["balanced"]


@dataclass(frozen=True, kw_only=True)
class BySupervised(Recipe):
    """The supervised model decides.

    Attributes:
        digest: of what it is trained on, and how.
        scope: as in `Settings`.
        policy: the model, once it is trained.
    """

    digest: str
    scope: str
    policy: Policy | None = None

    def key(self) -> list[object]:
        """By what it is trained on."""
        return [type(self).__name__, self.crf, self.digest, self.scope]

    def make(self, studio: Studio) -> Made:
        """Encode in one pass."""
        assert self.policy is not None
        return studio.by_decider(self.crf, self.policy, self.scope)


@dataclass(frozen=True)
class Training:
    """What the model is trained on, and how."""

    table: Table
    config: AgentConfig

    @property
    def digest(self) -> str:
        """SHA-256 of it."""
        return hashlib.sha256(f"{self.table.digest} {self.config}".encode()).hexdigest()

    @cached_property
    def model(self) -> Policy:
        """The model, trained when it is asked for; takes a minute.

        Raises:
            SettingsError: torch is not installed, or the table is of no use.
        """
        # First, because it says what is missing
        import rlcodec.learn.recipe  # noqa: F401, PLC0415 # needs an extra
        from rlcodec.learn.environment import RateEnv  # noqa: PLC0415 # likewise
        from rlcodec.learn.rivals import ChoosingPolicy  # noqa: PLC0415 # likewise
        from rlcodec.learn.stakes import OFFSETS  # noqa: PLC0415 # likewise
        from rlcodec.learn.supervised import train_supervised  # noqa: PLC0415 # likewise
        from rlcodec.learn.task import draw_held_out, rate_task  # noqa: PLC0415 # likewise

        held_out = draw_held_out(self.table, self.config.seed)
        task = rate_task(self.table, OBJECTIVE, held_out, self.config)
        environment = task.environment()
        assert isinstance(environment, RateEnv)
        model, _ = train_supervised(task, environment, OBJECTIVE, self.config)
        return ChoosingPolicy("supervised", model.choose, OFFSETS, self.config.inputs)


def training_for(table: Table, codec: str, preset: str, digests: Collection[str]) -> Training:
    """Training on a table without the groups of the clips that have one of `digests`.

    Raises:
        SettingsError: torch is not installed, the table is of another encoder, or too little of it
            is left.
    """
    import rlcodec.learn.recipe  # noqa: F401, PLC0415 # says what is missing

    if (table.codec, table.preset) != (codec, preset):
        raise SettingsError(
            f"the table is of {table.codec} {table.preset}, and not of {codec} {preset}: make one "
            "with rlcodec corpus add, or leave the rival supervised out"
        )
    known = {clip.group for clip in table.clips if clip.digest in digests}
    left = tuple(clip for clip in table.clips if clip.group not in known)
    if len({clip.group for clip in left}) < 2:
        raise SettingsError(
            "the table has too few groups that are not measured here: the rival supervised would "
            "be trained on what it is tested on"
        )
    return Training(replace(table, clips=left), AgentConfig())
