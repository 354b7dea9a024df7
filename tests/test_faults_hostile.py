"""Rows of the fault table on hostile input: files that name others, and far too large pictures."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from tests.clips import RATE, as_frames, moving, write
from tests.conftest import RLCODEC, Command
from tests.folder import FAST, assert_refused, assert_works, contents
from tests.test_faults_input import COUNT, frames, make

LISTS = {
    "concat.mp4": "ffconcat version 1.0\nfile other.ts\n",
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\nother.ts\n#EXT-X-ENDLIST\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\nother.ts\n#EXT-X-ENDLIST\n",
    "dash.mpd": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1"><BaseURL>other.mp4</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_row_06_a_list_of_files_is_no_video(rlcodec: Command, tmp_path: Path, name: str) -> None:
    make(tmp_path / "other.ts")
    make(tmp_path / "other.mp4")
    (tmp_path / name).write_text(LISTS[name])
    for options in ([], ["--allow-truncated"]):
        says = [name, "is not a video that can be read"]
        assert_refused(rlcodec, tmp_path, *options, name, "out.mkv", code=4, says=says)


@pytest.mark.parametrize(
    "name",
    [
        "concat:other.ts",
        "img%03d.png",
        "subfile,,start,0,end,0,,:other.ts",
        "http://localhost/x.ts",
    ],
)
def test_row_06_a_name_is_a_name_and_no_address(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    make(tmp_path / "other.ts")
    write(tmp_path / "img001.png", moving(1), codec="png", pix_fmt="rgb24", muxer="image2")
    says = [f"{name}: "]
    assert_refused(rlcodec, tmp_path, name, "out.mkv", code=4, says=says)


def test_row_06_a_list_from_standard_input_opens_nothing(rlcodec: Command, tmp_path: Path) -> None:
    make(tmp_path / "other.ts")
    before = contents(tmp_path)
    done = rlcodec("transcode", "-", "out.mkv", stdin=LISTS["concat.mp4"].encode())
    assert done.returncode == 4
    assert "standard input: is not a video that can be read" in done.stderr
    assert contents(tmp_path) == before


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of ISO/IEC 14496-12."""
    whole = b"".join(content)
    return struct.pack(">I4s", len(whole) + 8, kind) + whole


def refer(movie: bytes, name: bytes) -> bytes:
    """Replace the data reference of an MP4's only track by a QuickTime alias of another file."""
    record = struct.pack(">4s10x28s12x64s16xHH16x", bytes(4), b"\1v", b"\1f", 1, 1)
    path = b"x:" + name + bytes(len(name) % 2)
    record += struct.pack(">HH", 2, len(path)) + path + b"\xff\xff\0\0"
    dref = box(b"dref", struct.pack(">II", 0, 1), box(b"alis", record))

    def rebuilt(boxes: bytes) -> bytes:
        done = b""
        while boxes:
            length, kind = struct.unpack_from(">I4s", boxes)
            content, boxes = boxes[8:length], boxes[length:]
            if kind in {b"moov", b"trak", b"mdia", b"minf", b"dinf"}:
                done += box(kind, rebuilt(content))
            else:
                done += dref if kind == b"dref" else box(kind, content)
        return done

    return rebuilt(movie)


def test_row_06_an_mp4_cannot_refer_to_another_file(rlcodec: Command, tmp_path: Path) -> None:
    other = make(tmp_path / "other.mp4")
    path = tmp_path / "in.mov"
    path.write_bytes(refer(other.read_bytes(), b"other.mp4"))
    # FFmpeg would follow it, if it were let
    with av.open(str(path), container_options={"enable_drefs": "1"}) as container:
        assert len(list(container.decode(video=0))) == COUNT
    says = ["in.mov", "not one frame of its video can be decoded"]
    assert_refused(rlcodec, tmp_path, "in.mov", "out.mkv", code=4, says=says)


