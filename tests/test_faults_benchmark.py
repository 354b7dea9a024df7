"""What may go wrong with a benchmark: each is said in a line, and what was measured stays."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rlcodec.benchmark.reading import read_results
from tests.clips import moving, write
from tests.conftest import RLCODEC, Command, Completed
from tests.folder import contents
from tests.reels import ALONE, FAST, reel

RUN = ("-o", "bench", *ALONE)
ENCODES = 8
"""Of one clip with `ALONE`: two methods at four CRFs."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip, and a benchmark of it."""
    folder = tmp_path_factory.mktemp("done")
    reel(folder / "film.mkv")
    subprocess.run([RLCODEC, "benchmark", "film.mkv", *RUN], cwd=folder, check=True)
    return folder


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    """A copy of it, where `rlcodec` runs."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    return tmp_path


def errors(completed: Completed) -> list[str]:
    return [line for line in completed.stderr.splitlines() if line.startswith("rlcodec: error: ")]


def test_clips_that_cannot_be_used_are_named_and_the_others_measured(
    folder: Path, rlcodec: Command
) -> None:
    (folder / "text.mkv").write_text("no video")
    write(folder / "short.mkv", moving(23, width=64, height=48))
    write(folder / "tiny.mkv", moving(30, width=40, height=40))
    shutil.copy(folder / "film.mkv", folder / "again.mkv")
    names = ("text.mkv", "short.mkv", "tiny.mkv", "missing.mkv", "film.mkv", "again.mkv")
    completed = rlcodec("benchmark", *names, *RUN)
    assert completed.returncode == 1
    results = read_results(folder / "bench" / "results.json")
    assert [clip.name for clip in results.clips] == ["film.mkv"]
    told = dict(zip(names, sorted(each.input for each in results.failures), strict=False))
    assert sorted(told.values()) == ["missing.mkv", "short.mkv", "text.mkv", "tiny.mkv"]
    said = completed.stderr
    assert "short.mkv: has 23 frames, which is too short to measure: give clips of at least" in said
    assert "tiny.mkv: pictures of 40x40 are too small to measure xpsnr" in said
    assert "note: again.mkv: is the same as film.mkv" in said
    assert "0 encodes to make, 8 were made before" in said
    for line in ("failed: text.mkv: ", "failed: missing.mkv: "):
        assert line in said


def test_no_clip_that_can_be_used_is_an_input_error(folder: Path, rlcodec: Command) -> None:
    (folder / "text.mkv").write_text("no video")
    before = contents(folder / "bench")
    completed = rlcodec("benchmark", "text.mkv", *RUN)
    assert completed.returncode == 4
    assert len(errors(completed)) == 1
    assert "text.mkv" in errors(completed)[0]
    assert contents(folder / "bench") == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--crf", "20,26,32"), "3 CRFs are too few for an RD curve: give 4 or more"),
        (("--crf", "20,26,32,60"), "crf is 60: it must lie between 0 and 51"),
        (("--rival", "fixed,two"), "rival 'two' is not known: choose from fixed, re-picked"),
        (("--rival", "supervised"), "the rival supervised and a table of encodes"),
        (("--policy", "fixed"), "no policy is measured: name one beside fixed"),
        (("--policy", "nothing"), "policy 'nothing' is not known"),
        (("--preset", "ultrafast"), "cannot change CRF while it runs"),
        (("--codec", "libvpx"), "codec 'libvpx' is not known"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_any_work(
    folder: Path, rlcodec: Command, arguments: tuple[str, str], says: str
) -> None:
    before = contents(folder)
    completed = rlcodec("benchmark", "film.mkv", *RUN, *arguments)
    assert completed.returncode == 2
    (error,) = errors(completed)
    assert says in error
    assert contents(folder) == before


def test_measurements_of_another_version_are_left_alone(folder: Path, rlcodec: Command) -> None:
    path = folder / "bench" / "measured.jsonl"
    head, *lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([json.dumps(json.loads(head) | {"version": 2}), *lines]))
    before = contents(folder / "bench")
    completed = rlcodec("benchmark", "film.mkv", *RUN)
    assert completed.returncode == 1
    (error,) = errors(completed)
    assert "bench: holds the measurements of another version" in error
    assert "choose another folder" in error
    assert contents(folder / "bench") == before


def test_files_of_others_are_not_replaced(folder: Path, rlcodec: Command) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "results.json").write_text("mine")
    completed = rlcodec("benchmark", "film.mkv", "-o", "other", *ALONE)
    assert completed.returncode == 1
    assert "other: holds a results.json that no benchmark" in errors(completed)[0]
    assert sorted(contents(other)) == ["results.json"]
    assert (other / "results.json").read_text("utf-8") == "mine"
    (folder / "plain").write_text("a file")
    completed = rlcodec("benchmark", "film.mkv", "-o", "plain", *ALONE)
    assert completed.returncode == 1
    assert "plain: cannot be written" in errors(completed)[0]


def test_two_runs_do_not_write_one_folder(folder: Path, rlcodec: Command) -> None:
    with (folder / "bench" / "measured.jsonl").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        completed = rlcodec("benchmark", "film.mkv", *RUN)
    assert completed.returncode == 1
    assert "bench: another benchmark is writing it" in errors(completed)[0]


def test_a_torn_line_is_measured_again_and_joined_to_nothing(
    folder: Path, rlcodec: Command
) -> None:
    path = folder / "bench" / "measured.jsonl"
    text = path.read_text("utf-8")
    *whole, last = text.splitlines(keepends=True)
    path.write_text("".join([*whole, last[:200]]))
    completed = rlcodec("benchmark", "film.mkv", *RUN)
    assert completed.returncode == 0, completed.stderr
    assert "1 encodes to make, 7 were made before" in completed.stderr
    head, *lines = path.read_text("utf-8").splitlines()
    assert json.loads(head)["version"] == 1
    assert lines[ENCODES - 1] == last[:200]
    assert len({json.loads(line)["key"] for line in [*lines[: ENCODES - 1], lines[-1]]}) == ENCODES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_where_it_was(
    folder: Path, rlcodec: Command, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    shutil.rmtree(folder / "bench")
    path, temporary = folder / "bench" / "measured.jsonl", tmp_path_factory.mktemp("temporary")
    with subprocess.Popen(
        [RLCODEC, "benchmark", "film.mkv", *RUN],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 100
        while not (path.exists() and len(path.read_text("utf-8").splitlines()) > 2):
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith("rlcodec: stopped")
        assert contents(temporary) == {}
    assert sorted(contents(folder / "bench")) == ["measured.jsonl"]
    before = path.read_text("utf-8")
    count = len(before.splitlines()) - 1
    assert count < ENCODES
    completed = rlcodec("benchmark", "film.mkv", *RUN)
    assert completed.returncode == 0, completed.stderr
    assert f"{ENCODES - count} encodes to make, {count} were made before" in completed.stderr
    assert path.read_text("utf-8").startswith(before)
    assert len(read_results(folder / "bench" / "results.json").clips[0].curves) == 2


def test_a_policy_that_does_not_fit_fails_where_it_was_asked_for(
    folder: Path, rlcodec: Command
) -> None:
    completed = rlcodec("benchmark", "film.mkv", *RUN, "--policy", "psnr,rule")
    assert completed.returncode == 1
    assert "failed: film.mkv: policy psnr is for preset medium, and not for superfast" in (
        completed.stderr
    )
    (clip,) = read_results(folder / "bench" / "results.json").clips
    assert {each.method for each in clip.curves} == {"fixed", "rule"}


def test_curves_that_do_not_rise_are_named_and_no_number(folder: Path, rlcodec: Command) -> None:
    # All quality there is at every CRF
    still = moving(1, width=64, height=48)
    write(folder / "still.mkv", [0 * still[0]] * 24)
    completed = rlcodec("benchmark", "still.mkv", "-o", "still", *FAST, "--policy", "rule")
    assert completed.returncode in (0, 1), completed.stderr
    results = read_results(folder / "still" / "results.json")
    rule = next(each for each in results.clips[0].curves if each.method == "rule")
    assert set(rule.bd_rates.values()) == {None}
    assert rule.problems["psnr_y"] == "fixed CRF does not get better with every byte"
    assert "none" in completed.stdout
    assert "fixed CRF does not get better with every byte" in completed.stdout


def test_vmaf_is_measured_where_it_is_asked_for(folder: Path, rlcodec: Command) -> None:
    completed = rlcodec("benchmark", "film.mkv", *RUN, "--vmaf")
    assert completed.returncode == 0, completed.stderr
    # What was scored without it has to be made again
    assert "8 encodes to make" in completed.stderr
    results = read_results(folder / "bench" / "results.json")
    assert results.target_metric == "vmaf"
    assert results.cost.vmaf_cpu_s > 0
    for point in results.clips[0].curves[0].points:
        assert 0 < point.scores["vmaf"].mean <= 100
