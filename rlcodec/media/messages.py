"""What FFmpeg's libraries say of themselves: silence, unless it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av

_shown = False


def show_messages() -> None:
    """Let the libraries write to standard error from now on.

    By their own code, and not through Python's logging: an encoder's threads would wait there for
    an interpreter that waits for them.
    """
    global _shown  # noqa: PLW0603 # the libraries have one log for the whole process, too
    _shown = True
    av.logging.set_libav_level(av.logging.INFO)
    av.logging.restore_default_callback()


@contextmanager
def gathered_messages(
    wanted: int = av.logging.WARNING,
) -> Iterator[list[tuple[int, str, str]]]:
    """Gather messages of a level and above, of all threads, instead of showing them.

    Each is its level, who says it, and what.
    """
    level, skip_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(wanted)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=False) as records:
            yield records
    finally:
        av.logging.set_skip_repeated(skip_repeated)
        av.logging.set_level(level)
        if _shown:
            av.logging.restore_default_callback()
