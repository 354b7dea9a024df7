"""Films with everything beside the picture, made by the `ffmpeg` command of imageio-ffmpeg."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

FONT = b"\x00\x01\x00\x00" + b"font" * 100
CUES = (
    (0.5, 1.2, "Hello <i>world</i>\nsecond line, with a comma"),
    (1.5, 2.0, "Äöü “x” {y} \\z"),
)


def ffmpeg(*arguments: str | Path) -> None:
    """Run the reference ffmpeg, quietly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)


def complaints(path: Path) -> str:
    """What the reference ffmpeg says when it reads, decodes and copies everything in a file."""
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-i", path, "-map", "0:V"),
            *("-map", "0:a?", "-map", "0:s?", "-c:s", "copy", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return done.stderr.decode()


def stamp(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}".replace(".", ",")


def film(folder: Path) -> Path:
    """Two audio tracks, three of subtitles, chapters, a font, cover art and names, in Matroska."""
    cues = [
        f"{number}\n{stamp(begin)} --> {stamp(end)}\n{text}\n"
        for number, (begin, end, text) in enumerate(CUES, start=1)
    ]
    (folder / "said.srt").write_text("\n".join(cues), encoding="utf-8")
    (folder / "chapters.txt").write_text(
        ";FFMETADATA1\ntitle=A film; with more\nartist=Somebody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=3000\ntitle=Two\n",
        encoding="utf-8",
    )
    (folder / "font.ttf").write_bytes(FONT)
    cover = folder / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=1:s=64x64", "-frames:v", "1", cover)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=d=3:s=160x96:r=25"),
        *("-f", "lavfi", "-i", "sine=440:r=48000:d=3", "-f", "lavfi", "-i", "sine=880:r=48000:d=3"),
        *("-i", folder / "said.srt", "-i", folder / "chapters.txt"),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "3", "-map", "3"),
        *("-map_metadata", "4", "-c:v", "libx264", "-preset", "ultrafast"),
        *("-c:a:0", "ac3", "-c:a:1", "flac", "-ac:a:1", "2"),
        *("-c:s:0", "srt", "-c:s:1", "ass", "-c:s:2", "webvtt"),
        *("-metadata:s:v:0", "language=deu", "-metadata:s:v:0", "title=Main"),
        *("-metadata:s:a:0", "language=eng", "-disposition:a:0", "comment"),
        *("-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Commentaire"),
        *("-disposition:a:1", "default", "-disposition:s:2", "forced"),
        *("-metadata:s:s:0", "language=deu", "-metadata:s:s:1", "language=eng"),
        *(
            "-attach",
            folder / "font.ttf",
            "-metadata:s:t:0",
            "mimetype=application/x-truetype-font",
        ),
        *("-attach", cover, "-metadata:s:t:1", "mimetype=image/jpeg"),
        *("-metadata:s:t:1", "filename=cover.jpg", folder / "film.mkv"),
    )
    return folder / "film.mkv"


def flash_and_click(path: Path, *options: str) -> Path:
    """Three seconds in which a white frame and a click come together, at 1 s and at 2 s."""
    sound = np.zeros((144000, 2), np.float32)
    picture = np.full((75, 96, 128), 40, np.uint8)
    for second in (1, 2):
        sound[48000 * second : 48000 * second + 60] = 0.9
        picture[25 * second] = 230
    raw_sound, raw_picture = path.with_suffix(".f32"), path.with_suffix(".gray")
    raw_sound.write_bytes(sound.tobytes())
    raw_picture.write_bytes(picture.tobytes())
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", "128x96", "-r", "25", "-i", str(raw_picture)),
        *("-f", "f32le", "-ar", "48000", "-ac", "2", "-i", str(raw_sound)),
        *("-pix_fmt", "yuv420p", "-preset", "ultrafast", *options, str(path)),
    )
    raw_sound.unlink()
    raw_picture.unlink()
    return path


def flashes(path: Path) -> list[Fraction]:
    """When the white frames of `flash_and_click` are shown, in seconds."""
    with av.open(str(path)) as container:
        return [
            frame.pts * frame.time_base
            for frame in container.decode(video=0)
            if frame.pts is not None
            and frame.time_base is not None
            and frame.to_ndarray(format="gray").mean() > 130
        ]


def clicks(path: Path) -> list[float]:
    """When its clicks are heard, in seconds, as a player with FFmpeg's decoders plays them."""
    heard: list[float] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 48000)
        begins = None
        samples = []
        for frame in container.decode(audio=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            begins = float(frame.pts * frame.time_base) if begins is None else begins
            samples += [each.to_ndarray()[0] for each in resampler.resample(frame)]
        samples += [each.to_ndarray()[0] for each in resampler.resample(None)]
    assert begins is not None
    for place in np.flatnonzero(np.abs(np.concatenate(samples)) > 0.3):
        at = begins + int(place) / 48000
        if not heard or at - heard[-1] > 0.2:
            heard.append(at)
    return heard
