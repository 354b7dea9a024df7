"""Several inputs: names of the outputs, what is refused before any work, and the library's call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import rlcodec as library
from rlcodec.engine.batch import BatchEvent
from tests.clips import moving, write
from tests.conftest import RLCODEC, Command
from tests.folder import FAST, assert_refused, contents


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    """Two small files."""
    for name in ("a.mkv", "b.mkv"):
        write(tmp_path / name, moving(12, width=64, height=48))
    return ["a.mkv", "b.mkv"]


def test_outputs_keep_their_names_and_known_suffixes(rlcodec: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    clip = write(tmp_path / "in" / "a.mkv", moving(3, width=64, height=48))
    for name in ("b.MP4", "c.webm", "d", "-e.ts", "f.tar.m2ts"):
        (tmp_path / "in" / name).write_bytes(clip.read_bytes())
    inputs = sorted(f"in/{path.name}" for path in (tmp_path / "in").iterdir())
    done = rlcodec("transcode", *FAST, *inputs, "new/folders/")
    assert done.returncode == 0, done.stderr
    names = {"a.mkv", "b.MP4", "c.mkv", "d.mkv", "-e.ts", "f.tar.m2ts"}
    assert contents(tmp_path / "new" / "folders").keys() == names


@pytest.mark.parametrize("folder", ["out", "out/"])
def test_one_input_goes_into_a_folder_too(rlcodec: Command, tmp_path: Path, folder: str) -> None:
    write(tmp_path / "a.mkv", moving(3, width=64, height=48))
    if folder == "out":
        (tmp_path / "out").mkdir()
    done = rlcodec("transcode", *FAST, "a.mkv", folder)
    assert done.returncode == 0
    assert not done.stderr
    assert contents(tmp_path / "out").keys() == {"a.mkv"}


def test_several_inputs_need_a_folder(rlcodec: Command, tmp_path: Path, pair: list[str]) -> None:
    for output in ("out", "out.mp4", "a.mkv"):
        says = [f"{output}: is no folder", "end it with /"]
        assert_refused(rlcodec, tmp_path, *pair, output, code=2, says=says)
    says = ["a.mkv/: cannot be made"]
    assert_refused(rlcodec, tmp_path, *pair, "a.mkv/", code=1, says=says)


def test_inputs_that_get_the_same_name_are_refused(
    rlcodec: Command, tmp_path: Path, pair: list[str]
) -> None:
    (tmp_path / "a.avi").write_bytes(b"")
    says = ["a.mkv and a.avi: both would become out/a.mkv"]
    assert_refused(rlcodec, tmp_path, *pair, "a.avi", "out/", code=2, says=says)
    says = ["b.mkv and ./b.mkv: both would become out/b.mkv"]
    assert_refused(rlcodec, tmp_path, *pair, "./b.mkv", "out/", code=2, says=says)


def test_outputs_that_are_one_file_by_a_link_are_refused(
    rlcodec: Command, tmp_path: Path, pair: list[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.mkv").symlink_to("a.mkv")
    says = ["a.mkv and b.mkv: both would become out/b.mkv"]
    assert_refused(rlcodec, tmp_path, "-y", *pair, "out", code=2, says=says)


def test_an_input_is_never_an_output(rlcodec: Command, tmp_path: Path, pair: list[str]) -> None:
    says = ["a.mkv: its output a.mkv would be the input a.mkv"]
    assert_refused(rlcodec, tmp_path, "-y", *pair, "./", code=2, says=says)
    # Nor the output of another one
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mkv").symlink_to("../b.mkv")
    says = ["a.mkv: its output out/a.mkv would be the input b.mkv"]
    assert_refused(rlcodec, tmp_path, "-y", *pair, "out", code=2, says=says)
    (tmp_path / "out" / "a.mkv").unlink()
    os.link(tmp_path / "b.mkv", tmp_path / "out" / "a.mkv")
    assert_refused(rlcodec, tmp_path, "-y", *pair, "out", code=2, says=says)


@pytest.mark.parametrize("inputs", [["a.mkv", "-"], ["-"], [".", "a.mkv"]])
def test_what_has_no_name_is_refused(rlcodec: Command, tmp_path: Path, inputs: list[str]) -> None:
    (tmp_path / "out").mkdir()
    says = ["no name" if "-" in inputs else "'.': is no file"]
    assert_refused(rlcodec, tmp_path, *inputs, "out", code=2, says=says)


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, pair: list[str]) -> None:
    write(tmp_path / "long.mkv", moving(12, width=640, height=360) * 10)
    slow = ("--preset", "placebo", "--encoder-option", "tune=zerolatency")
    process = subprocess.Popen(
        [RLCODEC, "transcode", *slow, *pair, "long.mkv", "out/"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "out"
    give_up = time.monotonic() + 60
    while not list(folder.glob(".long*.part")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, messages = process.communicate(timeout=30)
    assert process.returncode == 130
    assert len(out.splitlines()) == 2
    assert messages.splitlines()[-1].startswith("rlcodec: stopped")
    assert contents(folder).keys() == {"a.mkv", "b.mkv"}


def test_a_folder_of_files_keeps_the_smaller_ones(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", moving(12), options={"crf": "45", "preset": "medium"})
    write(tmp_path / "b.mkv", moving(12))
    done = rlcodec("transcode", "--keep-smaller", "--crf", "18", "a.mkv", "b.mkv", "out/")
    assert done.returncode == 0
    assert contents(tmp_path / "out").keys() == {"b.mkv"}
    kept, written, total = done.stdout.splitlines()
    assert kept.startswith("a.mkv: kept; out/a.mkv would have ")
    assert written.startswith("out/b.mkv: ")
    was = sum((tmp_path / name).stat().st_size for name in ("a.mkv", "b.mkv"))
    now = (tmp_path / "a.mkv").stat().st_size + (tmp_path / "out" / "b.mkv").stat().st_size
    assert total.startswith(
        f"2 files: {now / 1000:.2f} kB, {now / was - 1:+.0%} against the inputs"
    )
    assert total.endswith("; 1 input kept")


def test_json_is_one_document(rlcodec: Command, pair: list[str]) -> None:
    done = rlcodec("transcode", *FAST, "--json", *pair, "out/")
    batch = json.loads(done.stdout)
    assert batch.keys() == {"results", "failures"}
    assert [each["output"] for each in batch["results"]] == ["out/a.mkv", "out/b.mkv"]
    assert not batch["failures"]
    alone = json.loads(rlcodec("transcode", *FAST, "--json", "a.mkv", "alone.mkv").stdout)
    assert alone.keys() == batch["results"][0].keys()
    assert alone["kept"] == "output"


def test_the_library_does_the_same(tmp_path: Path, pair: list[str]) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    inputs = [tmp_path / name for name in [*pair, "bad.mp4"]]
    events: list[BatchEvent] = []
    batch = library.transcode_all(
        inputs, tmp_path / "out", crf=30, preset="superfast", on_progress=events.append
    )
    assert [result.output for result in batch.results] == [
        str(tmp_path / "out" / name) for name in pair
    ]
    assert {result.crf for result in batch.results} == {30}
    (failure,) = batch.failures
    assert failure.input == str(tmp_path / "bad.mp4")
    assert failure.exit_code == 4
    assert "is not a video" in failure.error
    assert json.loads(json.dumps(batch.as_dict())) == batch.as_dict()
    kinds = [type(each) for each in events]
    assert kinds.count(library.FileStarted) == 3
    assert events[-1] == failure
    finished = [each for each in events if isinstance(each, library.FileFinished)]
    assert [each.result for each in finished] == list(batch.results)
    with pytest.raises(library.SettingsError, match="crf is 99"):
        library.transcode_all(inputs, tmp_path / "out", crf=99)


def complete(task: str, *words: str) -> str:
    """What the command tells a shell that asks how these words may go on."""
    return subprocess.run(
        [RLCODEC],
        env={
            **os.environ,
            "_RLCODEC_COMPLETE": task,
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_ask(shell: str) -> None:
    assert f"_RLCODEC_COMPLETE={shell}_complete" in complete(f"{shell}_source")


def test_shells_complete_the_command() -> None:
    assert complete("bash_complete", "rlcodec", "tr") == "plain,transcode\nplain,train\n"
    words = ("rlcodec", "transcode", "--keep")
    assert complete("bash_complete", *words) == "plain,--keep-smaller\n"
    # Names of files are the shell's business
    assert complete("bash_complete", "rlcodec", "transcode", "cl") == "file,cl\n"
