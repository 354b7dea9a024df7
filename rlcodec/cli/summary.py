"""What the command says at the end: of a file, of a folder of them, of those that failed."""

from __future__ import annotations

import dataclasses
import json

import click

from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.engine.batch import Batch, BatchEvent, FileFailed, FileFinished
from rlcodec.engine.result import Result
from rlcodec.errors import SettingsError
from rlcodec.units import size


class Reporter:
    """Shows a transcode: results on standard output, in one of three forms, all else beside it."""

    def __init__(self, *, as_json: bool, json_lines: bool, bar: bool) -> None:
        """Print one JSON document, or a line of JSON for each event, or text where neither."""
        if as_json and json_lines:
            raise SettingsError("--json and --json-lines exclude each other: choose one")
        self._as_json, self._json_lines = as_json, json_lines
        self._display = ProgressDisplay(bar=bar)

    def clear(self) -> None:
        """Wipe what is drawn, so that something else can be printed."""
        self._display.clear()

    def __call__(self, event: BatchEvent) -> None:
        """Show what happens."""
        self._display(event)
        if isinstance(event, FileFailed):
            self._display.note(f"rlcodec: error: {_failure(event)}")
        if isinstance(event, FileFinished):
            self._file_in_batch(event.result)
        elif self._json_lines:
            _print_json(_type(event), dataclasses.asdict(event))

    def file_done(self, result: Result) -> None:
        """Show the result of a file that was transcoded to a file."""
        if self._as_json:
            print_result(json.dumps(result.as_dict()))
        elif self._json_lines:
            _print_json("result", result.as_dict())
        else:
            print_result(f"{_file(result)}\n{_policy(result)}")

    def batch_done(self, batch: Batch) -> None:
        """Show what became of a folder of files."""
        if self._as_json:
            print_result(json.dumps(batch.as_dict()))
        elif not self._json_lines and len(batch.results) > 1:
            print_result(_total(batch))
        count = len(batch.results) + len(batch.failures)
        if batch.failures and count > 1:
            failed = "".join(f"\n  {_failure(each)}" for each in batch.failures)
            click.echo(
                f"rlcodec: error: {len(batch.failures)} of {count} files failed:{failed}", err=True
            )

    def _file_in_batch(self, result: Result) -> None:
        self._display.clear()
        if self._json_lines:
            _print_json("result", result.as_dict())
        elif not self._as_json:
            print_result(f"{_file(result)}; {_crfs(result)}")


def _print_json(kind: str, fields: dict[str, object]) -> None:
    print_result(json.dumps({"type": kind, **fields}))


def _type(event: BatchEvent) -> str:
    """An event's class name the way JSON writes names: SegmentDecided is segment_decided."""
    name = type(event).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _file(result: Result) -> str:
    """Size, length and speed of one file."""
    was, speed = result.input_bytes, result.frames / max(result.wall_s, 1e-6)
    if result.kept == "input":
        text = f"{result.input}: kept; {result.output} would have {size(result.bytes)}"
    else:
        text = f"{result.output}: {size(result.bytes)}"
    text += f", {_change(result.bytes, was)} against the input" if was else ""
    text += f"; {result.frames} frames in {result.wall_s:.1f} s ({speed:.1f} fps)"
    return one_line(text)


def _policy(result: Result) -> str:
    """What the policy did: how it cut the file up, and which CRFs it chose."""
    parts = f"{_count(result.shots, 'shot')} in {_count(len(result.segments), 'segment')}"
    return f"policy {result.policy}: {parts}, {_crfs(result)}"


def _crfs(result: Result) -> str:
    """The range of the CRFs that were chosen, and their mean over the frames."""
    chosen = [segment.crf for segment in result.segments]
    lowest, highest = min(chosen), max(chosen)
    if lowest == highest:
        return f"CRF {lowest:g}"
    mean = sum(each.crf * each.frames for each in result.segments) / result.frames
    return f"CRF {lowest:g} to {highest:g}, {mean:.1f} on average"


def _total(batch: Batch) -> str:
    """All files that worked, together."""
    done = batch.results
    kept = sum(each.kept == "input" for each in done)
    now = sum(each.bytes if each.kept == "output" else each.input_bytes or 0 for each in done)
    was = sum(each.input_bytes or 0 for each in done)
    text = f"{_count(len(done), 'file')}: {size(now)}"
    text += f", {_change(now, was)} against the inputs" if was else ""
    text += f"; {sum(each.wall_s for each in done):.1f} s"
    return text + (f"; {_count(kept, 'input')} kept" if kept else "")


def _failure(failure: FileFailed) -> str:
    """Which file failed, and why."""
    # Most messages begin with the file's name
    named = failure.error.startswith(failure.input)
    return one_line(failure.error if named else f"{failure.input}: {failure.error}")


def _change(now: int, was: int) -> str:
    return f"{now / was - 1:+.0%}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
