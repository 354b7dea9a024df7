"""Plans as files: nobody vouches for what is read, and what is written is whole or not there."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import rlcodec
from rlcodec.plans import reading
from rlcodec.plans.formats import render
from tests.clips import moving, write
from tests.conftest import RLCODEC, Command
from tests.folder import RULE, assert_refused, contents
from tests.plans import made

Document = dict[str, Any]


PLAN = made([23.0, 25.5, 20.25], [5, 4, 3])


def put(*place: str | int, value: object) -> Callable[[Document], None]:
    """An edit that sets a value somewhere in a plan."""

    def edit(document: Document) -> None:
        inner: Any = document
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = value

    return edit


def drop(name: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        del document[name]

    return edit


BAD_FIELDS = [
    (put("format", value="mp4"), 'format is "mp4", and not rlcodec-plan'),
    (put("version", value=2), "version is 2, and this rlcodec reads 1: update rlcodec"),
    (put("version", value=0), "version is 0, and this rlcodec reads 1: plan the video anew"),
    (put("version", value=True), "version is true, and not a whole number"),
    (put("codec", value="libvpx"), "codec 'libvpx' is not known"),
    (put("codec", value=7), "codec is 7, and not a text"),
    (put("codec", value="x" * 5000), "codec has more than 1024 characters"),
    (put("preset", value="\ud800"), "preset '\\ud800' is not known"),
    (put("crf", value=52), "crf is 52: it must lie between 0 and 51"),
    (put("crf", value="23"), 'crf is "23", and not a number'),
    (put("scale", value="0x0"), "scale is 0x0"),
    (put("fps", value="1e999999999"), 'fps is "1e999999999": give a fraction'),
    (put("fps", value="0"), "fps is 0"),
    (put("deinterlace", value="yes"), "deinterlace 'yes' is not known"),
    (put("policy", value="rule"), 'policy is "rule", and not an object'),
    (drop("segments"), "segments is missing"),
    (put("segments", value={}), "segments is dict, and not a list"),
    (put("segments", value=[]), "input.frames is 12, and the segments have 0 frames"),
    (put("segments", 0, value=None), "segments[0] is not an object"),
    (put("segments", 0, "start_frame", value=1), "segments[0].start_frame is 1"),
    (put("segments", 1, "start_frame", value=6), "segments[1].start_frame is 6"),
    (put("segments", 1, "frames", value=0), "segments[1].frames is 0"),
    (put("segments", 1, "frames", value=-4), "segments[1].frames must lie between"),
    (put("segments", 1, "frames", value=2**40), "segments[1].frames must lie between"),
    (put("segments", 1, "frames", value=4.0), "segments[1].frames is 4.0, and not a whole"),
    (put("segments", 2, "frames", value=4), "input.frames is 12, and the segments have 13"),
    (put("segments", 2, "crf", value=51.5), "segments[2].crf is 51.5"),
    (
        put("segments", 2, "crf", value=43.5),
        "segments[2].crf is 43.5: it must lie between 3 and 43",
    ),
    (put("segments", 2, "crf", value=None), "segments[2].crf is NoneType, and not a number"),
    (put("segments", 2, "crf", value=10**400), "segments[2].crf is inf"),
    (put("segments", 2, "start_s", value=-1), "segments[2].start_s is -1.0"),
    (put("segments", 2, "new_shot", value=1), "segments[2].new_shot is 1, and not true or false"),
    (put("input", "frames", value=0), "input.frames is 0"),
    (put("input", "width", value=0), "input.width is 0"),
    (put("input", "rate", value="25/0"), 'input.rate is "25/0"'),
    (put("input", "rate", value="0"), "input.rate is 0"),
    (put("input", "declared_frames", value=0), "input.declared_frames is 0"),
]


@pytest.mark.parametrize(("edit", "says"), BAD_FIELDS, ids=[says for _, says in BAD_FIELDS])
def test_a_bad_field_is_named(tmp_path: Path, edit: Callable[[Document], None], says: str) -> None:
    document = copy.deepcopy(json.loads(render(PLAN, "json")))
    edit(document)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document))
    with pytest.raises(rlcodec.PlanError) as refused:
        rlcodec.load_plan(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


DEEP = b"[" * 200_000
HUGE = render(PLAN, "json").encode() + b" " * reading.MAX_BYTES
TEXT = render(PLAN, "json")
BAD_FILES = {
    "empty": (b"", "is no plan"),
    "text": (b"no plan at all", "is no plan"),
    "a list": (b"[]", "the document is not an object"),
    "deep": (DEEP, "nested too deeply"),
    "deep inside": (TEXT.replace('"rule"', "[" * 200_000).encode(), "nested too deeply"),
    "larger than any": (HUGE, "is larger than any plan"),
    "not UTF-8": (b'{"format": "\xff"}', "is no plan"),
    "nan": (TEXT.replace("25.5", "NaN").encode(), "NaN is no number of JSON's"),
    "infinity": (TEXT.replace("25.5", "-Infinity").encode(), "-Infinity is no number of JSON's"),
    "too large": (TEXT.replace("25.5", "1e999").encode(), "segments[1].crf is inf"),
    "a long number": (TEXT.replace("25.5", "9" * 5000).encode(), "is no plan"),
    "twice": (TEXT.replace('"crf": 25.5', '"crf": 25.5, "crf": 30').encode(), '"crf" stands twice'),
    "cut": (TEXT[:-20].encode(), "is no plan"),
    "a second document": (TEXT.encode() + b"{}", "is no plan"),
}


@pytest.mark.parametrize(("data", "says"), BAD_FILES.values(), ids=BAD_FILES)
def test_what_is_no_plan_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    with pytest.raises(rlcodec.PlanError, match=r"plan\.json: ") as refused:
        rlcodec.load_plan(path)
    assert says in str(refused.value)


def test_no_more_is_read_than_a_plan_may_have(tmp_path: Path) -> None:
    pipe = tmp_path / "plan.json"
    os.mkfifo(pipe)
    written = 0

    def write_on() -> None:
        nonlocal written
        with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as file:
            while written < 2 * reading.MAX_BYTES:
                written += file.write(b" " * 2**16)

    writer = threading.Thread(target=write_on)
    writer.start()
    with pytest.raises(rlcodec.PlanError, match="is larger than any plan"):
        rlcodec.load_plan(pipe)
    writer.join()
    assert written < 1.1 * reading.MAX_BYTES


def test_a_refused_plan_is_a_line_and_exit_code_2(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "plan.json").write_bytes(TEXT.replace("25.5", '"\\ud800"').encode())
    (tmp_path / "folder").mkdir()
    for name, says in [
        ("plan.json", ["plan.json: segments[1].crf is", "not a number"]),
        ("missing.json", ["missing.json: the plan cannot be read", "No such file"]),
        ("folder", ["folder: the plan cannot be read"]),
        (clip.name, [f"{clip.name}: is no plan"]),
    ]:
        assert_refused(rlcodec, tmp_path, clip.name, "out.mp4", "--plan", name, code=2, says=says)


def test_what_editors_leave_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    document = json.loads(TEXT)
    document["note"] = document["segments"][0]["note"] = {"by": "hand"}
    del document["scale"], document["deinterlace"]
    path.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(document, indent=8).replace("\n", "\r\n").encode()
    )
    assert rlcodec.load_plan(path) == PLAN


lengths_and_crfs = st.lists(
    st.tuples(st.integers(1, 10**6), st.floats(3, 43, allow_nan=False)), min_size=1, max_size=20
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths_and_crfs, st.sampled_from([None, (-1, 720), (1280, 720)]), st.booleans(), st.text())
def test_a_saved_plan_is_read_as_it_was(
    tmp_path: Path,
    segments: list[tuple[int, float]],
    scale: tuple[int, int] | None,
    converted: bool,
    name: str,
) -> None:
    plan = made([crf for _, crf in segments], [length for length, _ in segments])
    plan = replace(plan, scale=scale, input=replace(plan.input, name=name[:1024]))
    if converted:
        plan = replace(plan, fps=Fraction(30000, 1001), pix_fmt="yuv420p", deinterlace="on")
    path = tmp_path / "plan.json"
    path.write_text(render(plan, "json"))
    again = rlcodec.load_plan(path)
    assert again == plan
    assert again.digest == plan.digest
    assert render(again, "json") == render(plan, "json")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
fields = st.sampled_from(
    [
        *((name,) for name in json.loads(TEXT)),
        *(("input", name) for name in json.loads(TEXT)["input"]),
        *(("segments", 1, name) for name in json.loads(TEXT)["segments"][1]),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields, values)
def test_any_value_anywhere_is_read_or_refused(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    document = json.loads(TEXT)
    put(*place, value=value)(document)
    read_or_refuse(tmp_path / "plan.json", json.dumps(document).encode())


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(TEXT)), st.integers(0, 30), st.binary(max_size=10))
@example(0, len(TEXT), b"\x00")
def test_any_bytes_are_read_or_refused(tmp_path: Path, start: int, cut: int, patch: bytes) -> None:
    data = TEXT.encode()
    read_or_refuse(tmp_path / "plan.json", data[:start] + patch + data[start + cut :])


def read_or_refuse(path: Path, data: bytes) -> None:
    """What is read is a plan that can be written; what is refused is refused in words."""
    path.write_bytes(data)
    plan, message = None, ""
    try:
        plan = rlcodec.load_plan(path)
    except rlcodec.PlanError as refused:
        message = str(refused)
    if plan is None:
        assert message.startswith(f"{path}: ")
        assert len(message) < 2000 + len(str(path))
    else:
        for form in ("json", "csv", "x264-zones", "av1an-zones"):
            assert render(plan, form)


def test_without_an_output_the_plan_is_all_that_is_printed(rlcodec: Command, clip: Path) -> None:
    before = contents(clip.parent)
    done = rlcodec("plan", *RULE, clip.name)
    assert done.returncode == 0
    assert json.loads(done.stdout)["format"] == "rlcodec-plan"
    assert not done.stderr
    assert contents(clip.parent) == before


def test_an_output_is_written_and_told_and_not_replaced(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    done = rlcodec("plan", clip.name, "-o", "plan.json")
    assert done.stdout.splitlines()[0] == "plan.json: 12 frames, 1 shots, 1 segments"
    assert "around 23" in done.stdout
    assert rlcodec("plan", clip.name).stdout == (tmp_path / "plan.json").read_text()
    before = contents(tmp_path)
    for arguments, code, says in [
        (["-o", "plan.json"], 1, "plan.json: exists already; give -y"),
        (["-o", clip.name, "-y"], 2, "is the input itself"),
        (["-o", "missing/plan.json"], 1, "cannot be written"),
        (["--format", "edl"], 2, "format 'edl' is not known: choose one of json, csv"),
        (["--crf", "99"], 2, "crf is 99"),
        (["--encoder-option", "warp=1"], 2, "no option 'warp'"),
    ]:
        done = rlcodec("plan", clip.name, *arguments)
        assert done.returncode == code, arguments
        assert says in done.stderr
        assert not done.stdout
    assert contents(tmp_path) == before
    assert rlcodec("plan", clip.name, "-o", "plan.json", "-y", "--format", "csv").returncode == 0
    assert (tmp_path / "plan.json").read_text().startswith("index,")


def test_a_bad_input_leaves_no_plan(rlcodec: Command, tmp_path: Path) -> None:
    (tmp_path / "in.mkv").write_text("no video")
    before = contents(tmp_path)
    done = rlcodec("plan", "in.mkv", "-o", "plan.json")
    assert done.returncode == 4
    assert contents(tmp_path) == before


def test_a_disk_that_refuses_leaves_no_plan(tmp_path: Path, clip: Path) -> None:
    before = contents(tmp_path)
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; '{RLCODEC}' plan {' '.join(RULE)} {clip.name} -o plan.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("rlcodec: error: plan.json: cannot be written: ")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_plan(tmp_path: Path, number: signal.Signals) -> None:
    source = write(tmp_path / "in.ts", moving(60))
    folder = tmp_path / "out"
    folder.mkdir()
    process = subprocess.Popen(
        [RLCODEC, "plan", "-", "-o", "plan.json"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(source.read_bytes())
    process.stdin.flush()
    give_up = time.monotonic() + 20
    while not list(folder.glob(".*.part")) and time.monotonic() < give_up:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 128 + number, err
    assert not out
    assert err.splitlines()[-1] == b"rlcodec: stopped; no unfinished file was left behind"
    assert not list(folder.iterdir())
