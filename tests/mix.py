"""What a user brings along: one small file of each kind, made by the `ffmpeg` command."""

from __future__ import annotations

from pathlib import Path

from tests.films import ffmpeg, film

_MOVING = "testsrc2=s=320x240:r=25:d=3"
_TONE = ("-f", "lavfi", "-i", "sine=440:r=48000:d=3")
_MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
_X264 = ("-c:v", "libx264", "-preset", "veryfast")


def phone(folder: Path) -> Path:
    """Filmed upright and stored lying, at a rate that is not quite constant, with a place."""
    lying, path = folder / "lying.mp4", folder / "phone.mov"
    jitter = "setpts=PTS+0.004*random(1)/TB"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=320x240:r=30:d=3,settb=1/600,{jitter}", *_TONE),
        *(*_X264, "-fps_mode", "passthrough", "-c:a", "aac", "-video_track_timescale", "600"),
        lying,
    )
    ffmpeg(
        *("-display_rotation", "90", "-i", lying, "-c", "copy"),
        *("-metadata", "location=+48.8577+002.2950/", path),
    )
    return path


def screen(folder: Path) -> Path:
    """A recording of a screen: many frames while something moves, none while nothing does."""
    path = folder / "screen.mkv"
    busy = "select='lt(n,30)+gt(n,60)*not(mod(n,7))'"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=320x240:r=60:d=3,{busy}", *_TONE, *_X264),
        *("-fps_mode", "vfr", "-c:a", "libopus", path),
    )
    return path


def hdr(folder: Path) -> Path:
    """HDR10: 10 bit, BT.2020, PQ, mastering display and light level."""
    path = folder / "hdr.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", _MOVING, "-pix_fmt", "yuv420p10le", "-c:v", "libx265"),
        *("-preset", "ultrafast", "-color_primaries", "bt2020", "-color_trc", "smpte2084"),
        *("-colorspace", "bt2020nc", "-color_range", "tv", "-x265-params"),
        f"log-level=none:hdr10=1:repeat-headers=1:master-display={_MASTERING}",
        path,
    )
    return path


def broadcast(folder: Path) -> Path:
    """Interlaced MPEG-2 with MP2 and AC-3, recorded from somewhere in the middle."""
    whole, path = folder / "whole.ts", folder / "broadcast.ts"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=352x288:r=50:d=4,interlace", *_TONE, *_TONE),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg2video", "-b:v", "3M"),
        *("-flags", "+ilme+ildct", "-bf", "2", "-g", "12", "-aspect", "16:9"),
        *("-c:a:0", "mp2", "-c:a:1", "ac3", "-metadata:s:a:0", "language=deu", whole),
    )
    packets = whole.stat().st_size // 188
    path.write_bytes(whole.read_bytes()[packets // 7 * 188 :])
    return path


def web(folder: Path) -> Path:
    """VP9 and Opus in WebM."""
    path = folder / "web.webm"
    ffmpeg(
        *("-f", "lavfi", "-i", _MOVING, *_TONE, "-c:v", "libvpx-vp9", "-deadline", "realtime"),
        *("-cpu-used", "8", "-b:v", "500k", "-c:a", "libopus", path),
    )
    return path


def old(folder: Path) -> Path:
    """MPEG-4 with B-frames and MP3 in AVI, which knows no presentation timestamps."""
    path = folder / "old.avi"
    ffmpeg(
        *("-f", "lavfi", "-i", _MOVING, *_TONE, "-c:v", "mpeg4", "-vtag", "xvid", "-bf", "2"),
        *("-q:v", "4", "-c:a", "libmp3lame", path),
    )
    return path


def still(folder: Path) -> Path:
    """A single frame."""
    path = folder / "still.mp4"
    ffmpeg("-f", "lavfi", "-i", _MOVING, "-frames:v", "1", *_X264, path)
    return path


KINDS = {
    "phone": phone,
    "screen": screen,
    "hdr": hdr,
    "film": film,
    "broadcast": broadcast,
    "web": web,
    "old": old,
    "still": still,
}
