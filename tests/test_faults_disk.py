"""Row 16 of the fault table: disks that are full, or do not take what is written."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rlcodec.errors import OutputError
from rlcodec.publish import PendingFile
from tests.clips import moving, write
from tests.conftest import RLCODEC
from tests.folder import FAST, contents

OUTPUTS = ["out.mp4", "out.mov", "out.mkv", "out.ts"]

FAILING = """
import errno, os, sys
from rlcodec.cli.main import run

name, number = sys.argv.pop(1), int(sys.argv.pop(1))

def fail(*arguments):
    raise OSError(number, os.strerror(number))

setattr(os, name, fail)
run()
"""
"""The command where a call of the system fails."""


def with_limit(folder: Path, limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where no file may grow beyond `limit` bytes."""
    return subprocess.run(
        [RLCODEC, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How large the outputs of the small clip are where nothing is in the way."""
    folder = tmp_path_factory.mktemp("sizes")
    write(folder / "clip.mkv", moving(12, width=64, height=48))
    for name in OUTPUTS:
        subprocess.run([RLCODEC, "transcode", *FAST, "clip.mkv", name], cwd=folder, check=True)
    return {name: (folder / name).stat().st_size for name in OUTPUTS}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("place", ["first byte", "middle", "last byte"])
def test_row_16_a_file_that_may_not_grow_leaves_nothing(
    tmp_path: Path, clip: Path, sizes: dict[str, int], name: str, place: str
) -> None:
    limit = {"first byte": 0, "middle": sizes[name] // 2, "last byte": sizes[name] - 1}[place]
    if place == "middle":
        (tmp_path / name).write_bytes(b"old")
    before = contents(tmp_path)
    done = with_limit(tmp_path, limit, "transcode", *FAST, "-y", clip.name, name)
    assert done.returncode == 1
    assert not done.stdout
    says = f"rlcodec: error: {name}: cannot be written: the file grew beyond what"
    assert done.stderr.startswith(says)
    assert len(done.stderr.splitlines()) == 1
    assert contents(tmp_path) == before


def test_row_16_just_enough_room_is_enough(
    tmp_path: Path, clip: Path, sizes: dict[str, int]
) -> None:
    for name in OUTPUTS:
        # An index that is moved to the front needs no second place
        done = with_limit(tmp_path, sizes[name], "transcode", *FAST, clip.name, name)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kilobytes", [8, 16])
def test_row_16_a_full_disk_leaves_nothing(tmp_path: Path, kilobytes: int) -> None:
    possible = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path],
        capture_output=True,
        check=False,
    )
    if possible.returncode:
        pytest.skip("no disk can be mounted here")
    write(tmp_path / "in.mkv", moving(60))
    (tmp_path / "disk").mkdir()
    before = contents(tmp_path)
    script = (
        f"mount -t tmpfs -o size={kilobytes}k none disk && echo old > disk/other && "
        f"'{RLCODEC}' transcode in.mkv disk/out.mp4; echo code $?; ls -A disk"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["code", "1", "other"]
    assert done.stderr == (
        "rlcodec: error: disk/out.mp4: cannot be written: the disk is full; free some space and "
        "run again\n"
    )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [[], ["-y"]])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "fsync", "link", "replace"])
def test_row_16_a_disk_that_fails_around_the_work_leaves_nothing(
    tmp_path: Path, clip: Path, call: str, number: int, options: list[str]
) -> None:
    before = contents(tmp_path)
    command = [sys.executable, "-c", FAILING, call, str(number)]
    done = subprocess.run(
        [*command, "transcode", *options, *FAST, clip.name, "out.mp4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Without -y a link gives the name, and a rename where there are no links; with -y a rename
    if (call, options) in [("link", []), ("link", ["-y"]), ("replace", [])]:
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path).keys() == {*before, "out.mp4"}
        return
    reason = {errno.ENOSPC: "disk is full", errno.EDQUOT: "quota is used up"}
    assert done.returncode == 1
    assert done.stderr.startswith("rlcodec: error: out.mp4: cannot be written: the disk ")
    assert reason[number] in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EROFS, "the disk is read-only; write to another folder"),
        (errno.EACCES, "its folder may not be written; check its permissions"),
        (errno.ENAMETOOLONG, "the name is too long"),
        (errno.ENXIO, "No such device or address"),
    ],
)
def test_row_16_a_folder_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=f"out.mp4: cannot be written: {says}"):
        PendingFile(tmp_path / "out.mp4", overwrite=False)
    monkeypatch.undo()
    assert contents(tmp_path) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("form", [[], ["--json"], ["--json-lines"]])
def test_row_16_a_result_that_cannot_be_printed_is_said(
    tmp_path: Path, clip: Path, form: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [RLCODEC, "transcode", *FAST, *form, clip.name, "out.mp4"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("rlcodec: error: standard output: cannot be written: the disk")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob(".*"))
