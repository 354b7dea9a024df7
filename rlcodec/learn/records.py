"""What is kept of a run beside its policy: a log in JSON lines, TensorBoard's files, a picture."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rlcodec.learn.events import Learned, Resumed, Trained, TrainingEvent, Validated
from rlcodec.publish import PendingFile, refusal

Row = dict[str, Any]
_KINDS = {Learned: "learned", Validated: "validated", Trained: "trained"}


def recorded(
    events: Iterable[TrainingEvent], log: Path, board: Path | None = None
) -> Iterator[TrainingEvent]:
    """Pass events on, each once it is written down.

    Args:
        events: of a run. Where it goes on from a checkpoint, what the log had of later is dropped.
        log: JSON lines, one object with a `type` for each event.
        board: folder for TensorBoard, which is used where it is installed.

    Raises:
        OutputError: the log cannot be written.
    """
    with ExitStack() as stack:
        writer = None if board is None else _board(board, stack)
        started = False
        for event in events:
            try:
                if not started:
                    rows = read_log(log) if isinstance(event, Resumed) else []
                    kept = [row for row in rows if row["step"] <= event.step]
                    log.write_text("".join(map(_line, kept)), encoding="utf-8")
                    started = True
                if not isinstance(event, Resumed):
                    with log.open("a", encoding="utf-8") as file:
                        file.write(_line(_row(event)))
            except OSError as error:
                raise refusal(log, error.errno, error.strerror) from error
            if writer is not None and isinstance(event, Learned | Validated):
                for name, value in _flat(_numbers(event)):
                    writer.add_scalar(name, value, event.step)
            yield event


def read_log(log: Path) -> list[Row]:
    """The rows of a log; none where there is no log. A last line that was cut off is left out."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def draw_curve(log: Path, picture: Path) -> bool:
    """Draw what the log tells of validation and loss as a PNG; False without matplotlib.

    Raises:
        OutputError: the picture cannot be written.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure  # noqa: PLC0415 # an extra

    rows = read_log(log)
    validated = [row for row in rows if row["type"] == "validated"]
    learned = [row for row in rows if row["type"] == "learned"]
    figure = Figure(figsize=(8, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    steps = [row["step"] for row in validated]
    for name, style in (("mean_return", "-o"), ("optimum", "--")):
        label = {"mean_return": "policy", "optimum": "exact optimum"}[name]
        upper.plot(steps, [100 * row[name] for row in validated], style, label=label, markersize=3)
    upper.axhline(0, color="black", linewidth=0.8, label="fixed CRF")
    upper.set_ylabel("validation return (about minus BD-rate, %)")
    upper.legend()
    lower.semilogy([row["step"] for row in learned], [row["loss"] for row in learned])
    lower.set_ylabel("loss")
    lower.set_xlabel("updates")
    pending = PendingFile(picture, overwrite=True)
    try:
        figure.savefig(pending.path, format="png", dpi=120)
        pending.publish()
    finally:
        pending.discard()
    return True


def _board(folder: Path, stack: ExitStack) -> Any:  # noqa: ANN401 # an extra
    """A writer for TensorBoard, closed with `stack`; None where it is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415 # an extra

    writer = SummaryWriter(str(folder))
    stack.callback(writer.close)
    return writer


def _row(event: Learned | Validated | Trained) -> Row:
    return {"type": _KINDS[type(event)], **_numbers(event)}


def _numbers(event: Learned | Validated | Trained) -> Row:
    names = [each.name for each in dataclasses.fields(event) if each.name != "tensors"]
    return {name: getattr(event, name) for name in names}


def _flat(row: Row) -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}/{kind}", each) for kind, each in value.items())
        else:
            yield name, value


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"
