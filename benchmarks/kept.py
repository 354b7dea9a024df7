"""Long measurements: done in processes, kept line by line, and gone on with after a kill."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

import click

Job = TypeVar("Job")
Result = TypeVar("Result")


class Lines:
    """A file of JSON lines that only grows."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or begin it with the first line."""
        self._path = path

    def read(self) -> Iterator[dict[str, Any]]:
        """What is there; a line that a killed run left unfinished is passed over."""
        if not self._path.exists():
            return
        text = self._path.read_text(encoding="utf-8")
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue
        # What follows an unfinished line must not be joined to it
        if text and not text.endswith("\n"):
            self._append("\n")

    def add(self, document: object) -> None:
        """Keep one more."""
        self._append(json.dumps(document, separators=(",", ":")) + "\n")

    def _append(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result]]:
    """Do `jobs` in `workers` processes; each with what came of it, as they end."""
    # A fresh interpreter for each: FFmpeg's threads, and torch's, do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Progress:
    """One line on standard error: how much is done, and when the rest will be."""

    def __init__(self, jobs: int, size: int, noun: str) -> None:
        """Begin `jobs`, called by a noun in the plural, of a `size` together."""
        self._began = time.monotonic()
        self._jobs, self._size, self._noun = jobs, size, noun
        self._done = self._passed = 0

    def step(self, size: int, what: str) -> None:
        """A job of `size` is done."""
        self._done += 1
        self._passed += size
        spent = time.monotonic() - self._began
        left = round(spent * (self._size - self._passed) / self._passed)
        eta = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        self._say(f"{self._done}/{self._jobs} {self._noun}, {eta}, {what}")

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            click.echo(err=True)

    def _say(self, line: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{line[:100]}", err=True, nl=False)
        else:
            click.echo(line, err=True)
