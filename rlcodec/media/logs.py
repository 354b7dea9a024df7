"""What FFmpeg says while it works, caught instead of lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av


@contextmanager
def caught(level: int) -> Iterator[list[tuple[int, str, str]]]:
    """Messages of `level` and above, of every thread, as (level, who says it, what).

    PyAV lets go of every message unless its level is set, which holds for the whole process.
    """
    was, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(level)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=False) as records:
            yield records
    finally:
        av.logging.set_skip_repeated(skips_repeated)
        av.logging.set_level(was)
