"""Rows of the fault table: what may be wrong with an input, an output or an option."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream

from tests.clips import RATE, Picture, as_frames, decoded, moving, video_stamps, write
from tests.conftest import RLCODEC, Command
from tests.folder import FAST, assert_refused, assert_works, contents, from_zero

NAMES = [
    "12:30.mp4",
    "file:x.mp4",
    "a 'quoted' \"name\" [x], y;z.mp4",
    "grüße 视频.mp4",
    "two\nlines.mp4",
    "100%d.mp4",
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A small file with nothing wrong."""
    return write(tmp_path / "clip.mkv", moving(12, width=64, height=48))


def write_tone(path: Path, *, cover: bool = False) -> Path:
    """A file without video: a second of sound, and a picture as its cover if wanted."""
    with av.open(str(path), "w") as container:
        tone = container.add_stream("aac", rate=48000)
        if cover:
            art = container.add_stream("png", rate=RATE)
            assert isinstance(art, VideoStream)
            art.codec_context.width, art.codec_context.height = 64, 48
            art.codec_context.pix_fmt = "rgb24"
            art.disposition = Disposition.attached_pic
            for frame in as_frames(moving(1, width=64, height=48), pix_fmt="rgb24"):
                container.mux(art.encode(frame))
            container.mux(art.encode(None))
        samples = np.sin(np.arange(48000) / 20).astype(np.float32)
        for start in range(0, len(samples), 1024):
            block = np.stack([samples[start : start + 1024]] * 2)
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48000, start, Fraction(1, 48000)
            container.mux(tone.encode(sound))
        container.mux(tone.encode(None))
    return path


