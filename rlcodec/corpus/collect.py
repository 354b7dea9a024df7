"""Videos into a store: every one encoded at every CRF of a grid, by as many processes as wanted.

Every video is decoded once and every encode runs in one thread, so that what is measured does not
depend on the machine; several run side by side.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TypeVar

from rlcodec.corpus.manifest import Entry
from rlcodec.corpus.store import Store
from rlcodec.corpus.worker import Order, Survey, begin, survey, work
from rlcodec.errors import EncodeError, RlcodecError, SettingsError, StoreError
from rlcodec.events import Collecting, Notice, OnEvent, Progress, ignore
from rlcodec.media.vmaf import vmaf_scorer

GRID = tuple(float(crf) for crf in range(12, 46, 3))
"""The CRFs of a store, unless others are asked for: what lies between them is interpolated."""
MAX_FRAMES = 1500
"""How many frames of every video are used, unless told otherwise."""
LEAST_CRFS = 4
_TICK_S = 0.5

_K = TypeVar("_K")
_T = TypeVar("_T")


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


@dataclass(frozen=True, slots=True)
class _Task:
    """One video at some CRFs: what one process does in one go."""

    entry: Entry
    digest: str
    crfs: tuple[float, ...]
    frames: int


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
    tell = on_progress or ignore
    order = Order(Path(store), codec, preset, dict(encoder_options or {}), max_frames or 0, vmaf)
    grid = _checked_grid(crfs, order)
    if vmaf:
        vmaf_scorer()  # refuses what cannot be measured here
    jobs = jobs or os.cpu_count() or 1
    with Store(order.store, create=True):
        pass
    context = multiprocessing.get_context("spawn")
    queue: Queue[int] = context.Queue()
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=begin, initargs=(queue,)
    ) as pool:
        try:
            return _Run(order, grid, pool, queue, tell).run(videos, jobs)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


class _Run:
    def __init__(
        self,
        order: Order,
        grid: tuple[float, ...],
        pool: ProcessPoolExecutor,
        queue: Queue[int],
        tell: OnEvent,
    ) -> None:
        self._order = order
        self._grid = grid
        self._pool = pool
        self._queue = queue
        self._tell = tell
        self._groups: dict[str, Entry] = {}
        self._failures: list[Failure] = []
        self._frames = 0

    def run(self, videos: Sequence[Entry], jobs: int) -> Collection:
        looks = {self._pool.submit(survey, entry.path): entry for entry in videos}
        surveys = [(entry, look) for entry, look in self._results(looks, lambda entry: entry.path)]
        # In the order in which they were named, so that of two duplicates the first is kept
        surveys.sort(key=lambda each: videos.index(each[0]))
        with Store(self._order.store) as store:
            tasks = [task for each in surveys if (task := self._task(store, *each)) is not None]
        kept = len(self._grid) * len(surveys) - sum(len(task.crfs) for task in tasks)
        self._tell(Collecting(len(videos), sum(task.frames * len(task.crfs) for task in tasks)))
        futures = {
            self._pool.submit(work, self._order, task.entry, task.digest, task.crfs): task
            for task in _dealt(tasks, jobs)
        }
        made = sum(count for _, count in self._results(futures, lambda task: task.entry.path))
        self._tell(Progress(self._frames))
        return Collection(len(videos), made, kept, tuple(self._failures))

    def _task(self, store: Store, entry: Entry, look: Survey) -> _Task | None:
        """What is left to do about a video; None where nothing is, or where it is refused."""
        first = self._groups.setdefault(look.digest, entry)
        group = store.group_of(look.digest) or first.group
        if group != entry.group:
            self._failed(
                entry.path,
                f"{entry.path}: has the very content of a video of the group {group!r}, and is "
                f"named as of {entry.group!r}; give both one group, or leave one out",
            )
            return None
        picture = store.picture(look.digest, self._order.cut(entry))
        there = set[float]()
        if picture is not None:
            there = store.crfs(picture.id, self._order.recipe(), vmaf=self._order.vmaf)
        crfs = tuple(crf for crf in self._grid if crf not in there)
        if not crfs:
            return None
        return _Task(
            entry, look.digest, crfs, min(look.frames, self._order.max_frames or look.frames)
        )

    def _results(
        self, futures: Mapping[Future[_T], _K], path_of: Callable[[_K], Path]
    ) -> Iterator[tuple[_K, _T]]:
        """What came of every future, as it comes; what failed is noted, and left out."""
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, _TICK_S, FIRST_COMPLETED)
            self._show_progress()
            for future in done:
                key = futures[future]
                try:
                    yield key, future.result()
                except StoreError:
                    raise
                except (RlcodecError, OSError) as error:
                    self._failed(path_of(key), str(error))
                except BrokenProcessPool as error:
                    raise EncodeError(
                        f"{path_of(key)}: a process died over this video or one beside it; what "
                        "was measured before is kept: leave the video out and run it again"
                    ) from error

    def _failed(self, path: Path, error: str) -> None:
        self._failures.append(Failure(path, error))
        self._tell(Notice(f"left out: {error}"))

    def _show_progress(self) -> None:
        count = 0
        while not self._queue.empty():
            count += self._queue.get()
        if count:
            self._frames += count
            self._tell(Progress(self._frames))


def _checked_grid(crfs: Sequence[float], order: Order) -> tuple[float, ...]:
    grid = tuple(sorted({float(crf) for crf in crfs}))
    if len(grid) < LEAST_CRFS:
        raise SettingsError(
            f"{len(grid)} CRFs are too few to tell what lies between them: give {LEAST_CRFS}"
        )
    for crf in grid:
        order.settings(crf)  # refuses what is out of range
    return grid


def _dealt(tasks: Sequence[_Task], jobs: int) -> list[_Task]:
    """The same work in at least `jobs` pieces, where it can be cut; the largest first."""
    hands = -(-jobs // len(tasks)) if tasks else 1
    pieces = [
        replace(task, crfs=crfs)
        for task in tasks
        for hand in range(hands)
        if (crfs := task.crfs[hand::hands])
    ]
    return sorted(pieces, key=lambda task: task.frames * len(task.crfs), reverse=True)