def flat(path: Path, codec: str, side: int) -> Path:
    """A grey picture: large on the screen and small on the disk."""
    pix_fmt = {"png": "gray", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    # With reordering, x265 gives a single frame a decoding timestamp that it has never set
    options = {"x265-params": "log-level=none:bframes=0"} if codec == "libx265" else {}
    frames = [np.full((side, side), 128, np.uint8)]
    write(path, frames, codec=codec, options=options, pix_fmt=pix_fmt)
    assert path.stat().st_size < 2**20
    return path


def peak_memory(*arguments: object) -> tuple[int, int, str]:
    """Exit code, peak memory in kB, and messages of the command, run by a process alone."""
    script = (
        "import os, sys\n"
        "child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
        "_, status, usage = os.wait4(child, 0)\n"
        "print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)\n"
    )
    command = [sys.executable, "-S", "-c", script, RLCODEC, "transcode", *arguments]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, check=True
    )
    code, kilobytes = map(int, done.stdout.split()[-2:])
    return code, kilobytes, done.stderr


BOMBS = {
    "h264.mkv": "libx264",
    "h264.ts": "libx264",
    "h264.mp4": "libx264",
    "hevc.mp4": "libx265",
    "jpeg.mkv": "mjpeg",
    "png.mov": "png",
}
SIDE, LIMIT = 5120, 4096 * 2304


@pytest.mark.parametrize("name", BOMBS)
def test_row_14_a_bomb_is_refused_from_its_header(tmp_path: Path, name: str) -> None:
    path = flat(tmp_path / name, BOMBS[name], SIDE)
    code, kilobytes, message = peak_memory("--max-pixels", LIMIT, path, tmp_path / "out.mkv")
    assert code == 4
    # The decoders of still pictures forget the size of those that they may not decode
    size = "" if BOMBS[name] in {"mjpeg", "png"} else f"{SIDE}x{SIDE} exceed"
    for words in (size, f"exceed the limit of {LIMIT} pixels", "--max-pixels"):
        assert words in message
    # The command needs 55 MB for itself, a frame 40 MB, and decoders hold several
    assert kilobytes < 85 * 2**10
    assert list(contents(tmp_path)) == [name]


@pytest.mark.parametrize("name", ["h264.mkv", "png.mov"])
def test_row_14_the_limit_can_be_raised_and_lowered(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    flat(tmp_path / name, BOMBS[name], 1040)
    for limit in (1040 * 1040 - 1, 256 * 256):
        says = [name, f"exceed the limit of {limit} pixels; raise it with --max-pixels"]
        options = ["--max-pixels", str(limit)]
        assert_refused(rlcodec, tmp_path, *options, name, "out.mkv", code=4, says=says)
    assert_works(rlcodec, tmp_path, name, "out.mkv", *FAST, "--max-pixels", str(1040 * 1040))


def test_row_14_a_header_that_lies_does_not_help(rlcodec: Command, tmp_path: Path) -> None:
    path = flat(tmp_path / "in.mkv", "libx264", 1040)
    data = path.read_bytes()
    for side in (b"\xb0\x82\x04\x10", b"\xba\x82\x04\x10"):  # PixelWidth, PixelHeight
        assert data.count(side) == 1
        data = data.replace(side, side[:2] + (64).to_bytes(2))
    path.write_bytes(data)
    for limit in (1040 * 1040 - 1, 64 * 64):
        options = ["--max-pixels", str(limit)]
        says = ["in.mkv", f"exceed the limit of {limit} pixels", "--max-pixels"]
        assert_refused(rlcodec, tmp_path, *options, "in.mkv", "out.mkv", code=4, says=says)


def test_row_14_other_pictures_in_the_file_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as container:
        streams = []
        for codec, pix_fmt, pictures in (
            ("libx264", "yuv420p", moving(COUNT, width=128, height=96)),
            ("png", "gray", [np.full((SIDE, SIDE), 128, np.uint8)]),
        ):
            stream = container.add_stream(codec, rate=RATE)
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = pictures[0].shape
            stream.pix_fmt = pix_fmt
            streams.append((stream, list(as_frames(pictures, pix_fmt=pix_fmt))))
        for stream, pictures_of_it in streams:
            for frame in pictures_of_it:
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    code, kilobytes, message = peak_memory("--max-pixels", LIMIT, path, tmp_path / "out.mkv", *FAST)
    assert code == 0, message
    assert "video stream 1 (png) is left out" in message
    assert kilobytes < 110 * 2**10
    assert frames(tmp_path / "out.mkv") == COUNT
