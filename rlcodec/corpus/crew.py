"""Processes that work side by side, each on one task at a time; one that dies fails its task only.

Python's own pool of processes is given up as a whole when one of them dies, and a damaged video may
well take a decoder down.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from rlcodec.errors import EncodeError, RlcodecError

OnFrame = Callable[[], None]

_REPORT_S = 0.3

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class _Answer(Generic[_R]):
    """What came of a task. Beside it, plain numbers come through the pipe: frames done so far."""

    result: _R | RlcodecError


class Crew:
    """Up to `size` processes, started when there is work and ended with the `with` block."""

    def __init__(self, size: int, on_frames: Callable[[int], None]) -> None:
        """Prepare a crew; `on_frames` is told, now and then, how many more frames are done."""
        self._size = size
        self._on_frames = on_frames
        self._context = multiprocessing.get_context("spawn")
        self._hands: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # They hold nothing that would have to be put in order: the store looks after itself
        for process in self._hands.values():
            process.kill()
        for pipe in list(self._hands):
            self._bury(pipe)

    def results(
        self, work: Callable[[_T, OnFrame], _R], tasks: Iterable[_T]
    ) -> Iterator[tuple[_T, _R | RlcodecError]]:
        """Call `work` with every task and a function to be called after every frame.

        Yields the tasks as they are done, with what was returned or the `RlcodecError` raised.
        """
        waiting = deque(tasks)
        busy: dict[Connection, _T] = {}
        while waiting or busy:
            idle = [pipe for pipe in self._hands if pipe not in busy]
            while waiting and len(busy) < self._size:
                pipe = idle.pop() if idle else self._hire()
                busy[pipe] = waiting.popleft()
                with suppress(OSError):  # it died idle, which shows below
                    pipe.send((work, busy[pipe]))
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                message = self._message(ready)
                if isinstance(message, _Answer):
                    yield busy.pop(ready), message.result
                else:
                    self._on_frames(message)

    def _message(self, pipe: Connection) -> Any:  # noqa: ANN401 # of whatever type the work returns
        try:
            return pipe.recv()
        except (EOFError, OSError):
            return _Answer(EncodeError(f"the process that worked on it {self._bury(pipe)}"))

    def _hire(self) -> Connection:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()  # or its end would not be seen when the process ends
        self._hands[ours] = process
        return ours

    def _bury(self, pipe: Connection) -> str:
        """Let go of a process that has ended; how it did."""
        process = self._hands.pop(pipe)
        process.join()
        pipe.close()
        code = process.exitcode or 0
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with code {code}"


def _serve(pipe: Connection) -> None:
    """What a process does: task after task, until it is killed."""
    # A Ctrl-C in the terminal is the main process's to answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()
    while True:
        work, task = pipe.recv()
        count = _Count(pipe)
        try:
            answer = _Answer(work(task, count))
        except RlcodecError as error:
            answer = _Answer(error)
        count.report()
        pipe.send(answer)


def _follow() -> None:
    """End with the main process, in whatever way that ends."""
    main = multiprocessing.parent_process()
    assert main is not None
    main.join()
    os._exit(1)


class _Count:
    """Counts frames, and tells the main process now and then."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._frames = 0
        self._told = time.monotonic()

    def __call__(self) -> None:
        self._frames += 1
        if time.monotonic() - self._told > _REPORT_S:
            self.report()

    def report(self) -> None:
        if self._frames:
            self._pipe.send(self._frames)
        self._frames, self._told = 0, time.monotonic()
