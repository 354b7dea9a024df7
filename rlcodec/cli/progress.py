"""How a running command looks: a bar on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

import click

from rlcodec.events import Checking, Comparing, Event, Notice, Progress, Started

_BAR = 24
_FIRST_INTERVAL_S, _LONGEST_INTERVAL_S = 2.0, 60.0


class ProgressDisplay:
    """Shows events on standard error."""

    def __init__(self) -> None:
        """Look whether standard error is a terminal."""
        self._terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._expected: int | None = None
        self._interval = _FIRST_INTERVAL_S
        self._next = self._began + self._interval
        self._drawn = False

    def __call__(self, event: Event) -> None:
        """Show one event, if it is worth showing."""
        if isinstance(event, Started | Comparing):
            self._began, self._expected = time.monotonic(), event.frames
        elif isinstance(event, Notice):
            self.clear()
            click.echo(f"note: {event.message}", err=True)
        elif isinstance(event, Progress):
            self._show(event)
        elif isinstance(event, Checking):
            self.clear()

    def clear(self) -> None:
        """Wipe the bar, so that something else can be printed."""
        if self._drawn:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._drawn = False

    def _show(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._terminal:
            text = self._line(progress, now, bar=True)
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{text[:width]}", err=True, nl=False)
            self._drawn = True
        elif now >= self._next:
            click.echo(self._line(progress, now, bar=False), err=True)
            self._interval = min(2 * self._interval, _LONGEST_INTERVAL_S)
            self._next = now + self._interval

    def _line(self, progress: Progress, now: float, *, bar: bool) -> str:
        elapsed = max(now - self._began, 1e-6)
        fps = progress.frames / elapsed
        parts = []
        share = None
        if self._expected:
            share = min(1.0, progress.frames / self._expected)
            drawn = f"[{'#' * round(share * _BAR):<{_BAR}}] " if bar else ""
            parts.append(f"{drawn}{share:4.0%}")
        parts.append(f"{progress.frames}/{self._expected or '?'} frames")
        parts.append(f"{fps:.1f} fps")
        if share:
            left = max(0, round(elapsed * (1 - share) / share))
            parts.append(f"ETA {left // 3600}:{left // 60 % 60:02}:{left % 60:02}")
        if progress.bytes is not None:
            expected = f" of about {size(round(progress.bytes / share))}" if share else ""
            parts.append(size(progress.bytes) + expected)
        if progress.crf is not None:
            parts.append(f"CRF {progress.crf:g}")
        return "  ".join(parts)


def size(count: int) -> str:
    """A number of bytes for people, in decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.2f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
