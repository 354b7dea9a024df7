"""Rows of the fault table on the input: truncated, damaged, other files named, far too large."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import moving, video_stamps, write
from tests.conftest import RLCODEC, Command
from tests.folder import assert_refused, assert_works, contents, from_zero

FAST = ("--preset", "superfast")
COUNT = 60


def make(path: Path, *, codec: str = "libx264", group: int = 12, audio_s: float = 0.0) -> Path:
    """A clip of `COUNT` frames with a keyframe every `group`."""
    options = {"g": str(group)}
    pictures = moving(COUNT, width=128, height=96)
    return write(path, pictures, codec=codec, options=options, audio_s=audio_s)


def cut(path: Path, share: float) -> int:
    """Keep the first part of a file, and say how many bytes that is."""
    whole = path.read_bytes()
    kept = int(len(whole) * share) // 188 * 188 + 100  # in the middle of a packet of TS
    path.write_bytes(whole[:kept])
    return kept


def frames(path: Path) -> int:
    return len(video_stamps(path))


def packets(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(bool(packet.size) for packet in container.demux(video=0))


def with_index_first(path: Path) -> Path:
    """An MP4 whose index precedes its media."""
    source = make(path.with_suffix(".mkv"), audio_s=2.4)
    with (
        av.open(str(source)) as reader,
        av.open(str(path), "w", container_options={"movflags": "+faststart"}) as writer,
    ):
        copies = {
            stream.index: writer.add_stream_from_template(stream) for stream in reader.streams
        }
        for packet in reader.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                writer.mux(packet)
    source.unlink()
    return path


def in_fragments(path: Path) -> Path:
    """An MP4 in fragments, as streams are recorded."""
    source = make(path.with_suffix(".mkv"))
    options = {"movflags": "+frag_keyframe+empty_moov"}
    with (
        av.open(str(source)) as reader,
        av.open(str(path), "w", container_options=options) as writer,
    ):
        copy = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                writer.mux(packet)
    source.unlink()
    return path


TRUNCATED: dict[str, Callable[[Path], Path]] = {
    "in.mkv": make,
    "in.webm": lambda path: make(path, codec="libvpx-vp9"),
    "in.ts": make,
    "in.m2ts": make,
    "in.avi": lambda path: make(path, codec="mpeg4", group=1),
    "in.ogg": lambda path: make(path, codec="libvpx"),
    "first.mp4": with_index_first,
    "fragments.mp4": in_fragments,
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_row_02_a_truncated_file_is_refused(rlcodec: Command, tmp_path: Path, name: str) -> None:
    kept = cut(TRUNCATED[name](tmp_path / name), 0.6)
    says = [name, "is truncated", f"{kept:,} of at least", "--allow-truncated"]
    assert_refused(rlcodec, tmp_path, name, "out.mkv", code=4, says=says)


@pytest.mark.parametrize("name", TRUNCATED)
def test_row_02_what_is_there_of_it_can_be_taken(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    path = TRUNCATED[name](tmp_path / name)
    whole = from_zero(path)
    kept = cut(path, 0.6)
    done = rlcodec("transcode", name, "out.mkv", *FAST, "--allow-truncated")
    assert done.returncode == 0, done.stderr
    assert f"the input is truncated: only the first {kept:,} of at least" in done.stderr
    taken = from_zero(tmp_path / "out.mkv")
    assert COUNT / 4 < len(taken) < COUNT
    assert len(taken) >= packets(path) - 2  # the last may be in pieces
    for was, now in zip(whole, taken, strict=False):
        assert abs(was - now) <= Fraction(1, 1000)


@pytest.mark.parametrize("name", TRUNCATED)
def test_row_02_a_whole_file_is_not_called_truncated(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    path = TRUNCATED[name](tmp_path / name)
    if not name.endswith("ts"):  # which is made of packets to its end
        path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
    done = assert_works(rlcodec, tmp_path, name, "out.mkv", *FAST)
    assert "truncated" not in done.stderr
    assert frames(tmp_path / "out.mkv") == COUNT


def test_row_02_zeros_in_place_of_the_end_are_found(rlcodec: Command, tmp_path: Path) -> None:
    # What a download that reserves its space leaves behind
    path = make(tmp_path / "in.mkv")
    whole = len(path.read_bytes())
    path.write_bytes(path.read_bytes()[: whole // 2] + bytes(whole - whole // 2))
    says = ["in.mkv", "is truncated", f"of at least {whole:,} bytes"]
    assert_refused(rlcodec, tmp_path, "in.mkv", "out.mkv", code=4, says=says)


def test_row_02_flv_is_measured_by_the_seconds_that_it_declares(
    rlcodec: Command, tmp_path: Path
) -> None:
    path = make(tmp_path / "in.flv")
    assert_works(rlcodec, tmp_path, "in.flv", "whole.mkv", *FAST)
    cut_between_packets(path)
    says = ["in.flv", "is truncated: it ends at 1.", "of 2.", "--allow-truncated"]
    assert_refused(rlcodec, tmp_path, "in.flv", "out.mkv", code=4, says=says)
    done = assert_works(rlcodec, tmp_path, "in.flv", "out.mkv", *FAST, "--allow-truncated")
    assert "the input is truncated: it ends at 1." in done.stderr


def cut_between_packets(path: Path) -> None:
    """Keep 30 frames of a file, and not one byte more."""
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    assert positions[30] is not None
    path.write_bytes(path.read_bytes()[: positions[30]])


@pytest.mark.parametrize("name", ["in.mkv", "first.mp4"])
def test_row_02_a_pipe_that_ends_early_is_found(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    path = TRUNCATED[name](tmp_path / name)
    whole = path.read_bytes()
    part = whole[: len(whole) // 2]
    before = contents(tmp_path)
    done = rlcodec("transcode", "-", "out.mkv", *FAST, stdin=part)
    assert done.returncode == 4
    assert done.stderr.startswith("rlcodec: error: standard input: is ")
    assert "--allow-truncated" in done.stderr
    assert contents(tmp_path) == before
    done = rlcodec("transcode", "-", "out.mkv", *FAST, "--allow-truncated", stdin=part)
    assert done.returncode == 0, done.stderr
    assert "the input is truncated: it ends at 1." in done.stderr
    assert COUNT / 4 < frames(tmp_path / "out.mkv") < COUNT


def test_row_02_an_mp4_whose_index_was_cut_off_says_so(rlcodec: Command, tmp_path: Path) -> None:
    kept = cut(make(tmp_path / "in.mp4"), 0.5)
    for options in ([], ["--allow-truncated"]):
        says = ["in.mp4", "is not a video that can be read", f"only the first {kept:,} of"]
        assert_refused(rlcodec, tmp_path, *options, "in.mp4", "out.mkv", code=4, says=says)


def damage(path: Path, *, at: float, count: int = 400) -> None:
    """Overwrite bytes of a file, from this share of its length on, with random ones."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + count] = np.random.default_rng(1).bytes(count)
    path.write_bytes(data)


