"""Sound and subtitles beside the picture: copied where the container can hold them, and in sync."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

import rlcodec
from tests.clips import moving, write

TICK = Fraction(1, 1000)


def add_streams(
    path: Path, target: Path, *, sound: str | None = None, text: str | None = None
) -> Path:
    """Remux a clip with two seconds of sound in one codec and three lines of text in another."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        video = container.add_stream_from_template(source.streams.video[0])
        tone = container.add_stream(sound, rate=48000) if sound else None
        lines = container.add_mux_stream(text, time_base=TICK) if text else None
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        for packet in packets:
            packet.stream = video
            container.mux(packet)
        if tone is not None:
            assert isinstance(tone, AudioStream)
            size = tone.codec_context.frame_size or 1152
            kind = tone.codec_context.format.name
            for start in range(0, 96000, size):
                wave = np.sin(np.arange(start, start + size) / 20).astype(np.float32) / 4
                frame = av.AudioFrame.from_ndarray(np.stack([wave] * 2), "fltp", "stereo")
                frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
                resampler = av.AudioResampler(kind, "stereo", 48000)
                for ready in resampler.resample(frame):
                    container.mux(tone.encode(ready))
            container.mux(tone.encode(None))
        for number in range(3 if lines is not None else 0):
            said = av.Packet(f"line {number}".encode())
            assert lines is not None
            said.stream, said.time_base = lines, TICK
            said.pts = said.dts = 500 * number
            said.duration = 400
            container.mux(said)
    return target


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


def payloads(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(each) for each in container.demux() if each.stream.type == kind and each.size]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return write(tmp_path / "plain.mkv", moving(50))


@pytest.mark.parametrize(
    ("sound", "text", "kept"),
    [
        ("libmp3lame", "subrip", ["h264", "mp3", "subrip"]),
        ("aac", "ass", ["h264", "aac", "ass"]),
        ("ac3", "webvtt", ["h264", "ac3", "webvtt"]),
        ("flac", None, ["h264", "flac"]),
    ],
)
def test_mkv_keeps_sound_and_text(
    plain: Path, tmp_path: Path, sound: str, text: str | None, kept: list[str]
) -> None:
    source = add_streams(plain, tmp_path / "in.mkv", sound=sound, text=text)
    result = rlcodec.transcode(source, tmp_path / "out.mkv")
    assert kinds(tmp_path / "out.mkv") == kept
    assert payloads(tmp_path / "out.mkv", "audio") == payloads(source, "audio")
    assert payloads(tmp_path / "out.mkv", "subtitle") == payloads(source, "subtitle")
    assert not [notice for notice in result.notices if "left out" in notice]


def test_mp4_gets_text_in_its_own_form(plain: Path, tmp_path: Path) -> None:
    source = add_streams(plain, tmp_path / "in.mkv", sound="libmp3lame", text="subrip")
    result = rlcodec.transcode(source, tmp_path / "out.mp4")
    assert kinds(tmp_path / "out.mp4") == ["h264", "mp3", "mov_text"]
    said = [text for text in payloads(tmp_path / "out.mp4", "subtitle") if text != bytes(2)]
    assert said == [b"\x00\x06line %d" % number for number in range(3)]
    assert result.notices == (
        "subtitle stream 2 (subrip) becomes mov_text: .mp4 files cannot hold it",
    )


def test_streams_can_be_left_out(plain: Path, tmp_path: Path) -> None:
    source = add_streams(plain, tmp_path / "in.mkv", sound="aac", text="subrip")
    rlcodec.transcode(source, tmp_path / "out.mkv", audio=False, subtitles=False)
    assert kinds(tmp_path / "out.mkv") == ["h264"]


def test_aac_goes_from_ts_to_mp4(plain: Path, tmp_path: Path) -> None:
    source = add_streams(plain, tmp_path / "in.ts", sound="aac")
    rlcodec.transcode(source, tmp_path / "out.mp4")
    assert kinds(tmp_path / "out.mp4") == ["h264", "aac"]


def starts(path: Path) -> dict[str, Fraction]:
    """The first timestamp of each kind of stream, in seconds."""
    first: dict[str, Fraction] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is not None:
                at = packet.pts * packet.time_base
                first[packet.stream.type] = min(at, first.get(packet.stream.type, at))
    return first


@pytest.mark.parametrize("fps", [None, 25, Fraction(30000, 1001)])
def test_sound_and_picture_move_by_the_same(tmp_path: Path, fps: Fraction | None) -> None:
    stamps = [7000 + 40 * number for number in range(50)]
    source = write(
        tmp_path / "in.mkv",
        moving(50),
        time_base=TICK,
        stamps=stamps,
        audio_s=2.0,
        audio_start_s=6.993,
    )
    rlcodec.transcode(source, tmp_path / "out.mkv", fps=fps)
    was, now = starts(source), starts(tmp_path / "out.mkv")
    before, after = was["audio"] - was["video"], now["audio"] - now["video"]
    # A constant rate puts the picture on its grid, by up to half a frame
    grid = Fraction(1, 2) / fps if fps else 0
    assert abs(after - before) <= TICK + grid
    assert abs(now["audio"]) < Fraction(1, 20)


def test_sound_lies_beside_its_picture_in_the_file(tmp_path: Path) -> None:
    stamps = [36_000_000 + 40 * number for number in range(300)]
    source = write(
        tmp_path / "in.mkv",
        moving(300, width=128, height=96),
        time_base=TICK,
        stamps=stamps,
        audio_s=12.0,
        audio_start_s=36_000.0,
    )
    rlcodec.transcode(source, tmp_path / "out.mkv", preset="veryfast")
    seen = {"video": Fraction(0), "audio": Fraction(0)}
    with av.open(str(tmp_path / "out.mkv")) as container:
        for packet in container.demux():
            if packet.dts is not None:
                seen[packet.stream.type] = packet.dts * packet.time_base
                assert abs(seen["video"] - seen["audio"]) < 1
