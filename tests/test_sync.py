"""Sound stays with its picture to 5 ms, copied or encoded anew, whatever the encoders prepend."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

import rlcodec
from tests import films
from tests.clips import moving, write

SUFFIXES = ["mp4", "mkv", "mov", "ts"]


def skew(path: Path) -> list[float]:
    """How much later than its flash each click comes, in seconds."""
    seen, heard = films.flashes(path), films.clicks(path)
    assert len(seen) == len(heard) == 2
    return [late - float(flash) for flash, late in zip(seen, heard, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sync")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("aac.mp4", ["-c:a", "aac"]),
        ("aac44.mkv", ["-c:a", "aac", "-ar", "44100"]),
        ("aac.ts", ["-c:a", "aac"]),
        ("opus.mkv", ["-c:a", "libopus"]),
        ("mp3.mp4", ["-c:a", "libmp3lame"]),
        ("ac3.ts", ["-c:a", "ac3"]),
        # None of these is held by every container
        ("pcm22.mov", ["-c:a", "pcm_s16le", "-ar", "22050"]),
        ("mulaw.mov", ["-c:a", "pcm_mulaw"]),
        ("flac96.mkv", ["-c:a", "flac", "-ar", "96000"]),
        ("vorbis.mkv", ["-c:a", "libvorbis"]),
    ],
)
def test_clicks_come_with_their_flashes(
    folder: Path, tmp_path: Path, name: str, sound: list[str], suffix: str
) -> None:
    source = folder / name
    if not source.exists():
        films.flash_and_click(source, "-c:v", "libx264", *sound)
    assert max(map(abs, skew(source))) < 0.005
    rlcodec.transcode(source, tmp_path / f"out.{suffix}", preset="ultrafast", policy="fixed")
    assert max(map(abs, skew(tmp_path / f"out.{suffix}"))) < 0.005


def test_frames_of_avi_come_in_time_however_far_they_were_reordered(tmp_path: Path) -> None:
    seen = []
    for name, codec in ("one", ["mpeg4", "-bf", "2"]), ("more", ["libx264", "-bf", "3"]):
        source, target = tmp_path / f"{name}.avi", tmp_path / f"{name}.mkv"
        films.flash_and_click(source, "-c:a", "pcm_s16le", "-g", "50", "-c:v", *codec)
        result = rlcodec.transcode(source, target, preset="ultrafast", policy="fixed")
        assert not [notice for notice in result.notices if "set anew" in notice]
        seen.append(skew(target))
    assert seen[1] == pytest.approx(seen[0], abs=0.005)


def add_sound(picture: Path, path: Path, blocks: Sequence[int], click: int | None = None) -> Path:
    """Remux a clip with a tenth of a second of silence, in PCM, at each of these samples.

    The block at sample `click` begins with a click.
    """
    with av.open(str(picture)) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        tone = target.add_stream("pcm_s16be", rate=48000, layout="stereo")
        assert isinstance(tone, AudioStream)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        for start in blocks:
            block = np.zeros((1, 9600), np.int16)
            if start == click:
                block[:, :120] = 30000
            frame = av.AudioFrame.from_ndarray(block, "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            target.mux(tone.encode(frame))
        target.mux(tone.encode(None))
    return path


def gapped(path: Path) -> Path:
    """A clip whose sound, in PCM, is missing from 0.8 s to 1.6 s, and clicks at 2 s."""
    dark, white = (np.full((144, 256), level, np.uint8) for level in (40, 230))
    picture = write(path.with_suffix(".tmp.mkv"), [*[dark] * 50, *[white] * 5])
    blocks = [start for start in range(0, 110400, 4800) if not 38400 <= start < 76800]
    return add_sound(picture, path, blocks, click=96000)


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_gap_in_the_sound_becomes_silence(tmp_path: Path, suffix: str) -> None:
    source = gapped(tmp_path / "in.mkv")
    rlcodec.transcode(source, tmp_path / f"out.{suffix}", preset="ultrafast", policy="fixed")
    shown = films.flashes(tmp_path / f"out.{suffix}")[0]
    assert films.clicks(tmp_path / f"out.{suffix}")[0] == pytest.approx(float(shown), abs=0.005)


@pytest.mark.parametrize(
    ("channels", "suffix", "bit_rate"), [(1, "mov", 96), (6, "mov", 448), (8, "ts", 576)]
)
def test_channels_are_kept(tmp_path: Path, channels: int, suffix: str, bit_rate: int) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out.{suffix}"
    noise = "|".join("random(0)/4" for _ in range(channels))
    layout = {1: "mono", 6: "5.1", 8: "7.1"}[channels]
    films.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=d=1:s=128x96", "-f", "lavfi"),
        *("-i", f"aevalsrc={noise}:c={layout}:d=3:s=48000", "-c:a", "flac", source),
    )
    result = rlcodec.transcode(source, target, preset="ultrafast", policy="fixed")
    assert f"becomes AAC at {bit_rate} kbit/s" in result.notices[0]
    with av.open(str(target)) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.codec.canonical_name == "aac"
        assert sound.codec_context.layout.name == layout
        size = sum(packet.size for packet in container.demux(sound))
    with av.open(str(target)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples >= 3 * 48000  # the encoder's own tail included
    assert 8 * size / 3 == pytest.approx(1000 * bit_rate, rel=0.25)


def test_channels_that_mpeg_ts_cannot_number_are_encoded_anew(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.ts"
    films.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=d=1:s=128x96", "-f", "lavfi"),
        *("-i", "anoisesrc=a=0.2:d=1:r=48000,pan=7.1|" + "|".join(f"c{n}=c0" for n in range(8))),
        *("-c:a", "aac", source),
    )
    # Configurations 7 and 12 have the same channels, at other places of the room
    whole, seven, twelve = source.read_bytes(), b"\x11\xb8\x56\xe5", b"\x11\xe0\x56\xe5"
    assert seven in whole or twelve in whole
    source.write_bytes(whole.replace(seven, twelve))
    result = rlcodec.transcode(source, target, preset="ultrafast", policy="fixed")
    assert any("files cannot hold it with its channels" in each for each in result.notices)
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.layout.name == "7.1"
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 48000


def test_damaged_sound_is_counted(tmp_path: Path) -> None:
    source = films.flash_and_click(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", "flac")
    whole = source.read_bytes()
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    for packet in packets[5:8]:
        whole = whole.replace(packet, packet[:2] + bytes(len(packet) - 2))
    source.write_bytes(whole)
    result = rlcodec.transcode(source, tmp_path / "out.mov", preset="ultrafast", policy="fixed")
    assert any(
        note.startswith("stream 1:") and "packets are damaged" in note for note in result.notices
    )
    assert max(map(abs, skew(tmp_path / "out.mov"))) < 0.005


def test_the_index_comes_first_in_mp4(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", moving(30), audio_s=1.0)
    for suffix in "mp4", "mov":
        rlcodec.transcode(source, tmp_path / f"out.{suffix}", preset="ultrafast", policy="fixed")
        whole = (tmp_path / f"out.{suffix}").read_bytes()
        assert 0 < whole.index(b"moov") < whole.index(b"mdat")


def test_what_an_edit_list_cuts_off_stays_cut_off(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    films.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=160x96:d=4:r=25", "-f", "lavfi"),
        *("-i", "sine=440:r=48000:d=4", "-c:v", "libx264", "-g", "10", "-c:a", "aac", whole),
    )
    films.ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", cut)
    rlcodec.transcode(cut, tmp_path / "out.mkv", preset="ultrafast", policy="fixed")
    with av.open(str(tmp_path / "out.mkv")) as container:
        first = next(packet for packet in container.demux(video=0) if packet.pts is not None)
        # Two packets of sound before it at most: the one begun before the cut, and its primer
        assert first.pts is not None
        assert first.pts * first.time_base < Fraction(50, 1000)


def test_hours_without_sound_are_not_filled(tmp_path: Path) -> None:
    dark = [np.full((96, 128), 40, np.uint8)] * 50
    hour = 3600_000
    stamps = [40 * number + (number >= 25) * hour for number in range(50)]
    picture = write(tmp_path / "video.mkv", dark, time_base=Fraction(1, 1000), stamps=stamps)
    blocks = [4800 * number + (number >= 10) * 3600 * 48000 for number in range(20)]
    source = add_sound(picture, tmp_path / "in.mkv", blocks)
    rlcodec.transcode(source, tmp_path / "out.ts", preset="ultrafast", policy="fixed")
    with av.open(str(tmp_path / "out.ts")) as container:
        sound = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert len(sound) < 120
    assert (sound[-1] - sound[0]) / 90000 == pytest.approx(3602.0, abs=0.05)


def test_four_channels_stay_where_they_are(tmp_path: Path) -> None:
    source = tmp_path / "in.mov"
    films.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=d=1:s=128x96", "-f", "lavfi"),
        *("-i", "aevalsrc=0.1|0.2|0.3|0.2:c=quad:d=1", "-c:a", "pcm_mulaw", source),
    )
    for suffix in "mkv", "mp4":
        target = tmp_path / f"out.{suffix}"
        rlcodec.transcode(source, target, preset="ultrafast", policy="fixed")
        with av.open(str(target)) as container:
            assert container.streams.audio[0].layout.name == "quad"
