"""Several files into one folder, each by itself: one that fails does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from rlcodec.engine.result import Result
from rlcodec.engine.transcode import transcode
from rlcodec.errors import OutputError, RlcodecError, SettingsError
from rlcodec.events import Event, ignore
from rlcodec.media.containers import BY_SUFFIX
from rlcodec.media.source import STANDARD_INPUT
from rlcodec.settings import Choices, Settings


@dataclass(frozen=True, slots=True)
class FileStarted:
    """The `index`-th of `count` files, counted from 1, is next; what follows is about it."""

    index: int
    count: int
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class FileFinished:
    """A file is done and checked."""

    result: Result


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file could not be transcoded; its output is as it was.

    `error` says why, and `exit_code` is what the command exits with where the file is the only one.
    """

    input: str
    error: str
    exit_code: int

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        return {"input": self.input, "error": self.error, "exit_code": self.exit_code}


BatchEvent = Event | FileStarted | FileFinished | FileFailed


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of every file, in the order in which they were given."""

    results: tuple[Result, ...]
    failures: tuple[FileFailed, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec transcode --json` prints it."""
        return {
            "results": [result.as_dict() for result in self.results],
            "failures": [failure.as_dict() for failure in self.failures],
        }


def transcode_all(
    inputs: Sequence[str | Path],
    folder: str | Path,
    settings: Settings | None = None,
    *,
    overwrite: bool = False,
    keep_smaller: bool = False,
    on_progress: Callable[[BatchEvent], None] | None = None,
    **choices: Unpack[Choices],
) -> Batch:
    """Transcode files one after the other, each to a file of its own name in `folder`.

    A name keeps its suffix where that names a container that `transcode` writes, and else gets
    `.mkv`.

    Args:
        inputs: video files.
        folder: where the outputs go; it is made where it is missing.
        settings: how, for all of them; the defaults of `Settings` where None.
        overwrite: whether existing outputs may be replaced.
        keep_smaller: whether outputs that are not smaller than their inputs are dropped.
        on_progress: called with every event; those between a `FileStarted` and the `FileFinished`
            or `FileFailed` after it are that file's.
        choices: single fields of `Settings`, on top of `settings`.

    Returns:
        The results, and the failures of those files that raised an `RlcodecError`.

    Raises:
        SettingsError: before any work: a setting makes no sense, an input is standard input or
            would be overwritten, or two inputs would get the same output.
        OutputError: before any work: the folder cannot be made.
    """
    chosen = replace(settings or Settings(), **choices)
    tell = on_progress or ignore
    names = [str(each) for each in inputs]
    outputs = _plan(names, Path(folder))
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    results, failures = [], []
    for index, (name, output) in enumerate(zip(names, outputs, strict=True), start=1):
        tell(FileStarted(index, len(names), name, str(output)))
        try:
            result = transcode(
                name,
                output,
                chosen,
                overwrite=overwrite,
                keep_smaller=keep_smaller,
                on_progress=tell,
            )
        except RlcodecError as error:
            # Not the error itself: its traceback would keep the whole encoder in memory
            failure = FileFailed(name, str(error), error.exit_code)
            failures.append(failure)
            tell(failure)
        else:
            results.append(result)
            tell(FileFinished(result))
    return Batch(tuple(results), tuple(failures))


def _plan(inputs: list[str], folder: Path) -> list[Path]:
    """The output of every input.

    Raises:
        SettingsError: two of them collide, or an output would be one of the inputs.
    """
    outputs = [folder / _output_name(each) for each in inputs]
    sources = {_identity(Path(each)): each for each in inputs}
    takers: dict[str, str] = {}
    for each, output in zip(inputs, outputs, strict=True):
        # Without following links, two names in the folder may be one file
        place = os.path.realpath(output)
        if place in takers:
            raise SettingsError(
                f"{takers[place]} and {each}: both would become {output}; rename one, or transcode "
                "them into different folders"
            )
        takers[place] = each
        identity = _identity(output)
        if identity in sources:
            raise SettingsError(
                f"{each}: its output {output} would be the input {sources[identity]}; choose "
                "another folder"
            )
    return outputs


def _output_name(name: str) -> str:
    path = Path(name)
    if name == STANDARD_INPUT:
        raise SettingsError(
            f"{name}: standard input has no name for a file in a folder; transcode it alone, to "
            "a file"
        )
    if not path.name:
        raise SettingsError(f"{name!r}: is no file; name video files")
    return path.name if path.suffix.lower() in BY_SUFFIX else path.with_suffix(".mkv").name


def _identity(path: Path) -> tuple[int, int] | Path:
    """What tells a file from all others, whatever its names; a path that leads nowhere itself."""
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino
