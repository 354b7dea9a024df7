"""Row 31 of the fault table: what may happen to the store of a corpus, and to who writes to it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rlcodec.corpus.store import Store
from rlcodec.errors import StoreError
from tests.clips import moving, write
from tests.conftest import RLCODEC, Command
from tests.corpora import FAST, GRID, encodes_in, film, opened
from tests.folder import contents
from tests.test_faults_disk import with_limit
from tests.test_faults_signals import LIMIT_S, START_S, STOPPED

Start = Callable[..., subprocess.Popen[str]]

# Every encode takes some tenths of a second, so that there is time to do harm
SLOW = ("--preset", "veryslow", "--crf", "8-32/4")
SLOW_GRID = frozenset({8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of one video, and with another video."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "one.mkv", moving(4, width=64, height=48))
    film(folder / "two.mkv", "cat")
    subprocess.run([RLCODEC, "corpus", "add", "s.db", "one.mkv", *FAST], cwd=folder, check=True)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it, where `rlcodec` runs."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A video that takes its time."""
    return write(tmp_path / "slow.mkv", moving(30, width=384, height=216))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start commands, each at the head of a group of processes; none outlives the test."""
    started = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [RLCODEC, *map(str, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(happened: Callable[[], object]) -> None:
    give_up = time.monotonic() + START_S
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def holds_an_encode(path: Path) -> bool:
    try:
        with Store(path) as store:
            return bool(store.recipes())
    except StoreError:  # it is not there yet
        return False


def group_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes of a command's group that still run, itself and its children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group = status.read_text().rpartition(")")[2].split()[:3]
            if int(group) == process.pid and state != "Z":
                found.append(int(status.parent.name))
    return found


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Those of them that encode."""
    found = []
    for number in group_of(process):
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                found.append(number)
    return found


def kept_values(path: Path) -> dict[float, bytes]:
    """The sizes of all packets at every CRF of a store's only video."""
    with opened(path) as store:
        (picture,) = store.pictures()
        (recipe,) = store.recipes()
        return {each.crf: each.bytes.tobytes() for each in store.encodes(picture.id, recipe)}


def is_sound(path: Path) -> bool:
    database = sqlite3.connect(path)
    answer = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    return bool(answer == ("ok",))


def test_row_31_two_writers_at_once_do_everything_once(start: Start, tmp_path: Path) -> None:
    names = ("camera.mkv", "cat.mkv")
    for name in names:
        film(tmp_path / name, name.partition(".")[0])
    runs = [start("corpus", "add", "s.db", *order, *FAST) for order in (names, names[::-1])]
    for run in runs:
        out, err = run.communicate(timeout=START_S)
        assert run.returncode == 0, err
        assert out.startswith("s.db: 2 of 2 videos, ")
    assert encodes_in(tmp_path / "s.db") == {name: set(GRID) for name in names}
    assert is_sound(tmp_path / "s.db")


def test_row_31_after_a_kill_only_the_rest_is_done(
    start: Start, rlcodec: Command, tmp_path: Path, slow: Path
) -> None:
    store = tmp_path / "s.db"
    process = start("corpus", "add", "s.db", slow.name, *SLOW, "--jobs", "1")
    wait_for(lambda: holds_an_encode(store))
    process.kill()
    process.communicate()
    # Its processes do not work on for nobody
    wait_for(lambda: not group_of(process))
    before = kept_values(store)
    assert 0 < len(before) < len(SLOW_GRID)
    done = rlcodec("corpus", "add", "s.db", slow.name, *SLOW)
    rest = len(SLOW_GRID) - len(before)
    assert done.stdout == (f"s.db: 1 of 1 videos, {rest} encodes made, {len(before)} were there\n")
    after = kept_values(store)
    assert set(after) == SLOW_GRID
    assert before.items() <= after.items()
    assert is_sound(store)


@pytest.mark.parametrize(
    ("number", "send"),
    [
        pytest.param(signal.SIGINT, os.killpg, id="ctrl_c_in_a_terminal"),
        pytest.param(signal.SIGTERM, os.kill, id="sigterm"),
    ],
)
def test_row_31_a_signal_stops_all_processes_at_once(
    start: Start,
    tmp_path: Path,
    slow: Path,
    number: signal.Signals,
    send: Callable[[int, int], None],
) -> None:
    process = start("corpus", "add", "s.db", slow.name, *SLOW, "--jobs", "2")
    wait_for(lambda: holds_an_encode(tmp_path / "s.db"))
    sent = time.monotonic()
    send(process.pid, number)
    out, err = process.communicate(timeout=START_S)
    assert time.monotonic() - sent < LIMIT_S
    assert process.returncode == 128 + number
    assert not out
    assert err.splitlines()[-1] == STOPPED
    assert "Traceback" not in err
    wait_for(lambda: not group_of(process))
    kept = kept_values(tmp_path / "s.db")
    assert 0 < len(kept) < len(SLOW_GRID)
    assert is_sound(tmp_path / "s.db")


def test_row_31_a_process_that_is_killed_fails_its_video_alone(
    start: Start, rlcodec: Command, tmp_path: Path, slow: Path
) -> None:
    film(tmp_path / "cat.mkv", "cat", 4)
    process = start("corpus", "add", "s.db", slow.name, "cat.mkv", *SLOW, "--jobs", "1")
    wait_for(lambda: holds_an_encode(tmp_path / "s.db"))
    (worker,) = workers_of(process)
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert out.startswith("s.db: 1 of 2 videos, ")
    assert err.splitlines()[-1] == (
        "failed: slow.mkv: the process that worked on it was killed by SIGKILL"
    )
    assert "Traceback" not in err
    kept = encodes_in(tmp_path / "s.db")
    assert kept["cat.mkv"] == SLOW_GRID
    assert 0 < len(kept["slow.mkv"]) < len(SLOW_GRID)
    again = rlcodec("corpus", "add", "s.db", slow.name, "cat.mkv", *SLOW)
    assert again.returncode == 0, again.stderr
    assert encodes_in(tmp_path / "s.db") == dict.fromkeys(kept, SLOW_GRID)


def test_row_31_a_store_that_may_not_grow_keeps_what_it_has(rlcodec: Command, folder: Path) -> None:
    # Its frames find room, and what they look like does not, which takes more than a page
    write(folder / "three.mkv", moving(6, width=64, height=48, seed=3))
    before = encodes_in(folder / "s.db")
    size = (folder / "s.db").stat().st_size
    done = with_limit(folder, size, "corpus", "add", "s.db", "three.mkv", *FAST)
    assert done.returncode == 1
    assert not done.stdout
    error = done.stderr.splitlines()[-1]
    assert error.startswith("rlcodec: error: s.db: the store cannot be written or read (")
    assert error.endswith("see that there is room on the disk, and run it again")
    assert is_sound(folder / "s.db")
    assert before.items() <= encodes_in(folder / "s.db").items()
    assert rlcodec("corpus", "add", "s.db", "three.mkv", *FAST).returncode == 0
    assert encodes_in(folder / "s.db") == {**before, "three.mkv": set(GRID)}


def test_row_31_frames_that_find_no_room_fail_their_video(folder: Path) -> None:
    before = contents(folder)
    # Enough for the store, and for a part of the frames of 31 kB
    done = with_limit(folder, 200_000, "corpus", "add", "s.db", "two.mkv", *FAST)
    assert done.returncode == 1
    assert re.fullmatch(
        r"failed: two\.mkv: its raw frames could not be kept in .*: File too large; set TMPDIR to "
        "a folder with more room",
        done.stderr.splitlines()[-1],
    )
    assert contents(folder) == before


def foreign_version(path: Path) -> None:
    with Store(path, create=True):
        pass
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()


def other_database(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE source (id INTEGER)")
    database.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (foreign_version, "is a store of version 2, and this rlcodec knows version 1"),
        (other_database, "is no store of rlcodec's; name another file"),
        (lambda path: path.write_text("text " * 99), "is no store of rlcodec's; name another"),
        (lambda path: path.write_text("short"), "is no store of rlcodec's; name another file"),
        (lambda path: path.mkdir(), ""),
    ],
    ids=["version", "database", "text", "short text", "folder"],
)
def test_row_31_what_is_no_store_is_refused_and_left_alone(
    rlcodec: Command, tmp_path: Path, clip: Path, make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / "s.db")
    before = contents(tmp_path)
    for arguments in (["add", "s.db", clip.name, *FAST], ["info", "s.db"]):
        done = rlcodec("corpus", *arguments)
        assert done.returncode == 1
        assert not done.stdout
        assert done.stderr.startswith(f"rlcodec: error: s.db: {says}")
        assert len(done.stderr.splitlines()) == 1
        assert contents(tmp_path) == before


def test_row_31_an_empty_file_becomes_a_store_only_where_one_is_made(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "s.db").touch()
    done = rlcodec("corpus", "info", "s.db")
    assert done.returncode == 1
    assert "s.db: is no store" in done.stderr
    assert not (tmp_path / "s.db").stat().st_size
    assert rlcodec("corpus", "add", "s.db", clip.name, *FAST).returncode == 0
    assert encodes_in(tmp_path / "s.db") == {clip.name: set(GRID)}


def test_row_31_a_store_that_cannot_be_made_says_so(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    done = rlcodec("corpus", "add", "gone/s.db", clip.name, *FAST)
    assert done.returncode == 1
    assert "gone/s.db: the store cannot be opened; see that its folder is there" in done.stderr
    done = rlcodec("corpus", "info", "gone.db")
    assert done.returncode == 1
    assert "gone.db: there is no such store; rlcodec corpus add makes one" in done.stderr
    assert contents(tmp_path).keys() == {clip.name}


def test_row_31_a_read_only_store_is_read_and_not_written(folder: Path) -> None:
    read_only = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && '
    possible = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{read_only} ! touch s.db"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if possible.returncode:
        pytest.skip("no folder can be made read-only here")
    before = contents(folder)
    for command, code, says in (
        ("info s.db", 0, "1 videos of 1 groups"),
        (f"add s.db two.mkv {' '.join(FAST)}", 1, "s.db: the store cannot be written; check its"),
        (f"add s.db one.mkv {' '.join(FAST)}", 0, "0 encodes made, 4 were there"),
    ):
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", f"{read_only} '{RLCODEC}' corpus {command}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert says in done.stdout + done.stderr
    assert contents(folder) == before
