"""Traps of PyAV and the encoders, each looked for in the file that comes out."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

import rlcodec
from rlcodec.media.clock import to_ticks
from tests import clips
from tests.conftest import Command
from tests.encodes import encode
from tests.folder import RULE

FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


def payload(path: Path, kind: str = "video") -> list[bytes]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [bytes(packet) for packet in container.demux(streams) if packet.size]


def keyframes(path: Path) -> list[int]:
    """Numbers of the keyframes in display order."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    packets.sort(key=lambda packet: packet.pts or 0)
    return [number for number, packet in enumerate(packets) if packet.is_keyframe]


@pytest.mark.parametrize("policy", ["fixed", "rule"])
def test_threads_do_not_slice_the_picture(tmp_path: Path, policy: str) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(12))
    rlcodec.transcode(source, tmp_path / "out.mkv", policy=policy, encoder_options={"threads": "2"})
    first = payload(tmp_path / "out.mkv")[0]
    assert b" threads=2 " in first
    assert b" sliced_threads=0 " in first


@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_picture_types_of_the_source_are_forgotten(tmp_path: Path, codec: str) -> None:
    options = {"x264-params": "keyint=5:min-keyint=5"} if codec == "libx264" else {"g": "1"}
    source = clips.write(tmp_path / "in.mkv", clips.shots([30, 31]), codec=codec, options=options)
    assert len(keyframes(source)) >= 13

    rlcodec.transcode(source, tmp_path / "out.mkv", policy="fixed")

    untyped = encode("libx264", clips.decoded(source), crf=23).packets
    expected = [packet.pts for packet in untyped if packet.is_keyframe]
    assert expected == [0, 30]
    assert keyframes(tmp_path / "out.mkv") == expected


VARIABLE = [0, 1, 2, 10, 11, 13, 40, 41, 42, 43, 70, 71, 90, 91, 92, 97]
CLOCKS = {
    "23.976": (FILM, 1 / FILM, list(range(30))),
    "29.97": (NTSC, 1 / NTSC, list(range(30))),
    "60": (Fraction(60), Fraction(1, 60), list(range(30))),
    "12.5": (Fraction(25, 2), Fraction(2, 25), list(range(30))),
    "variable": (Fraction(25), Fraction(1, 600), [7 * stamp for stamp in VARIABLE]),
    "late start": (Fraction(25), Fraction(1, 25), list(range(250, 280))),
    "early start": (FILM, 1 / FILM, list(range(-5, 25))),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    # What the file's own ticks allow: none, and half of one for the frame and half for the shift
    [("mp4", Fraction(0)), ("ts", Fraction(1, 90000)), ("mkv", Fraction(1, 1000))],
)
def test_timestamps_are_kept(tmp_path: Path, clock: str, suffix: str, tolerance: Fraction) -> None:
    rate, time_base, stamps = CLOCKS[clock]
    source = clips.write(
        tmp_path / "in.nut",
        clips.moving(len(stamps)),
        rate=rate,
        time_base=time_base,
        stamps=stamps,
    )
    expected = clips.video_stamps(source)
    steps = [stamp * time_base - stamps[0] * time_base for stamp in stamps]
    assert [stamp - expected[0] for stamp in expected] == steps

    target = tmp_path / f"out.{suffix}"
    result = rlcodec.transcode(source, target)

    written = clips.video_stamps(target)
    assert len(written) == len(expected)
    assert result.shift == written[0] - expected[0]
    for was, now in zip(expected, written, strict=True):
        assert abs(now - was - result.shift) <= tolerance
    if suffix == "mp4":
        assert written[0] == 0
        if clock != "variable":
            with av.open(str(target)) as container:
                assert container.streams.video[0].average_rate == rate


def test_a_long_last_frame_stays_long(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "even.mp4", clips.moving(20), rate=FILM)
    held, target = tmp_path / "held.mp4", tmp_path / "out.mp4"
    with av.open(str(source)) as reader, av.open(str(held), "w") as writer:
        video = reader.streams.video[0]
        copy = writer.add_stream_from_template(video)
        packets = [packet for packet in reader.demux(video) if packet.size]
        packets[-1].duration = to_ticks(Fraction(3), packets[-1].time_base)
        for packet in packets:
            packet.stream = copy
            writer.mux(packet)

    result = rlcodec.transcode(held, target)

    total = 19 / FILM + 3
    assert duration(held) == total
    assert duration(target) == total
    assert result.duration_s == pytest.approx(float(total))


def duration(path: Path) -> Fraction:
    """Seconds of video, as the file's index says."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.duration is not None
        assert video.time_base is not None
        return video.duration * video.time_base


def test_x265_is_quiet(tmp_path: Path, rlcodec: Command) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(8))
    options = ("--codec", "libx265", "--preset", "veryfast", *RULE)
    done = rlcodec("transcode", source, "out.mp4", *options, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["frames"] == 8


@pytest.mark.parametrize(("suffix", "tagged"), [("mp4", True), ("mov", True), ("mkv", False)])
def test_hevc_is_tagged_for_apple_players(tmp_path: Path, suffix: str, tagged: bool) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(4))
    target = tmp_path / f"out.{suffix}"
    rlcodec.transcode(source, target, codec="libx265", preset="ultrafast", policy="fixed")
    with av.open(str(target)) as container:
        assert (container.streams.video[0].codec_context.codec_tag == "hvc1") == tagged


@pytest.mark.parametrize(
    "options",
    [
        {"no-such-option": "1"},
        {"x264-params": "no-such-option=1"},
        {"x264-params": "me=nowhere"},
        {"bf": "many"},
    ],
)
@pytest.mark.parametrize("policy", ["fixed", "rule"])
def test_options_that_the_encoder_does_not_know_are_refused(
    tmp_path: Path, options: dict[str, str], policy: str
) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(2))
    with pytest.raises(rlcodec.SettingsError, match=r"no-such-option|me|bf"):
        rlcodec.transcode(source, tmp_path / "out.mkv", policy=policy, encoder_options=options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("source_suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_audio_is_copied_and_in_sync(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    source = clips.write(
        tmp_path / f"in.{source_suffix}",
        clips.moving(60),
        # The sound begins at two seconds, and the picture after it
        stamps=range(53, 113),
        audio_s=2.4,
        audio_start_s=2.0,
    )
    target = tmp_path / f"out.{suffix}"
    rlcodec.transcode(source, target)

    sound, copied = payload(source, "audio"), payload(target, "audio")
    assert len(sound) > 100
    if suffix == "ts":  # where a header of seven bytes precedes every frame of AAC
        copied = [frame[7:] for frame in copied]
    assert copied == sound
    assert abs(lead(target) - lead(source)) <= Fraction(5, 1000)
    assert lead(source) > Fraction(1, 10)


def lead(path: Path) -> Fraction:
    """By how many seconds the first packet of sound is earlier than the first picture."""
    with av.open(str(path)) as container:
        first: dict[str, Fraction] = {}
        for packet in container.demux():
            if packet.pts is not None:
                stamp = packet.pts * packet.time_base
                kind = packet.stream.type
                first[kind] = min(stamp, first.get(kind, stamp))
    return first["video"] - first["audio"]
