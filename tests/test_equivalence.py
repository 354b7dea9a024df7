"""The contract: a CRF offset is that CRF, and no offset is no change at all."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.video.frame import PictureType
from av.video.stream import VideoStream
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

import rlcodec
from rlcodec.settings import Choices
from tests import clips
from tests.encodes import Encode, encode, luma_of

FORMATS = {8: "yuv420p", 10: "yuv420p10le"}


SAMPLE = Path(__file__).parents[1] / "sample_videos" / "tour.mp4"
FIRST_FRAME, SHOTS = 102, (51, 30, 17)
BASE = 22


@cache
def clip() -> list[clips.Picture]:
    """Three shots of the sample with hard cuts between them: a face, gravel, a cup of coffee."""
    with av.open(str(SAMPLE)) as container:
        frames = islice(container.decode(video=0), FIRST_FRAME, FIRST_FRAME + sum(SHOTS))
        small = (frame.reformat(width=384, height=216, format="yuv420p") for frame in frames)
        return [frame.to_ndarray().astype(np.uint8)[:216] for frame in small]


@cache
def own(codec: str, crf: float, bits: int = 8) -> Encode:
    """The clip at another CRF, without any offset."""
    return encode(codec, clip(), crf=crf, pix_fmt=FORMATS[bits])


def quality(luma: NDArray[np.uint16], bits: int = 8) -> float:
    """PSNR of decoded luma in dB, by scikit-image, against the clip in samples of `bits`."""
    truth = np.stack(clip()).astype(np.uint16) << (bits - 8)
    return float(peak_signal_noise_ratio(truth, luma, data_range=2**bits - 1))


@pytest.mark.parametrize("offset", [-6, -2, 1.5, 6])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_offset_is_that_crf(codec: str, bits: int, offset: float) -> None:
    tolerance = 0.01 if codec == "libx264" else 0.03
    if (codec, bits, offset) == ("libx265", 10, -6):
        tolerance = 0.07  # it does better than at its own CRF: 6 % fewer bytes at the same PSNR
    target = own(codec, BASE + offset, bits)
    moved = encode(codec, clip(), crf=BASE, offsets=offset, pix_fmt=FORMATS[bits])
    assert moved.size == pytest.approx(target.size, rel=tolerance)
    assert quality(moved.luma(), bits) == pytest.approx(quality(target.luma(), bits), abs=0.1)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_offset_of_nought_changes_no_byte(codec: str) -> None:
    frames = clip()[:40]
    plain = encode(codec, frames, crf=BASE)
    assert encode(codec, frames, crf=BASE, offsets=0.0).payload == plain.payload


# x265 would crash, or keep the 4, where frames after the first had no offset attached
@pytest.mark.parametrize("chosen", [(-6, 6, 1.5), (0, 4, 0)])
@pytest.mark.parametrize(("codec", "tolerance"), [("libx264", 0.02), ("libx265", 0.03)])
def test_every_segment_gets_its_own_crf(
    codec: str, tolerance: float, chosen: tuple[float, ...]
) -> None:
    plan = list(zip(chosen, SHOTS, strict=True))
    offsets = [offset for offset, count in plan for _ in range(count)]
    mixed = encode(codec, clip(), crf=BASE, offsets=offsets)
    start = 0
    for offset, count in plan:
        expected = own(codec, BASE + offset).segment_size(start, start + count)
        got = mixed.segment_size(start, start + count)
        assert got == pytest.approx(expected, rel=tolerance)
        start += count


def plain_encode(
    source: Path, target: Path, codec: str, options: dict[str, str], tag: str | None = None
) -> None:
    """What a user of PyAV writes who knows its traps, and nothing else."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        stream = writer.add_stream(codec, rate=video.average_rate)
        assert isinstance(stream, VideoStream)
        context, template = stream.codec_context, video.codec_context
        context.width, context.height = template.width, template.height
        context.pix_fmt = template.pix_fmt
        assert video.time_base is not None
        context.time_base = video.time_base
        context.sample_aspect_ratio = Fraction(1)
        context.thread_type = "AUTO"
        context.options = options
        if tag is not None:
            context.codec_tag = tag
        durations = {}
        for frame in reader.decode(video):
            frame.pict_type = PictureType.NONE
            durations[frame.pts] = frame.duration
            for packet in stream.encode(frame):
                packet.duration = durations[packet.pts]
                writer.mux(packet)
        for packet in stream.encode(None):
            packet.duration = durations[packet.pts]
            writer.mux(packet)


def packets(path: Path) -> list[tuple[int | None, int | None, int | None, bytes]]:
    """Timestamps, duration and payload of every packet, as a demuxer gives them."""
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.duration, bytes(packet))
            for packet in container.demux(video=0)
            if packet.size
        ]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("libx264", "yuv420p"), ("libx264", "yuv420p10le"), ("libx265", "yuv420p")],
)
def test_no_offset_is_a_plain_encode(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    frames = clip()[:70]
    source = clips.write(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt=pix_fmt)
    plain, done, looped = (tmp_path / f"{name}.{suffix}" for name in ("plain", "done", "looped"))
    options = {"preset": "veryfast" if codec == "libx265" else "medium", "crf": "27"}
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    tag = "hvc1" if codec == "libx265" and suffix == "mp4" else None
    plain_encode(source, plain, codec, options | quiet, tag)

    choices: Choices = {
        "codec": codec,
        "preset": options["preset"],
        "crf": 27,
        "policy": "fixed",
    }
    rlcodec.transcode(source, done, **choices)
    with av.open(str(source)) as reader, av.open(str(looped), "w") as writer:
        video = reader.streams.video[0]
        stream = rlcodec.add_adaptive_stream(writer, template=video, **choices)
        for frame in reader.decode(video):
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))

    expected = packets(plain)
    assert len(expected) == len(frames)
    assert packets(done) == expected
    assert packets(looped) == expected


def test_the_ffmpeg_command_makes_the_same_encode(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in.mkv", clip(), codec="ffv1")
    ours, theirs = tmp_path / "ours.mp4", tmp_path / "theirs.mp4"
    result = rlcodec.transcode(source, ours, crf=26, policy="fixed")
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", source, "-c:v", "libx264"),
            *("-preset", "medium", "-crf", "26", "-enc_time_base", "demux", theirs),
        ],
        check=True,
        timeout=120,
    )
    assert result.frames == len(clip())
    assert clips.video_stamps(ours) == clips.video_stamps(theirs)
    scores = []
    for path in ours, theirs:
        with av.open(str(path)) as container:
            luma = np.stack([luma_of(frame) for frame in container.decode(video=0)])
        scores.append(quality(luma))
    assert scores[0] == pytest.approx(scores[1], abs=0.05)
    sizes = [sum(len(payload) for *_, payload in packets(path)) for path in (ours, theirs)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
