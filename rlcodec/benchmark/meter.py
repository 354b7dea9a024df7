"""What a piece of work costs: seconds by the clock, seconds of CPU, memory."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_OWN = Path("/proc/self")


class Meter:
    """Measures the work in its `with` block, and what other processes did for it.

    Attributes:
        wall_s, cpu_s: seconds.
        peak_memory: the most that this process held meanwhile, in bytes; None where the system does
            not tell.
    """

    wall_s = cpu_s = 0.0
    peak_memory: int | None = None

    def __enter__(self) -> Self:
        self._resets = False
        with suppress(OSError):
            # Linux then begins anew with the peak (proc_pid_clear_refs)
            (_OWN / "clear_refs").write_text("5", encoding="ascii")
            self._resets = True
        self._wall, self._cpu = time.perf_counter(), cpu_seconds()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = cpu_seconds() - self._cpu
        if self._resets:
            self.peak_memory = _peak()


def cpu_seconds() -> float:
    """CPU time of this process, and of those it started that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak() -> int | None:
    with suppress(OSError):
        for line in (_OWN / "status").read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return 1024 * int(value.split()[0])
    return None
