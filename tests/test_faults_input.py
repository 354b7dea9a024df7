"""Rows of the fault table on the input: truncated, damaged, other files named, far too large."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import moving, video_stamps, write
from tests.conftest import Command
from tests.folder import FAST, assert_refused, assert_works, contents, from_zero

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
    if codec == "mjpeg":  # inside a frame, which the decoder would conceal
        damage(path, at=0.52, count=100)
    elif codec == "libx264":  # inside a keyframe: in a small frame garbage may pass for a picture
        damage(path, at=0.6)
    else:
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


@pytest.mark.parametrize("where", [0.5, 0.9])
def test_row_03_frames_that_the_demuxer_skips_are_missed(
    rlcodec: Command, tmp_path: Path, where: float
) -> None:
    # FFmpeg passes from a block that makes no sense to the next cluster, or to the end
    path = make(tmp_path / "in.mkv")
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    start = positions[int(COUNT * where)]
    assert start is not None
    data = bytearray(path.read_bytes())
    data[start - 8 : start] = bytes(8)
    path.write_bytes(data)
    assert frames(path) < COUNT
    says = ["in.mkv: is damaged at ", "--allow-truncated"]
    assert_refused(rlcodec, tmp_path, "in.mkv", "out.mkv", code=4, says=says)
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mkv", *FAST, "--allow-truncated")
    assert "1 x gap in the file" in done.stderr


def test_row_03_damaged_sound_is_no_secret(rlcodec: Command, tmp_path: Path) -> None:
    path = make(tmp_path / "in.ts", audio_s=2.4)
    with av.open(str(path)) as container:
        streams = [stream.type for stream in container.streams]
        assert streams == ["video", "audio"]
    data = path.read_bytes()
    pid = 0x101  # of the second stream, and without the flag of where a packet of sound begins
    packets_of_sound = [
        at
        for at in range(0, len(data), 188)
        if int.from_bytes(data[at + 1 : at + 3]) & 0x5FFF == pid
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


def test_row_02_further_elements_of_matroska_are_no_gap(rlcodec: Command, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mkv", moving(20)).read_bytes()
    # Of a number that nobody has given away yet (RFC 8794, 8.1), behind everything else
    further = b"\x1f\xed\xca\x01" + b"\x84" + b"more"
    place = whole.index(b"\x18\x53\x80\x67")
    length = int.from_bytes(whole[place + 5 : place + 12]) + len(further)
    longer = b"\x01" + length.to_bytes(7, "big")
    path = tmp_path / "in.mkv"
    path.write_bytes(whole[: place + 4] + longer + whole[place + 12 :] + further)
    assert_works(rlcodec, tmp_path, "in.mkv", "out.mkv")
