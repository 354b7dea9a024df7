"""What each output container can hold: the table that decides on streams before any work begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rlcodec.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of output file. Codecs are named as FFmpeg names them.

    Attributes:
        muxer: FFmpeg's name of the muxer.
        audio: what it holds of audio.
        other_audio: the encoder for audio that it does not hold.
        subtitles: what it holds of subtitles.
        text: the codec that subtitles of text are converted to where it does not hold theirs.
        pictures: what it holds of cover art.
        data: what it holds of other streams.
        attachments: whether it holds attached files.
        chapters: whether it holds chapters.
        options: options of the muxer.
    """

    muxer: str
    audio: frozenset[str]
    other_audio: str
    subtitles: frozenset[str]
    text: str | None
    pictures: frozenset[str]
    data: frozenset[str]
    attachments: bool
    chapters: bool
    options: dict[str, str]


# Every PCM that MOV and MKV have in common. MP4 has a way of its own to hold it, which few players
# know; the same goes for Vorbis in MP4.
_PCM = frozenset(
    f"pcm_{kind}" for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le")
) | {"pcm_u8", "pcm_f64le"}
_MOV_PCM = _PCM | {"pcm_s8", "pcm_f32be", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "adpcm_ima_qt"}

_MP4 = Container(
    muxer="mp4",
    audio=frozenset({"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus"}),
    other_audio="aac",
    subtitles=frozenset({"mov_text"}),
    text="mov_text",
    pictures=frozenset({"bmp", "mjpeg", "png"}),
    data=frozenset(),
    attachments=False,
    chapters=True,
    # The index comes first, so that a player can begin before the whole file is there
    options={"movflags": "+faststart"},
)
_MOV = Container(
    muxer="mov",
    audio=_MOV_PCM | {"aac", "ac3", "alac", "amr_nb", "amr_wb", "eac3", "mp2", "mp3"},
    other_audio="aac",
    subtitles=frozenset({"mov_text"}),
    text="mov_text",
    pictures=_MP4.pictures,
    data=frozenset(),
    attachments=False,
    chapters=True,
    options=_MP4.options,
)
_MKV = Container(
    muxer="matroska",
    audio=_MP4.audio | _PCM | {"mlp", "mp1", "truehd", "tta", "vorbis", "wavpack"},
    other_audio="libopus",
    subtitles=frozenset(
        {
            *("ass", "dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "hdmv_text_subtitle"),
            *("subrip", "webvtt"),
        }
    ),
    text="subrip",
    pictures=frozenset({"mjpeg", "png"}),
    data=frozenset(),
    attachments=True,
    chapters=True,
    options={},
)
_TS = Container(
    muxer="mpegts",
    audio=frozenset(
        {"aac", "aac_latm", "ac3", "dts", "eac3", "mp1", "mp2", "mp3", "opus", "s302m"}
    ),
    other_audio="aac",
    subtitles=frozenset({"dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle"}),
    text=None,
    pictures=frozenset(),
    data=frozenset({"klv", "scte_35", "timed_id3"}),
    attachments=False,
    chapters=False,
    options={},
)

# Blu-ray's form, with a timestamp before every packet
_M2TS = replace(_TS, options={"mpegts_m2ts_mode": "1"})

# Those of the ISO base media file format
ISO_MUXERS = frozenset({_MP4.muxer, _MOV.muxer})

BY_SUFFIX = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MOV,
    ".mkv": _MKV,
    ".ts": _TS,
    ".m2ts": _M2TS,
}


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
