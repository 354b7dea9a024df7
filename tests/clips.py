"""Clips made for the tests: small, deterministic, and each with what one test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import skimage.data
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""Luma of one frame (height, width)."""

RATE = Fraction(25)


def moving(count: int, *, width: int = 256, height: int = 144, seed: int = 1) -> list[Picture]:
    """Frames of one shot: a smooth random texture that slides and turns brighter and darker."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: height + 80, : width + 80]
    texture = random.normal(random.uniform(90, 160), 6, y.shape)
    for _ in range(8):
        length, angle, phase = random.uniform(40, 200), *random.uniform(0, 2 * np.pi, 2)
        wave = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length + phase
        texture += 22 * np.sin(wave)
    step_x, step_y = random.integers(-2, 3), random.integers(-2, 3)
    frames = []
    for number in range(count):
        # To and fro, since a jump back would be a cut
        top = 20 + abs((number * step_y) % 80 - 40)
        left = 20 + abs((number * step_x) % 80 - 40)
        window = texture[top : top + height, left : left + width]
        light = 4 * np.sin(number / 9 + seed)
        frames.append(np.clip(window + light, 0, 255).astype(np.uint8))
    return frames


def shots(lengths: Sequence[int], *, width: int = 256, height: int = 144) -> list[Picture]:
    """Several shots after each other, with hard cuts between them."""
    return [
        frame
        for seed, length in enumerate(lengths, start=1)
        for frame in moving(length, width=width, height=height, seed=seed)
    ]


def filmed(
    photograph: str, count: int, *, width: int = 384, height: int = 216, seed: int = 1
) -> list[Picture]:
    """Frames of a camera that moves over one of scikit-image's photographs, with mild noise."""
    picture = getattr(skimage.data, photograph)()
    grey = picture if picture.ndim == 2 else picture[..., :3] @ (0.299, 0.587, 0.114)
    grey = np.pad(grey.astype(float), ((0, height), (0, width)), mode="symmetric")
    random = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        # Moves by parts of a pixel, as cameras do
        (left, right), (top, down) = divmod(number * 1.3, 1), divmod(number * 0.7, 1)
        window = grey[int(top) : int(top) + height + 1, int(left) : int(left) + width + 1]
        window = (1 - down) * window[:-1] + down * window[1:]
        window = (1 - right) * window[:, :-1] + right * window[:, 1:]
        noisy = window + random.normal(0, 1.5, window.shape)
        frames.append(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return frames


def as_frames(
    pictures: Sequence[Picture],
    *,
    pix_fmt: str = "yuv420p",
    time_base: Fraction = 1 / RATE,
    stamps: Sequence[int] | None = None,
) -> Iterator[av.VideoFrame]:
    """Frames of av's, grey in colour, with these timestamps or 0, 1, 2 and so on."""
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format=pix_fmt)
        frame.pts = number if stamps is None else stamps[number]
        frame.time_base = time_base
        yield frame


def write(
    path: Path,
    pictures: Sequence[Picture],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    rate: Fraction = RATE,
    time_base: Fraction | None = None,
    stamps: Sequence[int] | None = None,
    audio_s: float = 0.0,
    audio_start_s: float = 0.0,
    rotation: int = 0,
    sample_aspect_ratio: Fraction | None = None,
    colour: tuple[int, int, int, int] | None = None,
    muxer: str | None = None,
) -> Path:
    """Write a clip: `stamps` in ticks of `time_base`, beside it `audio_s` seconds of a tone.

    The tone begins at `audio_start_s`. `colour` is primaries, transfer, matrix and range as FFmpeg
    numbers them.
    """
    height, width = pictures[0].shape
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, pix_fmt
        context.time_base = time_base or 1 / rate
        context.thread_count = 1
        if sample_aspect_ratio is not None:
            context.sample_aspect_ratio = sample_aspect_ratio
        if colour is not None:
            context.color_primaries, context.color_trc = colour[:2]
            context.colorspace, context.color_range = colour[2:]
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        fast = {"preset": "ultrafast", "crf": "12"} if codec.startswith("libx26") else {}
        context.options = {**fast, **quiet, **(options or {})}
        if rotation:
            stream.set_display_rotation(rotation)
        tone = container.add_stream("aac", rate=48000) if audio_s else None
        frames = as_frames(
            pictures, pix_fmt=pix_fmt, time_base=time_base or 1 / rate, stamps=stamps
        )
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            samples = np.sin(np.arange(round(audio_s * 48000)) / 20).astype(np.float32)
            for start in range(0, len(samples), 1024):
                block = np.stack([samples[start : start + 1024]] * 2) / 4
                sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                sound.sample_rate, sound.pts = 48000, start + round(audio_start_s * 48000)
                sound.time_base = Fraction(1, 48000)
                container.mux(tone.encode(sound))
            container.mux(tone.encode(None))
    return path


def alter(source: Path, target: Path, place: int, change: Callable[[bytes], bytes]) -> Path:
    """Copy the packets of a clip, one of them changed."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            data = bytes(packet)
            copy = av.Packet(change(data) if number == place else data)
            copy.pts, copy.dts, copy.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
            copy.time_base, copy.stream = packet.time_base, stream
            new.mux(copy)
    return target


def video_stamps(path: Path) -> list[Fraction]:
    """Timestamps, in seconds, of every decoded frame of a file in display order."""
    with av.open(str(path)) as container:
        return sorted(
            frame.pts * frame.time_base
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        )


def decoded(path: Path) -> list[Picture]:
    """Luma of every frame of a file."""
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="gray").astype(np.uint8) for frame in container.decode(video=0)
        ]