DAMAGED = {
    "h264.mkv": "libx264",
    "h264.mp4": "libx264",
    "h264.ts": "libx264",
    "mpeg2.ts": "mpeg2video",
    "mpeg4.avi": "mpeg4",
    "mjpeg.avi": "mjpeg",
    "prores.mov": "prores_ks",
    "av1.mp4": "libsvtav1",
}


def make_damaged(path: Path) -> Path:
    codec = DAMAGED[path.name]
    pix_fmt = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(codec, "yuv420p")
    options = {"g": "12"} | ({"preset": "12"} if codec == "libsvtav1" else {})
    pictures = moving(COUNT, width=128, height=96)
    write(path, pictures, codec=codec, options=options, pix_fmt=pix_fmt)
    damage(path, at=0.5)
    return path


@pytest.mark.parametrize("name", DAMAGED)
def test_row_03_damage_is_refused_with_its_time(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    make_damaged(tmp_path / name)
    done = rlcodec("transcode", name, "out.mkv", *FAST)
    assert done.returncode == 4, done.stderr
    assert f"rlcodec: error: {name}: is damaged at " in done.stderr
    assert "--allow-truncated takes what can be decoded" in done.stderr
    assert list(contents(tmp_path)) == [name]


@pytest.mark.parametrize("name", DAMAGED)
def test_row_03_what_can_be_decoded_is_taken_and_the_rest_counted(
    rlcodec: Command, tmp_path: Path, name: str
) -> None:
    make_damaged(tmp_path / name)
    before = contents(tmp_path)
    done = rlcodec("transcode", name, "out.mkv", *FAST, "--allow-truncated")
    assert done.returncode == 0, done.stderr
    after = contents(tmp_path)
    assert after.pop("out.mkv")
    assert after == before
    assert frames(tmp_path / "out.mkv") > COUNT / 2
    if name != "mjpeg.avi":  # whose decoder tells of damage or conceals it
        assert "the input is damaged: " in done.stderr
        assert " x " in done.stderr


@pytest.mark.parametrize("left_out", [None, 26])
def test_row_03_frames_that_the_decoder_skips_are_missed(
    rlcodec: Command, tmp_path: Path, left_out: int | None
) -> None:
    source = make(tmp_path / "whole.mkv", codec="libx265", group=24)
    with av.open(str(source)) as reader, av.open(str(tmp_path / "in.mkv"), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0])
        for number, packet in enumerate(reader.demux(video=0)):
            if packet.size and number != left_out:
                packet.stream = copy
                writer.mux(packet)
    if left_out is None:
        assert_works(rlcodec, tmp_path, "in.mkv", "out.mkv", *FAST)
        return
    says = ["in.mkv: is damaged at 1.", "lost frame", "--allow-truncated"]
    assert_refused(rlcodec, tmp_path, "in.mkv", "out.mkv", code=4, says=says)
    done = rlcodec("transcode", "in.mkv", "out.mkv", *FAST, "--allow-truncated")
    assert done.returncode == 0, done.stderr
    lost = COUNT - 1 - frames(tmp_path / "out.mkv")
    assert lost > 0
    assert f"the input is damaged: {lost} x lost frame; first at 1." in done.stderr


