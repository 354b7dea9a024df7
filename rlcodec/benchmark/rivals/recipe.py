"""What every way of encoding is to the benchmark: a record that says all, and makes the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

from rlcodec.benchmark.studio import Made, Studio


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """How to encode a clip once.

    Attributes:
        crf: the base CRF that the file is compared at.
        passes: about how often every frame is encoded: what progress goes by.
        target: what a search aims at; None for those that aim at nothing.
    """

    crf: float
    passes: ClassVar[float] = 1.0

    @property
    def target(self) -> float | None:
        """What a search aims at."""
        return None

    def key(self) -> list[object]:
        """Everything that decides about the file, as plain values."""
        return [type(self).__name__, *(getattr(self, each.name) for each in fields(self))]

    @abstractmethod
    def make(self, studio: Studio) -> Made:
        """Encode the clip of `studio`.

        Raises:
            RlcodecError: it cannot be encoded in this way.
        """


@dataclass(frozen=True, kw_only=True)
class FixedCrf(Recipe):
    """One CRF for the file: the encoder alone."""

    def make(self, studio: Studio) -> Made:
        """Encode at `crf`."""
        return studio.fixed(self.crf)


@dataclass(frozen=True, kw_only=True)
class ByPolicy(Recipe):
    """A policy decides, as in `rlcodec transcode`.

    Attributes:
        policy: its name or file.
        digest: SHA-256 of its file; of a policy in code, its name.
        scope: as in `Settings`.
    """

    policy: str
    digest: str
    scope: str

    def key(self) -> list[object]:
        """By content, wherever the file lies."""
        return [type(self).__name__, self.crf, self.digest, self.scope]

    def make(self, studio: Studio) -> Made:
        """Encode in one pass."""
        return studio.by_policy(self.crf, self.policy, self.scope)
