"""Videos into a store: every one encoded at every CRF of a grid, by as many processes as wanted.

Every video is decoded once and every encode runs in one thread, so that what is measured does not
depend on the machine; several run side by side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rlcodec.analysis import state
from rlcodec.corpus.crew import Crew, OnFrame
from rlcodec.corpus.manifest import Entry
from rlcodec.corpus.store import Store
from rlcodec.corpus.worker import Order, Survey, Task, survey, work
from rlcodec.engine.setup import options_for
from rlcodec.errors import RlcodecError, SettingsError, StoreError
from rlcodec.events import Collecting, Notice, OnEvent, Progress, ignore
from rlcodec.media.capability import inspect
from rlcodec.media.reference import PIX_FMT
from rlcodec.media.vmaf import vmaf_scorer

GRID = tuple(float(crf) for crf in range(12, 46, 3))
"""The CRFs of a store, unless others are asked for: what lies between them is interpolated."""
MAX_FRAMES = 1500
"""How many frames of every video are used, unless told otherwise."""
LEAST_CRFS = 4

_T = TypeVar("_T", Entry, Task)
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Failure:
    """A video that could not be added, and why."""

    path: Path
    error: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What a run came to: `made` encodes are new, `kept` were in the store already."""

    videos: int
    made: int
    kept: int
    failures: tuple[Failure, ...]


def add_videos(
    store: str | Path,
    videos: Sequence[Entry],
    *,
    crfs: Sequence[float] = GRID,
    codec: str = "libx264",
    preset: str = "medium",
    encoder_options: Mapping[str, str] | None = None,
    max_frames: int | None = MAX_FRAMES,
    vmaf: bool = False,
    jobs: int | None = None,
    on_progress: OnEvent | None = None,
) -> Collection:
    """Encode every video at every CRF, and keep what every frame cost and how good it came out.

    What the store has already is not done again: a run that was stopped goes on where it was.

    Args:
        store: the SQLite file; made where it is missing.
        videos: the videos, their groups and sizes, as `corpus.manifest.entries` reads them.
        crfs: the grid.
        codec: the encoder, as in `Settings`.
        preset: its speed preset.
        encoder_options: its further options.
        max_frames: how many frames of a video are used at most; None for all. They are kept
            as raw pictures in a temporary file while the video is worked on.
        vmaf: whether VMAF is measured as well, which may take longer than the encode.
        jobs: encodes that run side by side; as many as there are cores where None.
        on_progress: called with every event.

    Returns:
        How many encodes were made, and which videos failed: these do not stop the others.

    Raises:
        SettingsError: a setting makes no sense.
        StoreError: the store cannot be used.
    """
    order = Order(Path(store), codec, preset, dict(encoder_options or {}), max_frames or 0, vmaf)
    grid = _checked_grid(crfs, order)
    if vmaf:
        vmaf_scorer()  # refuses what cannot be measured here
    with Store(order.store, create=True):
        pass  # before any work: what is no store is refused
    jobs = jobs or os.cpu_count() or 1
    run = _Run(order, grid, on_progress or ignore)
    with Crew(jobs, run.count) as crew:
        return run.collect(crew, videos, jobs)


class _Run:
    def __init__(self, order: Order, grid: tuple[float, ...], tell: OnEvent) -> None:
        self._order = order
        self._grid = grid
        self._tell = tell
        self._failures: dict[Entry, Failure] = {}
        self._frames = 0
        self._kept = 0

    def count(self, frames: int) -> None:
        """Note that so many more frames are done."""
        self._frames += frames
        self._tell(Progress(self._frames))

    def collect(self, crew: Crew, videos: Sequence[Entry], jobs: int) -> Collection:
        looks = dict(self._results(crew, survey, videos))
        tasks = self._tasks([(entry, looks[entry]) for entry in videos if entry in looks])
        self._tell(Collecting(len(videos), sum(task.frames * len(task.crfs) for task in tasks)))
        made = sum(count for _, count in self._results(crew, work, _dealt(tasks, jobs)))
        return Collection(len(videos), made, self._kept, tuple(self._failures.values()))

    def _tasks(self, looks: Sequence[tuple[Entry, Survey]]) -> list[Task]:
        """What is left to do. Of videos with one content, the one named first counts."""
        firsts: dict[str, Entry] = {}
        named = set[tuple[str, str]]()
        tasks = []
        with Store(self._order.store) as store:
            for entry, look in looks:
                first = firsts.setdefault(look.digest, entry)
                group = store.group_of(look.digest) or first.group
                this = (look.digest, self._order.cut(entry).scale)
                if group != entry.group:
                    self._failed(
                        entry,
                        f"{entry.path}: has the very content of a video of the group {group!r}, "
                        f"and is named as of {entry.group!r}; give both one group, or leave one "
                        "out",
                    )
                elif this in named:
                    self._tell(Notice(f"{entry.path}: is the same as {first.path}"))
                else:
                    named.add(this)
                    tasks.append(self._task(store, entry, look))
        return [task for task in tasks if task.crfs or task.analyse]

    def _task(self, store: Store, entry: Entry, look: Survey) -> Task:
        order = self._order
        there, analysed = set[float](), False
        picture = store.picture(look.digest, order.cut(entry))
        if picture is not None:
            there = store.crfs(picture.id, order.recipe(), vmaf=order.vmaf)
            analysed = store.has_analysis(picture.id, state.VERSION)
        crfs = tuple(crf for crf in self._grid if crf not in there)
        self._kept += len(self._grid) - len(crfs)
        frames = min(look.frames, order.max_frames or look.frames)
        return Task(order, entry, look.digest, frames, crfs, analyse=not analysed)

    def _results(
        self, crew: Crew, work: Callable[[_T, OnFrame], _R], tasks: Iterable[_T]
    ) -> Iterator[tuple[_T, _R]]:
        """What came of every task, as it comes; what failed is noted, and left out."""
        for task, result in crew.results(work, tasks):
            if isinstance(result, StoreError):
                raise result
            if isinstance(result, RlcodecError):
                self._failed(task if isinstance(task, Entry) else task.entry, str(result))
            else:
                yield task, result

    def _failed(self, entry: Entry, error: str) -> None:
        if entry in self._failures:
            return  # another process works on the same video
        path = str(entry.path)
        error = error if error.startswith(path) else f"{path}: {error}"
        self._failures[entry] = Failure(entry.path, error)
        self._tell(Notice(f"left out: {error}"))


def _checked_grid(crfs: Sequence[float], order: Order) -> tuple[float, ...]:
    grid = tuple(sorted({float(crf) for crf in crfs}))
    if len(grid) < LEAST_CRFS:
        raise SettingsError(
            f"{len(grid)} CRFs are too few to tell what lies between them: give {LEAST_CRFS}"
        )
    for crf in grid:
        settings = order.settings(crf)  # refuses what is out of range
    inspect(order.codec, PIX_FMT, options_for(settings))  # refuses unknown options
    return grid


def _dealt(tasks: Sequence[Task], jobs: int) -> list[Task]:
    """The same work in at least `jobs` pieces, where it can be cut; the largest first."""
    hands = -(-jobs // len(tasks)) if tasks else 1
    pieces = [
        replace(task, crfs=task.crfs[hand::hands], analyse=task.analyse and not hand)
        for task in tasks
        for hand in range(max(1, min(hands, len(task.crfs))))
    ]
    return sorted(pieces, key=lambda task: task.frames * len(task.crfs), reverse=True)