def test_row_03_damaged_sound_is_no_secret(rlcodec: Command, tmp_path: Path) -> None:
    path = make(tmp_path / "in.ts", audio_s=2.4)
    with av.open(str(path)) as container:
        streams = [stream.type for stream in container.streams]
        assert streams == ["video", "audio"]
    data = path.read_bytes()
    pid = 0x101  # of the second stream
    packets_of_sound = [
        at
        for at in range(0, len(data), 188)
        if int.from_bytes(data[at + 1 : at + 3]) & 0x1FFF == pid
    ]
    lost = packets_of_sound[len(packets_of_sound) // 2]
    path.write_bytes(data[:lost] + data[lost + 188 :])
    says = ["in.ts: is damaged at ", "incomplete audio packet", "--allow-truncated"]
    assert_refused(rlcodec, tmp_path, "in.ts", "out.mkv", code=4, says=says)
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", *FAST, "--allow-truncated")
    assert "x incomplete audio packet" in done.stderr
    assert_works(rlcodec, tmp_path, "in.ts", "silent.mkv", *FAST, "--no-audio")


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_row_03_a_recording_from_the_middle_is_not_damaged(
    rlcodec: Command, tmp_path: Path, codec: str
) -> None:
    path = make(tmp_path / "in.ts", codec=codec)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        sixth = [packet.pos for packet in container.demux(video=0) if packet.size][5]
    assert sixth is not None
    path.write_bytes(data[sixth:])
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", *FAST)
    assert "damaged" not in done.stderr
    assert "the input begins in the middle: the first 7 of its frames need earlier" in done.stderr
    assert frames(tmp_path / "out.mkv") == COUNT - 12


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
    says = [name, "no such file"]
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
    record = struct.pack(">4s6x28s12x64s16xHH16x", bytes(4), b"\1v", b"\1f", 1, 1)
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
    write(path, [np.full((side, side), 128, np.uint8)], codec=codec, pix_fmt=pix_fmt)
    assert path.stat().st_size < 2**20
    return path


def peak_memory(*arguments: str | Path) -> tuple[int, int, str]:
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
    "png.mkv": "png",
}
SIDE = 6400


@pytest.mark.parametrize("name", BOMBS)
def test_row_14_a_bomb_is_refused_from_its_header(tmp_path: Path, name: str) -> None:
    path = flat(tmp_path / name, BOMBS[name], SIDE)
    code, kilobytes, message = peak_memory(path, tmp_path / "out.mkv", *FAST)
    assert code == 4
    # The decoders of still pictures forget the size of those that they may not decode
    size = "" if "gray" in name or BOMBS[name] in {"mjpeg", "png"} else f"{SIDE}x{SIDE} exceed"
    for words in (size, "exceed the limit of 35651584 pixels", "--max-pixels"):
        assert words in message
    # A frame has 60 MB, and decoders hold several
    assert kilobytes < 110 * 2**10
    assert list(contents(tmp_path)) == [name]


@pytest.mark.parametrize("name", ["h264.mkv", "png.mkv"])
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
    flat(tmp_path / "cover.png.mkv", "png", SIDE)
    make(tmp_path / "film.mkv")
    path = tmp_path / "in.mkv"
    with (
        av.open(str(tmp_path / "film.mkv")) as film,
        av.open(str(tmp_path / "cover.png.mkv"), options={"max_pixels": "1"}) as cover,
        av.open(str(path), "w") as writer,
    ):
        for reader in (film, cover):
            copy = writer.add_stream_from_template(reader.streams.video[0])
            if reader is cover:
                copy.codec_context.width = copy.codec_context.height = SIDE
            for packet in reader.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    writer.mux(packet)
    code, kilobytes, message = peak_memory(path, tmp_path / "out.mkv", *FAST)
    assert code == 0, message
    assert "video stream 1 is left out" in message
    assert kilobytes < 140 * 2**10
    assert frames(tmp_path / "out.mkv") == COUNT
