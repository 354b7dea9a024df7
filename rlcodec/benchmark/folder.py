"""The folder of a benchmark: every measurement is kept there as soon as it is made."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rlcodec.benchmark.measured import Measured
from rlcodec.errors import OutputError
from rlcodec.publish import refusal

MEASURED = "measured.jsonl"
RESULTS = ("results.json", "results.csv")
REPORT = "report.html"
FORMAT, VERSION = "rlcodec-measured", 1


class Folder:
    """Measurements by their keys, in a file of JSON lines that only grows.

    A line that a killed run left unfinished is passed over: that encode is made again.
    """

    def __init__(self, path: Path) -> None:
        """Open the folder `path`, or make it.

        Raises:
            OutputError: it cannot be written, another run is at it, or it holds something else or
                the measurements of another version.
        """
        self.path = path
        self._known: dict[str, Measured] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._refuse_foreign()
            self._file = (path / MEASURED).open("a+", encoding="utf-8")
        except OSError as error:
            raise refusal(path, error.errno, error.strerror) from error
        try:
            self._claim()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def find(self, key: str, metrics: tuple[str, ...]) -> Measured | None:
        """What was measured under a key, if it was scored by all of `metrics`."""
        found = self._known.get(key)
        return found if found and set(metrics) <= set(found.scores) else None

    def add(self, measured: Measured) -> None:
        """Keep a measurement.

        Raises:
            OutputError: it cannot be written.
        """
        self._append(measured.to_line())
        self._known[measured.key] = measured

    def _refuse_foreign(self) -> None:
        """See that no file of another kind would be replaced."""
        if (self.path / MEASURED).exists():
            return
        for name in (*RESULTS, REPORT):
            if (self.path / name).exists():
                raise OutputError(
                    f"{self.path}: holds a {name} that no benchmark of this version measured; "
                    "choose another folder"
                )

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{self.path}: another benchmark is writing it; wait for it, or choose another "
                "folder"
            ) from error
        except OSError:  # no locks here
            return

    def _read(self) -> None:
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        if not lines:
            self._append(json.dumps({"format": FORMAT, "version": VERSION}))
            return
        said = _object(lines[0])
        if (said.get("format"), said.get("version")) != (FORMAT, VERSION):
            raise OutputError(
                f"{self.path}: holds the measurements of another version of rlcodec benchmark, "
                "which are left as they are; choose another folder"
            )
        for line in lines[1:]:
            try:
                measured = Measured.from_values(_object(line))
            except (TypeError, ValueError, KeyError):
                continue
            self._known[measured.key] = measured
        # What follows an unfinished line must not be joined to it
        if not lines[-1].endswith("\n"):
            self._append("")

    def _append(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise refusal(self.path / MEASURED, error.errno, error.strerror) from error


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
