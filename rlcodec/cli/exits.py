"""From errors and signals to exit codes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from rlcodec.errors import RlcodecError
from rlcodec.publish import discard_pending, refusal

GRACE_S = 0.7
"""How long an interrupted command may take to leave by itself."""
_STOPPED = "rlcodec: stopped; no unfinished file was left behind"


class Interrupted(BaseException):
    """A signal asked the command to stop; `code` is what it then exits with."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


@contextmanager
def exit_codes() -> Iterator[None]:
    """Run a command: errors become one line on standard error and an exit code."""
    try:
        with _signals():
            yield
    except Interrupted as stop:
        discard_pending()
        click.echo(_STOPPED, err=True)
        # Not sys.exit: an encoder that is thrown away finishes its frames first, for seconds
        os._exit(stop.code)
    except RlcodecError as error:
        click.echo(f"rlcodec: error: {one_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output went away; nothing can be told any more
        _drop_output()
        sys.exit(RlcodecError.exit_code)


def print_result(text: str) -> None:
    """Print lines on standard output.

    Raises:
        OutputError: it cannot be written, say because it is a file on a full disk.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        raise refusal("standard output", error.errno, error.strerror) from error


def _drop_output() -> None:
    """Have what standard output still holds go nowhere: at the end Python would try once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which a file's name may bring along."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


@contextmanager
def _signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise `Interrupted`; who does not leave in time is made to.

    Python runs a handler only between two of its own instructions, and one call of an encoder can
    take seconds. The signal's number also goes into a socket, where a thread waits that ends the
    process if the main thread does not within `GRACE_S`, or at a second signal.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)  # noqa: FBT003 # the method's own form
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(reader, done), daemon=True)
    thread.start()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _interrupt) for number in numbers]
    old_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(old_fd)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        writer.close()
        thread.join()
        reader.close()


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 # signal's signature
    # The second one is the watching thread's business
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _ignore)
    raise Interrupted(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Let the signal go through the socket only."""


def _watch(reader: socket.socket, done: threading.Event) -> None:
    first = reader.recv(1)
    if not first or done.is_set():
        return
    reader.settimeout(GRACE_S)
    try:
        forced = bool(reader.recv(1))
    except TimeoutError:
        forced = True
    if forced and not done.is_set():
        discard_pending()
        # The main thread may be in the middle of a print: click, and its lock, are out of reach
        with suppress(OSError):
            os.write(sys.stderr.fileno(), f"{_STOPPED}\n".encode())
        os._exit(128 + first[0])
