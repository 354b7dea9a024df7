from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rlcodec.errors import OutputError
from rlcodec.media.check import check
from tests.clips import moving, write

STAMPS = [0, 1, 2, 5, 6, 9, 10, 11, 12, 13]
TICK = Fraction(1, 25)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", moving(10), stamps=STAMPS, options={"g": "4"})


def checked(path: Path, stamps: Sequence[int]) -> Fraction:
    muxer = {".mp4": "mp4", ".mkv": "matroska"}[path.suffix]
    return check(path, array("q", stamps), TICK, muxer=muxer, label="clip")


def test_a_good_file_passes_and_tells_its_shift(clip: Path) -> None:
    assert checked(clip, STAMPS) == 0
    later = [stamp + 7 for stamp in STAMPS]
    assert checked(clip, later) == -7 * TICK


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {}),
        ("libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"}),
        ("libx264", {"x264-params": "intra-refresh=1:keyint=12"}),
        ("libx265", {"x265-params": "log-level=none:keyint=12:open-gop=1:scenecut=0"}),
        ("libx265", {"x265-params": "log-level=none:keyint=12:open-gop=0"}),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_every_kind_of_keyframe_passes(
    tmp_path: Path, codec: str, options: dict[str, str], suffix: str
) -> None:
    preset = {"preset": "medium", "crf": "26"}
    path = tmp_path / f"clip.{suffix}"
    write(path, moving(60), codec=codec, options={**preset, **options})
    with av.open(str(path)) as container:
        keys = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    assert keys >= 1 if "intra-refresh" in str(options) or not options else keys >= 4
    assert checked(path, range(60)) == 0


def test_missing_frames_are_found(clip: Path) -> None:
    with pytest.raises(OutputError, match="11 frames were encoded and 10"):
        checked(clip, [*STAMPS, 14])


def test_a_moved_frame_is_found(clip: Path) -> None:
    moved = [*STAMPS[:4], 7, *STAMPS[5:]]
    with pytest.raises(OutputError, match=r"the frame of 0\.280000 s was written at 0\.240000 s"):
        checked(clip, moved)


def test_a_file_cut_off_is_found(clip: Path) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OutputError, match="clip"):
        checked(clip, STAMPS)


def test_a_keyframe_that_does_not_decode_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mkv", moving(10), options={"g": "4"})
    with av.open(str(path)) as container:
        keys = [bytes(packet) for packet in container.demux(video=0) if packet.is_keyframe]
    data, key = path.read_bytes(), keys[1]
    noise = random.Random(1).randbytes(len(key) // 2)
    damaged = key[: len(key) // 4] + noise + key[len(key) // 4 + len(noise) :]
    path.write_bytes(data.replace(key, damaged))
    with pytest.raises(OutputError, match="clip"):
        checked(path, range(10))
