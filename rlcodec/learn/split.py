"""Which sources are learned from, and which ones only judge what was learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.corpus.table import Clip, Table
from rlcodec.errors import InputError, SettingsError

VALIDATION_SHARE = 0.2
"""Of the groups."""


@dataclass(frozen=True, eq=False)
class Split:
    """Clips to learn from and clips to validate on; no group has clips on both sides.

    Raises:
        SettingsError: a group has, or a side is empty.
    """

    training: tuple[Clip, ...]
    validation: tuple[Clip, ...]

    def __post_init__(self) -> None:
        for side in ("training", "validation"):
            if not getattr(self, side):
                raise SettingsError(f"no clip is left for {side}: add clips of other groups")
        both = _groups(self.training) & _groups(self.validation)
        if both:
            raise SettingsError(
                f"group {', '.join(sorted(both))} stands on both sides of the split: what is "
                "validated on must not have been learned; move all of its clips to one side"
            )


def split_by_seed(table: Table, seed: int) -> Split:
    """Hold out `VALIDATION_SHARE` of the groups, drawn by `seed`, at least one.

    Raises:
        SettingsError: there is only one group.
    """
    groups = sorted(_groups(table.clips))
    count = max(1, round(VALIDATION_SHARE * len(groups)))
    drawn = np.random.default_rng(seed).permutation(len(groups))[:count]
    return _split(table, {groups[each] for each in drawn})


def split_by_file(table: Table, path: Path) -> Split:
    """Hold out what a text file names, a group or a clip a line.

    Raises:
        InputError: the file cannot be read, or names what is not in the table.
        SettingsError: it names some clips of a group and not the others.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of groups: {error}") from error
    named = {line.strip() for line in lines if line.strip()}
    known = _groups(table.clips) | {clip.name for clip in table.clips}
    if not named <= known:
        missing = ", ".join(sorted(named - known))
        raise InputError(f"{path}: names what is neither group nor clip of the corpus: {missing}")
    return _split(table, named)


def _split(table: Table, named: set[str]) -> Split:
    """The split that holds out the groups and the clips of these names."""
    sides: tuple[list[Clip], list[Clip]] = ([], [])
    for clip in table.clips:
        sides[clip.group in named or clip.name in named].append(clip)
    return Split(tuple(sides[0]), tuple(sides[1]))


def _groups(clips: Iterable[Clip]) -> set[str]:
    return {clip.group for clip in clips}
