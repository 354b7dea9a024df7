"""What an agent is trained on, and validated on, given a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rlcodec.corpus.table import Table
from rlcodec.errors import InputError, SettingsError
from rlcodec.learn.collection import Start
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import Episode, Episodes, Reels, folds, split
from rlcodec.learn.imagination import Draws, Imagination
from rlcodec.learn.objective import Objective
from rlcodec.learn.optimum import optimum
from rlcodec.learn.stakes import Library
from rlcodec.learn.training import Case, Task

TITLES, REELS, LIBRARY = "titles", "reels", "library"
"""Kinds of validation episodes: clips as they are, and reels, in scope title; reels in library."""
BASE_CRF_RANGE = (18.0, 38.0)
"""Base CRFs that are learned for."""
VALIDATION_CRFS = (22.0, 28.0, 34.0)
VALIDATION_REELS = Reels(least_frames=90, most_frames=90)
_REELS = 12
_PARTS = 5
_WIDEST_GAP = 12.0
"""Steps of CRF, over which curves of bytes and quality may be interpolated."""


def rate_task(
    table: Table, objective: Objective, held_out: frozenset[str], config: AgentConfig
) -> Task:
    """Learn from the groups of `table` that are not `held_out`, and validate on those that are.

    What is validated on is always measured, whether or not what is learned from is imagined.

    Raises:
        SettingsError: a group, or a source, would stand on both sides, one side is empty, or the
            clips were not encoded at all base CRFs that are learned for.
    """
    learning, judging = split(table.clips, held_out)
    _refuse_sparse(table)
    training = Episodes(learning, psnr_cap=objective.psnr_cap)
    validation = Episodes(judging, reels=VALIDATION_REELS, psnr_cap=objective.psnr_cap)
    draws: Draws = training
    if config.imagined:
        draws = Imagination(training, share=config.imagined, seed=config.seed)
    library = Library([training.title(place) for place in range(len(learning))], objective)

    def cases() -> Iterator[Case]:
        for episode, scope, kind in _validated(validation):
            for crf in VALIDATION_CRFS:
                environment = RateEnv(validation, objective, library, inputs=config.inputs)
                options = {"episode": episode, "crf": crf, "scope": scope}
                environment.reset(options=options)
                best = optimum(environment.stakes).earned
                yield Case(kind, Start(environment, options=options), best)

    groups = hashlib.sha256("\n".join(sorted(held_out)).encode()).hexdigest()
    name = f"{objective}, table {table.digest[:12]}, held out {groups[:12]}"
    return Task(
        name,
        lambda: RateEnv(
            draws,
            objective,
            library,
            crf_range=BASE_CRF_RANGE,
            hindsight=config.hindsight,
            inputs=config.inputs,
        ),
        tuple(cases()),
    )


def _refuse_sparse(table: Table) -> None:
    """See that every clip was encoded at CRFs that lie close enough, over all that are needed.

    Raises:
        SettingsError: one was not.
    """
    low, high = BASE_CRF_RANGE
    for clip in table.clips:
        first, last, gap = clip.crfs[0], clip.crfs[-1], np.diff(clip.crfs).max()
        if first > low or last < high or gap > _WIDEST_GAP:
            raise SettingsError(
                f"{clip.name} was encoded at {len(clip.crfs)} CRFs from {first:g} to {last:g}; to "
                f"train a policy they must span {low:g} to {high:g}, at most {_WIDEST_GAP:g} "
                "apart: run rlcodec corpus add once more, or with a finer grid"
            )


def _validated(episodes: Episodes) -> Iterator[tuple[Episode, str, str]]:
    for place in range(len(episodes.clips)):
        yield episodes.title(place), "title", TITLES
    for seed in range(_REELS):
        yield episodes.reel(seed), "title", REELS
        yield episodes.reel(seed), "library", LIBRARY


def draw_held_out(table: Table, seed: int) -> frozenset[str]:
    """About a fifth of the groups, drawn by `seed`.

    Raises:
        SettingsError: there are too few groups.
    """
    groups = {clip.group for clip in table.clips}
    return folds(table.clips, min(_PARTS, len(groups)), seed)[0]


def read_held_out(path: Path) -> frozenset[str]:
    """The groups that a text file names, one a line.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of groups: {error}") from error
    return frozenset(line.strip() for line in lines if line.strip())
