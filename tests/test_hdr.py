"""Deep pictures, their HDR metadata, and what is said where some of it is lost."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

import rlcodec
from rlcodec.media import hdr
from rlcodec.media.capability import inspect
from rlcodec.media.encoder import encoder_options
from rlcodec.media.hdr import Hdr, MasteringDisplay, hdr_of, with_hdr
from rlcodec.media.stated import stated_by
from tests import clips
from tests.bitstreams import DOLBY_VISION_NAL, add_box, dolby_vision, hdr10_plus, sei, write_units
from tests.conftest import Command
from tests.folder import assert_works
from tests.test_equivalence import packets, plain_encode
from tests.test_fidelity import colours, first_frame

P3 = MasteringDisplay(
    ((34000, 16000), (13250, 34500), (7500, 3000)), (15635, 16450), (50, 40000001)
)
BT2020_PQ = (9, 16, 9, 1)
PARAMETERS = {"libx264": "x264-params", "libx265": "x265-params"}


def graded(
    path: Path, parameters: str, *, codec: str = "libx264", pix_fmt: str = "yuv420p10le"
) -> Path:
    """A clip in BT.2020 with PQ, and parameters of its encoder that say more."""
    quiet = "log-level=none:" if codec == "libx265" else ""
    return clips.write(
        path,
        clips.moving(6, width=128, height=96),
        codec=codec,
        pix_fmt=pix_fmt,
        colour=BT2020_PQ,
        options={PARAMETERS[codec]: quiet + parameters},
    )


def shown_by_ffmpeg(path: Path) -> list[str]:
    """What the ffmpeg command says of the HDR metadata of the first frame."""
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-vf", "showinfo", "-frames:v", "1"),
            *("-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    lines = re.findall(r"side data - ((?:Mastering|Content).*)", done.stderr.decode())
    return sorted({line.strip() for line in lines})


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_row_10_hdr10_is_kept(rlcodec: Command, tmp_path: Path, codec: str, suffix: str) -> None:
    source = graded(tmp_path / "in.mkv", f"mastering-display={P3}:cll=1001,402")
    known = shown_by_ffmpeg(source)
    assert len(known) == 2
    options = ("--codec", codec, "--preset", "veryfast")
    done = assert_works(rlcodec, tmp_path, "in.mkv", f"out.{suffix}", *options)
    assert "left out" not in done.stderr
    frame = first_frame(tmp_path / f"out.{suffix}")
    assert frame.format.name == "yuv420p10le"
    assert colours(frame) == BT2020_PQ
    assert hdr_of(frame) == Hdr(P3, (1001, 402))
    assert shown_by_ffmpeg(tmp_path / f"out.{suffix}") == known


WITHOUT_LUMINANCE = MasteringDisplay(P3.primaries, P3.white, (0, 0))
WITHOUT_PRIMARIES = MasteringDisplay(((0, 0),) * 3, (0, 0), P3.luminance)


@pytest.mark.parametrize(
    ("held", "light"),
    [
        (P3, None),
        (None, (1000, 400)),
        (None, (0, 400)),
        (WITHOUT_LUMINANCE, (1, 1)),
        (WITHOUT_PRIMARIES, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_is_not_there_is_not_made_up(
    tmp_path: Path, codec: str, held: MasteringDisplay | None, light: tuple[int, int] | None
) -> None:
    known = [f"mastering-display={held}"] if held else []
    known += [f"cll={light[0]},{light[1]}"] if light else []
    source = graded(tmp_path / "in.mkv", ":".join(known) or "bframes=0")
    assert hdr_of(first_frame(source)) == Hdr(held, light)
    rlcodec.transcode(source, tmp_path / "out.mkv", codec=codec, policy="fixed", preset="ultrafast")
    if codec == "libx265" and held:
        light = light or (0, 0)  # which stands for unknown
    assert hdr_of(first_frame(tmp_path / "out.mkv")) == Hdr(held, light)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_hdr10_is_told_at_every_keyframe(tmp_path: Path, codec: str) -> None:
    source = graded(tmp_path / "in.mkv", f"mastering-display={P3}:cll=1001,402")
    options = {PARAMETERS[codec]: "keyint=2:min-keyint=1"}
    rlcodec.transcode(
        *(source, tmp_path / "out.mp4"),
        codec=codec,
        preset="ultrafast",
        policy="fixed",
        encoder_options=options,
    )
    with av.open(str(tmp_path / "out.mp4")) as container:
        keys = [bytes(packet) for packet in container.demux(video=0) if packet.is_keyframe]
    assert len(keys) == 3
    for key in keys:  # payload types 137 and 144, each with its size
        assert b"\x89\x18" in key
        assert b"\x90\x04\x03\xe9\x01\x92" in key


def test_fractions_become_whole_steps() -> None:
    places = [17, 25, 8, 25, 53, 200, 69, 100, 3, 20, 3, 50, 3127, 10000, 329, 1000]
    data = struct.pack("<22i", *places, 1, 200, 40000001, 10000, 1, 1)
    assert hdr._mastering(data) == P3
    # What is marked as unknown, whatever stands there, such as denominators that nobody has set
    assert hdr._mastering(data[:80] + struct.pack("<2i", 0, 1)) == WITHOUT_PRIMARIES
    assert hdr._mastering(data[:80] + struct.pack("<2i", 1, 0)) == WITHOUT_LUMINANCE
    assert hdr._mastering(bytes(64) + data[64:80] + struct.pack("<2i", 0, 1)) == WITHOUT_PRIMARIES


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_parameters_of_the_user_are_kept_and_come_last(tmp_path: Path, codec: str) -> None:
    source = graded(tmp_path / "in.mkv", f"mastering-display={P3}:cll=1001,402")
    level = "cll" if codec == "libx264" else "max-cll"
    options = {PARAMETERS[codec]: f"scenecut=7:{level}=5,4"}
    rlcodec.transcode(
        source,
        tmp_path / "out.mkv",
        codec=codec,
        policy="fixed",
        preset="medium",
        encoder_options=options,
    )
    assert b" scenecut=7 " in b"".join(data for *_, data in packets(tmp_path / "out.mkv"))
    assert hdr_of(first_frame(tmp_path / "out.mkv")) == Hdr(P3, (5, 4))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_loop_of_the_users_own_keeps_it_too(tmp_path: Path, codec: str) -> None:
    source = graded(tmp_path / "in.mkv", f"mastering-display={P3}:cll=1001,402")
    with av.open(str(source)) as reader, av.open(str(tmp_path / "out.mp4"), "w") as writer:
        video = reader.streams.video[0]
        stream = rlcodec.add_adaptive_stream(writer, template=video, codec=codec, preset="veryfast")
        for frame in reader.decode(video):
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    assert hdr_of(first_frame(tmp_path / "out.mp4")) == Hdr(P3, (1001, 402))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_metadata_changes_nothing_else(tmp_path: Path, codec: str) -> None:
    source = clips.write(
        tmp_path / "in.mkv",
        clips.moving(20, width=128, height=96),
        pix_fmt="yuv420p10le",
        options={"x264-params": f"mastering-display={P3}:cll=1001,402"},
    )
    known = Hdr(P3, (1001, 402))
    options = with_hdr(codec, encoder_options(codec, "veryfast", 27, {}), known)
    plain_encode(source, tmp_path / "plain.mkv", codec, options)
    rlcodec.transcode(
        source, tmp_path / "out.mkv", codec=codec, preset="veryfast", crf=27, policy="fixed"
    )
    assert packets(tmp_path / "out.mkv") == packets(tmp_path / "plain.mkv")


@pytest.mark.parametrize("preset", ["superfast", "veryfast", "medium"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_metadata_does_not_change_what_offsets_do(codec: str, preset: str) -> None:
    options = encoder_options(codec, preset, 23, {})
    known = with_hdr(codec, options, Hdr(P3, (1001, 402)))
    assert known != options
    assert inspect(codec, "yuv420p10le", known) == inspect(codec, "yuv420p10le", options)


def chroma_location(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return stated_by(container.streams.video[0]).chroma_location


@pytest.mark.parametrize("source_codec", ["libx264", "libx265"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_where_chroma_lies_is_kept(tmp_path: Path, codec: str, source_codec: str) -> None:
    source = graded(tmp_path / "in.mkv", "chromaloc=2", codec=source_codec)
    assert chroma_location(source) == "topleft"
    target = tmp_path / "out.mp4"
    rlcodec.transcode(source, target, codec=codec, policy="fixed", preset="ultrafast")
    assert chroma_location(target) == "topleft"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "verbose", "-i", target]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert b"topleft)" in done.stderr


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_where_chroma_lies_is_told_of_halved_chroma_only(tmp_path: Path, codec: str) -> None:
    source = graded(tmp_path / "in.mkv", "chromaloc=2")
    rlcodec.transcode(
        *(source, tmp_path / "out.mkv"), pix_fmt="yuv444p10le", policy="fixed", codec=codec
    )
    assert chroma_location(tmp_path / "out.mkv") is None
    assert chroma_location(graded(tmp_path / "usual.mkv", "bframes=0")) is None


def test_where_chroma_lies_is_not_told_of_a_turned_picture(tmp_path: Path) -> None:
    source = clips.write(
        *(tmp_path / "in.mp4", clips.moving(3, width=128, height=96)),
        options={"x264-params": "chromaloc=2"},
        rotation=90,
    )
    assert chroma_location(source) == "topleft"
    rlcodec.transcode(source, tmp_path / "out.mkv", policy="fixed")
    assert chroma_location(tmp_path / "out.mkv") is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (sei("libx265", hdr10_plus()), b"", "note: HDR10+ metadata is left out"),
        (b"", DOLBY_VISION_NAL, "note: Dolby Vision metadata is left out"),
    ],
)
def test_row_10_dynamic_metadata_is_named_when_it_is_left_out(
    rlcodec: Command, tmp_path: Path, before: bytes, after: bytes, says: str
) -> None:
    write_units(
        tmp_path / "in.mkv",
        "libx265",
        clips.moving(6, width=128, height=96),
        # Not at once, as after an advertisement
        before=lambda number: before if number > 1 else b"",
        after=lambda number: after if number > 1 else b"",
        pix_fmt="yuv420p10le",
    )
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", "--preset", "superfast")
    assert done.stderr.count(says) == 1
    assert done.stderr.count("left out") == 1


@pytest.mark.parametrize(
    ("profile", "compatibility", "right"), [(5, 0, False), (8, 1, True), (8, 4, True), (7, 6, True)]
)
def test_row_10_dolby_vision_is_named_and_wrong_colours_too(
    rlcodec: Command, tmp_path: Path, profile: int, compatibility: int, right: bool
) -> None:
    path = graded(tmp_path / "in.mp4", "bframes=0", codec="libx265")
    add_box(path, b"hev1", b"dvcC", dolby_vision(profile, compatibility))
    done = assert_works(rlcodec, tmp_path, "in.mp4", "out.mkv", "--preset", "superfast")
    assert f"note: Dolby Vision metadata (profile {profile}) is left out" in done.stderr
    assert ("THE COLOURS ARE WRONG" in done.stderr) != right
    assert done.stderr.count("left out") == 1
