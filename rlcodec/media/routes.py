"""What becomes of each stream beside the video, decided from the container's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from av.audio.stream import AudioStream
from av.stream import Disposition, Stream

from rlcodec.media.containers import Container

# What FFmpeg decodes to text and can write again as text
_TEXT = frozenset({"ass", "mov_text", "ssa", "subrip", "text", "webvtt"})
_STYLED = frozenset({"ass", "ssa"})
_MOST_CHANNELS = 8
# The header of AAC in MPEG-TS has three bits for the configuration of channels
_LAST_IN_ADTS = 7
_CODEC_NAMES = {"aac": "AAC", "libopus": "Opus"}


class Way(Enum):
    """What is done with a stream."""

    COPY = auto()
    ENCODE = auto()
    """Audio is decoded and encoded."""
    CONVERT = auto()
    """Subtitles of text change their form."""
    ATTACH = auto()
    """Cover art becomes an attached file."""
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one stream: `codec` is the encoder where there is one, `note` for the user."""

    stream: Stream
    way: Way
    codec: str = ""
    note: str = ""


def codec_of(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec, which need not be that of its decoder."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    # Data and attachments have no decoder; of data, av tells the codec's name nevertheless
    return str(getattr(stream, "name", None) or "unknown") if stream.type == "data" else "unknown"


def routes(
    streams: Sequence[Stream],
    container: Container,
    suffix: str,
    *,
    chapters: bool,
) -> list[Route]:
    """The way of every stream beside the video.

    Args:
        streams: those of the source that are wanted, without the one that is encoded.
        container: where they go.
        suffix: of the output's name, for the notes.
        chapters: whether the source has chapters, of which MP4 and MOV keep a stream as well.
    """
    return [
        _route(stream, container, suffix)
        for stream in streams
        if not (chapters and stream.type == "data" and codec_of(stream) == "bin_data")
    ]


def audio_bit_rate(codec: str, channels: int) -> int:
    """Bits per second at which `codec` is hard to tell from its source for most ears.

    Two channels get 192 kbit/s of AAC or 128 kbit/s of Opus, every further one less: FFmpeg's own
    AAC encoder needs more than Opus for the same.
    """
    first, further = (96_000, 64_000) if codec == "aac" else (64_000, 48_000)
    return first * min(channels, 2) + further * max(0, channels - 2)


def _route(stream: Stream, container: Container, suffix: str) -> Route:
    codec = codec_of(stream)
    name = f"{stream.type} stream {stream.index} ({codec})"
    cannot = f"{suffix} files cannot hold it"
    if stream.type == "audio":
        return _route_audio(stream, container, name, cannot)
    if stream.type == "subtitle" and codec in _TEXT - container.subtitles and container.text:
        loss = "; of its styling, little is left" if codec in _STYLED else ""
        note = f"{name} becomes {container.text}: {cannot}{loss}"
        return Route(stream, Way.CONVERT, container.text, note)
    if stream.type == "video":
        if not stream.disposition & Disposition.attached_pic:
            note = f"{name} is left out: one video stream is transcoded, the first"
            return Route(stream, Way.LEAVE, note=note)
        name = f"cover art in stream {stream.index} ({codec})"
    elif stream.type == "attachment":
        name = f"attachment {stream.metadata.get('filename', stream.index)}"
    held = {
        "attachment": container.attachments,
        "data": codec in container.data,
        "subtitle": codec in container.subtitles,
        "video": codec in container.pictures,
    }
    if held.get(stream.type, False):
        attached = stream.type == "video" and container.attachments
        return Route(stream, Way.ATTACH if attached else Way.COPY)
    if stream.type == "data" and "timecode" in stream.metadata:
        return Route(stream, Way.LEAVE)  # MOV and MP4 write it anew, from the tags of the video
    return Route(stream, Way.LEAVE, note=f"{name} is left out: {cannot}")


def _route_audio(stream: Stream, container: Container, name: str, cannot: str) -> Route:
    assert isinstance(stream, AudioStream)
    channels = stream.codec_context.channels if stream.codec_context is not None else 0
    if not channels or not stream.codec_context.sample_rate:
        # Announced, and then not one packet of it: broadcasts do that
        note = f"{name} is left out: it holds no sound, or none that can be told"
        return Route(stream, Way.LEAVE, note=note)
    if codec_of(stream) in container.audio:
        if container.muxer != "mpegts" or _aac_configuration(stream) <= _LAST_IN_ADTS:
            return Route(stream, Way.COPY)
        cannot += " with its channels"
    if channels > _MOST_CHANNELS:
        note = f"{name} is left out: {cannot}, and {channels} channels cannot be encoded"
        return Route(stream, Way.LEAVE, note=note)
    encoder = container.other_audio
    rate = audio_bit_rate(encoder, channels) // 1000
    note = f"{name} becomes {_CODEC_NAMES[encoder]} at {rate} kbit/s: {cannot}"
    return Route(stream, Way.ENCODE, encoder, note)


def _aac_configuration(stream: AudioStream) -> int:
    """The number of AAC's channels (ISO/IEC 14496-3, 1.6.2.1); 0 where no header says it."""
    header = stream.codec_context.extradata if codec_of(stream) == "aac" else None
    return int.from_bytes(header[:2]) >> 3 & 15 if header else 0
