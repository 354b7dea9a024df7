"""What each output container can hold, decided before any work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.stream import Stream

from rlcodec.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of output file.

    Attributes:
        muxer: FFmpeg's name of the muxer.
        copied: codecs, by FFmpeg's names, of the streams that can be copied into it.
        options: options of the muxer.
    """

    muxer: str
    copied: frozenset[str]
    options: dict[str, str]


_ISO_AUDIO = {"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus"}
_MKV_AUDIO = _ISO_AUDIO | {"pcm_f32le", "pcm_s16le", "pcm_s24le", "truehd", "vorbis", "wavpack"}
_MOV_AUDIO = {"aac", "ac3", "alac", "eac3", "mp3", "pcm_s16be", "pcm_s16le", "pcm_s24le"}
_TS_AUDIO = {"aac", "ac3", "dts", "eac3", "mp2", "mp3", "opus", "truehd"}
_MKV_SUBTITLES = {"ass", "dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle", "subrip", "webvtt"}

# faststart puts the index first, so that a player can begin before the whole file is there
_ISO_OPTIONS = {"movflags": "+faststart"}
_MP4 = Container("mp4", frozenset(_ISO_AUDIO | {"mov_text"}), _ISO_OPTIONS)
_MOV = Container("mov", frozenset(_MOV_AUDIO | {"mov_text"}), _ISO_OPTIONS)
_MKV = Container("matroska", frozenset(_MKV_AUDIO | _MKV_SUBTITLES), {})
_TS = Container("mpegts", frozenset(_TS_AUDIO | {"dvb_subtitle"}), {})

# Where Apple's players want HEVC to be tagged as hvc1 and not, as FFmpeg does by itself, as hev1
HVC1_MUXERS = frozenset({_MP4.muxer, _MOV.muxer})

BY_SUFFIX = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MOV,
    ".mkv": _MKV,
    ".ts": _TS,
    ".m2ts": _TS,
}


def codec_of(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec, which need not be that of its decoder."""
    context = stream.codec_context
    return "unknown" if context is None else context.codec.canonical_name


def container_for(path: Path) -> Container:
    """The container that the suffix of `path` names.

    Raises:
        SettingsError: the suffix names none that can hold H.264 and HEVC.
    """
    container = BY_SUFFIX.get(path.suffix.lower())
    if container is None:
        raise SettingsError(
            f"{path}: the name must end in {', '.join(BY_SUFFIX)}, which says what kind of file "
            "to write"
        )
    return container
