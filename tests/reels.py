"""Clips of several shots, and how a benchmark of them is asked for in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.clips import filmed, write

CRFS = (20.0, 27.0, 34.0, 41.0)
FAST = ("--preset", "superfast", "--crf", "20,27,34,41")
ALONE = (*FAST, "--rival", "fixed", "--policy", "rule", "--jobs", "1")
"""A policy and fixed CRF, and nothing else."""


def reel(
    path: Path,
    photographs: Sequence[str] = ("camera", "cat", "coffee", "astronaut"),
    length: int = 9,
) -> Path:
    """A clip with a shot of each photograph, 192x108."""
    pictures = [
        frame for name in photographs for frame in filmed(name, length, width=192, height=108)
    ]
    return write(path, pictures, options={"crf": "6"})
