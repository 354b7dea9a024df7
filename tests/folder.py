"""What a folder holds, and what a run of the command may have done to it."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

from tests.clips import video_stamps
from tests.conftest import Command, Completed

RULE = ("--policy", "rule")
"""For pictures that are too small for the policy that is the default, which would be said."""
FAST = ("--preset", "superfast", *RULE)


def contents(folder: Path) -> dict[str, str]:
    """Every name in a folder, hidden ones too: the digest of a file, or what else it is."""
    held = {}
    for path in folder.iterdir():
        if path.is_symlink():
            held[path.name] = f"link to {path.readlink()}"
        elif path.is_file():
            held[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            held[path.name] = "no file"
    return held


def assert_refused(
    rlcodec: Command, folder: Path, *arguments: str | Path, code: int, says: list[str]
) -> None:
    """`transcode` with these arguments fails in one line and leaves the folder as it was.

    They may name another policy than `RULE`.
    """
    before = contents(folder)
    done = rlcodec("transcode", *RULE, *arguments)
    assert done.returncode == code, done.stderr
    assert not done.stdout
    # A busy machine is slow enough for a line of progress
    said = [line for line in done.stderr.splitlines() if " frames  " not in line]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("rlcodec: error: ")
    for words in says:
        assert words in done.stderr
    assert contents(folder) == before


def assert_works(
    rlcodec: Command,
    folder: Path,
    source: str | Path,
    output: str | Path,
    *options: str,
    writes: str | None = None,
) -> Completed:
    """`transcode` adds one file to the folder, with a frame at every timestamp of the source.

    `writes` is the name of that file where `output` is not.
    """
    before = contents(folder)
    done = rlcodec("transcode", *options, source, output)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    after = contents(folder)
    name = writes or str(output)
    assert after.pop(name) != before.pop(name, None)
    assert after == before
    assert from_zero(folder / name) == from_zero(folder / source)
    return done


def from_zero(path: Path) -> list[Fraction]:
    """Timestamps, in seconds, of a file's frames, counted from its first."""
    stamps = video_stamps(path)
    return [stamp - stamps[0] for stamp in stamps]
