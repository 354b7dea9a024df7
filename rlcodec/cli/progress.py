"""How a running command looks: a bar on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import suppress

import click

from rlcodec.cli.exits import one_line
from rlcodec.engine.batch import BatchEvent, FileStarted
from rlcodec.events import (
    Benchmarking,
    Checking,
    Collecting,
    Comparing,
    Notice,
    Progress,
    Reporting,
    Started,
)
from rlcodec.units import size

_LONGEST_BAR, _SHORTEST_BAR = 24, 8
_FIRST_INTERVAL_S, _LONGEST_INTERVAL_S = 2.0, 60.0
_WINDOW_S = 15.0
"""What speed and remaining time go by: films have hard parts and easy ones."""
_USUAL_COLUMNS = 80


class StatusLine:
    """The last line on standard error, which is drawn over, and lines that stay above it."""

    def __init__(self, *, bar: bool = True) -> None:
        """Look whether standard error is a terminal that can draw a bar, if one is wanted."""
        self._bar = bar and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = False

    def note(self, line: str) -> None:
        """Print a line that stays."""
        self.clear()
        click.echo(line, err=True)

    def clear(self) -> None:
        """Wipe the bar, so that something else can be printed."""
        if self._drawn:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._drawn = False

    def draw(self, parts: list[str], share: float | None = None) -> None:
        """Draw `parts`, the most wanted first, as far as they fit, and a bar of `share` if any."""
        if self._bar:
            text = _fit(parts, share, _columns() - 1)
            click.echo(f"\r\x1b[K{text[: _columns() - 1]}", err=True, nl=False)
            self._drawn = True


class ProgressDisplay(StatusLine):
    """Shows events on standard error."""

    def __init__(self, *, bar: bool = True) -> None:
        """Draw a bar where `StatusLine` can."""
        super().__init__(bar=bar)
        self._place: list[str] = []
        self._said: set[Notice] = set()
        self._expected: int | None = None
        self._interval = _FIRST_INTERVAL_S
        self._next = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, event: BatchEvent) -> None:
        """Show one event, if it is worth showing."""
        if isinstance(event, FileStarted) and event.count > 1:
            self._place = [f"{event.index}/{event.count}"]
            self.note(f"file {event.index} of {event.count}: {one_line(event.input)}")
        elif isinstance(event, Benchmarking):
            self._go_on(event)
        elif isinstance(event, Started | Comparing | Collecting):
            self._start(event)
        elif isinstance(event, Notice) and not (event.once and event in self._said):
            self._said.add(event)
            self.note(f"note: {one_line(event.message)}")
        elif isinstance(event, Progress):
            self._show(event)
        elif isinstance(event, Checking):
            self.draw([*self._place, "checking what was written"])
        elif isinstance(event, Reporting):
            self.draw([*self._place, "making the report"])

    def _go_on(self, event: Benchmarking) -> None:
        """A round of encodes begins; frames are counted on from the last."""
        if self._seen:
            self._expected = event.frames
        else:
            self._start(event)
        made = f", {event.kept} were made before" if event.kept else ""
        self.note(f"{event.encodes} encodes to make{made}")

    def _start(self, event: Started | Comparing | Collecting | Benchmarking) -> None:
        now = time.monotonic()
        self._expected = event.frames
        self._interval = _FIRST_INTERVAL_S
        self._next = now + self._interval
        self._seen.clear()
        # Frames wait in the encoder before the first ones come out: that is no time to show nothing
        self._show(Progress(frames=0))

    def _show(self, progress: Progress) -> None:
        now = time.monotonic()
        self._seen.append((now, progress.frames))
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW_S:
            self._seen.popleft()
        if self._bar:
            self.draw(self._parts(progress), self._share(progress))
        elif now >= self._next:
            click.echo("  ".join(self._parts(progress)), err=True)
            self._interval = min(2 * self._interval, _LONGEST_INTERVAL_S)
            self._next = now + self._interval

    def _parts(self, progress: Progress) -> list[str]:
        """What there is to say, the most wanted first."""
        (began, before), (now, frames) = self._seen[0], self._seen[-1]
        fps = (frames - before) / max(now - began, 1e-6)
        share = self._share(progress)
        parts = self._place + ([] if share is None else [f"{share:4.0%}"])
        parts += [f"{frames}/{self._expected or '?'} frames", f"{fps:.1f} fps"]
        if share and self._expected and fps:
            left = max(0, round((self._expected - frames) / fps))
            parts.append(f"ETA {left // 3600}:{left // 60 % 60:02}:{left % 60:02}")
        if progress.bytes is not None and share:
            parts.append(f"{size(progress.bytes)} of about {size(round(progress.bytes / share))}")
        elif progress.bytes is not None:
            parts.append(size(progress.bytes))
        return parts + ([] if progress.crf is None else [f"CRF {progress.crf:g}"])

    def _share(self, progress: Progress) -> float | None:
        return min(1.0, progress.frames / self._expected) if self._expected else None


def _columns() -> int:
    """Width of the terminal, asked anew each time, since windows change."""
    # Not shutil's function, which asks standard output: that is often a file
    with suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


def _fit(parts: list[str], share: float | None, columns: int) -> str:
    """The parts that `columns` have room for, and a bar where more is left."""
    text = "  ".join(parts)
    length = min(_LONGEST_BAR, columns - len(text) - len("[] "))
    if share is None or length < _SHORTEST_BAR:
        while len(parts) > 1 and len("  ".join(parts)) > columns:
            parts = parts[:-1]
        return "  ".join(parts)
    return f"[{'#' * round(share * length):<{length}}] {text}"