def strict_json(text: str) -> Any:  # noqa: ANN401 # whatever JSON holds
    """What a JSON document says; NaN and Infinity, which JSON does not have, are errors."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("content", [b"", b"This is no video.\n" * 100, bytes(5000)])
def test_row_01_what_is_no_video_is_refused(
    rlcodec: Command, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "in.mp4").write_bytes(content)
    says = ["in.mp4", "is not a video that can be read"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


def test_row_01_a_folder_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").mkdir()
    says = ["in.mp4", "is a folder; name a video file"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


def test_row_01_a_missing_file_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    says = ["in.mp4: no such file"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


def test_row_01_an_mp4_without_its_index_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", moving(12))
    whole = path.read_bytes()
    index = whole.rindex(b"moov") - 4
    assert index > len(whole) / 2
    path.write_bytes(whole[:index])
    says = ["in.mp4", "is not a video that can be read"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


@pytest.mark.parametrize(("muxer", "name"), [("matroska", "in.mp4"), ("mpegts", "in.mkv")])
def test_row_04_the_content_decides_and_not_the_name(
    rlcodec: Command, tmp_path: Path, muxer: str, name: str
) -> None:
    write(tmp_path / name, moving(12), muxer=muxer)
    assert_works(rlcodec, tmp_path, name, "out.mp4", *FAST)
    assert len(video_stamps(tmp_path / "out.mp4")) == 12


@pytest.mark.parametrize("name", NAMES)
def test_row_05_odd_names_work_as_input(
    rlcodec: Command, tmp_path: Path, clip: Path, name: str
) -> None:
    clip.rename(tmp_path / name)
    assert_works(rlcodec, tmp_path, name, "out.mkv", *FAST)


@pytest.mark.parametrize("name", NAMES)
def test_row_05_odd_names_work_as_output(
    rlcodec: Command, tmp_path: Path, clip: Path, name: str
) -> None:
    assert_works(rlcodec, tmp_path, clip.name, name, *FAST)


def test_row_05_a_leading_dash_works_after_two_dashes(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    clip.rename(tmp_path / "-x.mkv")
    assert_works(rlcodec, tmp_path, "-x.mkv", "-y.mp4", *FAST, "--")


def test_row_05_a_leading_dash_works_with_a_folder(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    clip.rename(tmp_path / "-x.mkv")
    assert_works(rlcodec, tmp_path, "./-x.mkv", "./-y.mp4", *FAST, writes="-y.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_row_05_names_that_are_no_text_work(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    clip.rename(tmp_path / os.fsdecode(b"in\xff.mkv"))
    source, output = os.fsdecode(b"in\xff.mkv"), os.fsdecode(b"out\xff.mp4")
    assert_works(rlcodec, tmp_path, source, output, *FAST, "--json")


def test_row_05_a_name_cannot_break_a_message_in_two(rlcodec: Command, tmp_path: Path) -> None:
    name = "two\nlines\x1b[2J.mp4"
    (tmp_path / name).write_bytes(b"no video")
    says = [r"two\nlines\x1b[2J.mp4"]
    assert_refused(rlcodec, tmp_path, name, "out.mp4", code=4, says=says)


def test_row_07_audio_only_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    write_tone(tmp_path / "in.mp4")
    says = ["in.mp4", "no video stream", "it holds 1 audio"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


def test_row_07_cover_art_is_no_video(rlcodec: Command, tmp_path: Path) -> None:
    write_tone(tmp_path / "in.mp4", cover=True)
    says = ["in.mp4", "no video stream", "1 cover art", "1 audio"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_row_08_odd_sides_are_cropped_and_said(
    rlcodec: Command, tmp_path: Path, codec: str
) -> None:
    pictures = moving(6, width=321, height=241)
    write(tmp_path / "in.mkv", pictures, codec="ffv1")
    done = assert_works(
        rlcodec, tmp_path, "in.mkv", "out.mp4", *FAST, "--codec", codec, "--policy", "fixed"
    )
    assert "note: 321x241 is cropped to 320x240, since yuv420p needs even sides" in done.stderr
    for was, now in zip(pictures, decoded(tmp_path / "out.mp4"), strict=True):
        assert now.shape == (240, 320)
        assert np.abs(was[:240, :320].astype(int) - now).mean() < 6


def test_row_08_odd_sides_stay_where_the_format_has_them(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "in.mkv", moving(6, width=321, height=241), codec="ffv1", pix_fmt="yuv444p")
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", *FAST)
    assert "cropped" not in done.stderr
    assert decoded(tmp_path / "out.mp4")[0].shape == (241, 321)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("level", [16, 128, 235])
def test_row_13_flat_frames_have_a_finite_quality(
    rlcodec: Command, tmp_path: Path, codec: str, level: int
) -> None:
    flat = np.full((48, 64), level, np.uint8)
    write(tmp_path / "in.mkv", [flat] * 40, codec="ffv1")
    done = assert_works(
        rlcodec, tmp_path, "in.mkv", "out.mp4", "--json", "--codec", codec, "--preset", "medium"
    )
    result = strict_json(done.stdout)
    assert result["frames"] == 40
    assert sum(segment["frames"] for segment in result["segments"]) == 40
    for segment in result["segments"]:
        # libx265 reports no error
        assert segment["psnr"] is None if codec == "libx265" else 50 < segment["psnr"] <= 100
        assert 0 <= segment["crf"] <= 51
    for picture in decoded(tmp_path / "out.mp4"):
        assert np.abs(picture.astype(int) - decoded(tmp_path / "in.mkv")[0]).max() <= 1


def test_row_13_black_frames_are_worth_the_cap(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "in.mkv", [np.full((48, 64), 16, np.uint8)] * 40, codec="ffv1")
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", "--json")
    assert {each["psnr"] for each in strict_json(done.stdout)["segments"]} == {100}


def test_row_13_identical_frames_give_finite_events(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "in.mkv", moving(1) * 40, codec="ffv1")
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", "--json-lines")
    events = [strict_json(line) for line in done.stdout.splitlines()]
    assert {"segment_decided", "segment_encoded", "result"} <= {each["type"] for each in events}


def test_row_28_an_existing_output_is_kept_without_y(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    says = ["out.mp4: exists already", "-y"]
    assert_refused(rlcodec, tmp_path, clip.name, "out.mp4", code=1, says=says)


def test_row_28_an_existing_output_is_refused_before_any_work(
    rlcodec: Command, tmp_path: Path
) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    (tmp_path / "out.mp4").write_bytes(b"old")
    says = ["out.mp4: exists already"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=1, says=says)


def test_row_28_an_existing_output_is_replaced_with_y(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    assert_works(rlcodec, tmp_path, clip.name, "out.mp4", "-y")


@pytest.mark.parametrize("exists", [True, False])
def test_row_28_a_run_that_fails_midway_leaves_what_was(
    rlcodec: Command, tmp_path: Path, exists: bool
) -> None:
    # More frames than wait in front of the encoder, so that some are written before it fails
    source = write(tmp_path / "in.mkv", moving(180, width=64, height=48), codec="ffv1")
    data = bytearray(source.read_bytes())
    start = len(data) * 9 // 10
    data[start : start + 3000] = np.random.default_rng(1).bytes(3000)
    source.write_bytes(data)
    if exists:
        (tmp_path / "out.mkv").write_bytes(b"old")
    options = ["--encoder-option", "tune=zerolatency", "-y"]
    says = ["in.mkv"]
    assert_refused(rlcodec, tmp_path, *options, source.name, "out.mkv", code=4, says=says)


def test_row_28_a_device_is_no_output(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    (tmp_path / "null.mp4").symlink_to(os.devnull)
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("null.mp4", "pipe.mp4"):
        says = [name, "is not a regular file", "choose another name"]
        assert_refused(rlcodec, tmp_path, "-y", clip.name, name, code=1, says=says)
    says = [os.devnull, "must end in .mp4"]
    assert_refused(rlcodec, tmp_path, "-y", clip.name, os.devnull, code=2, says=says)


def test_row_28_a_missing_folder_is_said(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    says = ["no/out.mp4: cannot be written: its folder does not exist; make it first"]
    assert_refused(rlcodec, tmp_path, clip.name, "no/out.mp4", code=1, says=says)


@pytest.mark.parametrize("options", [[], ["-y"]])
def test_row_28_the_input_is_never_the_output(
    rlcodec: Command, tmp_path: Path, clip: Path, options: list[str]
) -> None:
    (tmp_path / "symbolic.mkv").symlink_to(clip.name)
    os.link(clip, tmp_path / "hard.mkv")
    for name in (clip.name, f"./{clip.name}", str(clip), "symbolic.mkv", "hard.mkv"):
        says = [Path(name).name, "is the input itself", "write to another file"]
        assert_refused(rlcodec, tmp_path, *options, clip.name, name, code=2, says=says)
    for name in ("symbolic.mkv", "hard.mkv"):
        says = [clip.name, "is the input itself"]
        assert_refused(rlcodec, tmp_path, *options, name, clip.name, code=2, says=says)


def test_row_28_a_link_stays_a_link(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to("out.mp4")
    assert_works(rlcodec, tmp_path, clip.name, "link.mp4", "-y", writes="out.mp4")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("output", ["out.mp4", "out.mkv", "out.ts"])
def test_row_32_the_shortest_videos_keep_every_frame(
    rlcodec: Command, tmp_path: Path, count: int, codec: str, output: str
) -> None:
    write(tmp_path / "in.mkv", moving(count))
    done = assert_works(rlcodec, tmp_path, "in.mkv", output, "--codec", codec, "--json")
    result = strict_json(done.stdout)
    assert result["frames"] == count
    assert result["duration_s"] == pytest.approx(count / RATE)
    assert from_zero(tmp_path / output) == [number / RATE for number in range(count)]
    if not output.endswith(".ts"):  # which has no durations
        assert duration(tmp_path / output) == count / RATE


def test_row_32_an_output_too_short_to_be_told_is_read_back(
    rlcodec: Command, tmp_path: Path
) -> None:
    write(tmp_path / "in.mkv", moving(2, width=64, height=48))
    done = rlcodec("transcode", "in.mkv", "out.ts")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.ts"), format="mpegts") as container:
        assert len(list(container.decode(video=0))) == 2


def duration(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert container.duration is not None
        whole = stream.duration * stream.time_base
        assert whole == Fraction(container.duration, av.time_base)
        return whole


@pytest.mark.parametrize(("width", "height"), [(64, 1), (4, 64), (64, 15)])
def test_row_32_a_thin_stream_is_a_named_error(
    rlcodec: Command, tmp_path: Path, width: int, height: int
) -> None:
    write(tmp_path / "in.mkv", moving(3, width=width, height=height), codec="ffv1")
    says = ["in.mkv", f"{width}x{height}", "too small", "--scale"]
    assert_refused(rlcodec, tmp_path, "in.mkv", "out.mp4", code=4, says=says)


def test_row_32_a_thin_stream_can_be_scaled(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "in.mkv", moving(3, width=64, height=1), codec="ffv1")
    assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", "--scale", "64x64")


def test_row_32_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    loop: list[Picture] = moving(40, width=64, height=48)
    short = write(tmp_path / "short.mkv", loop * 15)
    long = write(tmp_path / "long.mkv", loop * 150)
    least, most = peak_memory(short), peak_memory(long)
    assert most < 1.1 * least + 4 * 2**10
    assert len(contents(tmp_path)) == 4


def peak_memory(source: Path) -> int:
    """Peak memory in kB of a transcode: of a process alone, and not of the tests that start it."""
    script = (
        "import os, sys\n"
        "child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
        "_, status, usage = os.wait4(child, 0)\n"
        "sys.stderr.write(f'{status} {usage.ru_maxrss}')\n"
    )
    arguments = ["transcode", str(source), str(source.with_suffix(".mp4")), *FAST, "--json"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, RLCODEC, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    status, kilobytes = map(int, done.stderr.split()[-2:])
    assert status == 0
    return kilobytes
