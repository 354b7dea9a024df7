"""The streams of an output beside its video: packets of the source in, packets to write out."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from rlcodec.media.routes import Route, Way, audio_bit_rate

# Opus knows no other rates than those that divide this; AAC's players all know it
_AUDIO_RATE = 48000
_LONGEST_SILENCE = Fraction(10)
_AAC_RATES = frozenset({48000, 44100, 32000, 24000, 22050, 16000})
# Whose encoder calls 7.1 configuration 12, for which the headers of AAC in MPEG-TS have no room;
# earlier ones call it 7
_NUMBERS_71_ANEW = av.library_versions["libavcodec"][0] >= 63


class Track(Protocol):
    """One stream of the output. `faults` counts packets of which nothing could be made."""

    faults: int

    def take(self, packet: av.Packet[Stream]) -> list[av.Packet[Stream]]:
        """What comes of the next packet of the source."""

    def finish(self) -> list[av.Packet[Stream]]:
        """What comes after the last one."""


class CopiedTrack:
    """Packets as they are."""

    def __init__(self, container: OutputContainer, source: Stream) -> None:
        """Add the stream; ValueError or av's errors where the container does not take it."""
        # Attached pictures have no encoder that would fit them
        self.stream = container.add_stream_from_template(source, opaque=True)
        self.faults = 0

    def take(self, packet: av.Packet[Stream]) -> list[av.Packet[Stream]]:
        """The packet."""
        packet.stream = self.stream
        return [packet]

    def finish(self) -> list[av.Packet[Stream]]:
        """Nothing."""
        return []


class TextTrack:
    """Subtitles of text in another form."""

    def __init__(self, container: OutputContainer, source: Stream, codec: str) -> None:
        """Add the stream, encoded by `codec`."""
        assert isinstance(source, SubtitleStream)
        self._decoder = source.codec_context
        self._decoder.open()
        stream = container.add_stream(codec)
        assert isinstance(stream, SubtitleStream)
        self.stream = stream
        self._encoder = stream.codec_context
        # The styles that the encoder writes into the head of the stream
        self._encoder.subtitle_header = self._decoder.subtitle_header
        stream.time_base = source.time_base
        self._encoder.time_base = cast(Fraction, source.time_base)
        self._is_in_turn = codec == "mov_text"
        self._held: av.Packet[Stream] | None = None
        self.faults = 0

    def take(self, packet: av.Packet[Stream]) -> list[av.Packet[Stream]]:
        """The same text for the same time; nothing for the gaps that MP4 fills with packets."""
        try:
            said = self._decoder.decode2(packet)
            if said is None or not len(said):
                return []
            converted = self._encoder.encode_subtitle(said)
        except av.error.FFmpegError:
            self.faults += 1
            return []
        converted.stream, converted.time_base = self.stream, packet.time_base
        converted.pts = converted.dts = packet.pts
        converted.duration = packet.duration
        if not self._is_in_turn:
            return [converted]
        # MP4 shows one text after the other: the first of two that overlap ends where the next
        # begins, and what begins together is one
        held, self._held = self._held, converted
        if held is None or held.pts is None or converted.pts is None:
            return [] if held is None else [held]
        if held.pts == converted.pts:
            self._held = _joined(held, converted)
            return []
        held.duration = min(held.duration or 0, converted.pts - held.pts)
        return [held]

    def finish(self) -> list[av.Packet[Stream]]:
        """The last text, where it was held back for the next."""
        return [] if self._held is None else [self._held]


def _joined(first: av.Packet[Stream], second: av.Packet[Stream]) -> av.Packet[Stream]:
    """Both texts of MP4's in one packet, below each other, with the styles of the first."""
    payloads = [bytes(first), bytes(second)]
    lengths = [int.from_bytes(payload[:2]) for payload in payloads]
    texts = [payload[2 : 2 + length] for payload, length in zip(payloads, lengths, strict=True)]
    text = b"\n".join(texts)
    packet = av.Packet(len(text).to_bytes(2) + text + payloads[0][2 + lengths[0] :])
    packet.stream, packet.time_base = first.stream, first.time_base
    packet.pts = packet.dts = first.pts
    packet.duration = max(first.duration or 0, second.duration or 0)
    return packet


class AudioTrack:
    """Audio that is decoded, brought into the encoder's form, and encoded.

    Gaps of some seconds become silence, and timestamps that drift from the samples are followed by
    stretching them (FFmpeg's `aresample` with `async`), so that sound stays with its picture.
    """

    def __init__(self, container: OutputContainer, source: Stream, codec: str) -> None:
        """Add the stream, encoded by `codec`."""
        assert isinstance(source, AudioStream)
        decoder = source.codec_context
        rate = decoder.sample_rate
        if codec != "aac" or rate not in _AAC_RATES:
            rate = _AUDIO_RATE
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        self.stream = stream
        self._source = source
        self._encoder: AudioCodecContext = stream.codec_context
        # The usual layout of so many channels, which is what the encoders take
        self._encoder.layout = av.AudioLayout(_layout_of(decoder.channels))
        self._encoder.bit_rate = audio_bit_rate(codec, self._encoder.layout.nb_channels)
        self._encoder.time_base = Fraction(1, rate)
        if container.format.name == "mpegts" and self._encoder.channels == 8 and _NUMBERS_71_ANEW:
            self._encoder.options = {"aac_pce": "1"}  # its channels are listed instead
        self._graph: Graph | None = None
        self._shape: tuple[str, str, int] | None = None
        self._end = Fraction(0)
        self.faults = 0

    def take(self, packet: av.Packet[Stream]) -> list[av.Packet[Stream]]:
        """The packets that are ready; a packet that cannot be decoded leaves silence."""
        try:
            frames = self._source.decode(cast("av.Packet[AudioStream]", packet))
        except av.error.FFmpegError:
            self.faults += 1
            return []
        return [ready for frame in frames for ready in self._encode(frame)]

    def finish(self) -> list[av.Packet[Stream]]:
        """What the decoder, the filters and the encoder still hold."""
        try:
            frames = self._source.decode(None)
        except av.error.FFmpegError:
            frames = []
        packets = [ready for frame in frames for ready in self._encode(frame)]
        return [*packets, *self._drain(), *self.stream.encode(None)]

    def _encode(self, frame: av.AudioFrame) -> list[av.Packet[Stream]]:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        time_base = Fraction(frame.time_base or 0)
        begins = self._end if frame.pts is None else frame.pts * time_base
        packets = []
        # Broadcasts go from stereo to surround and back; hours of silence need not be made
        if shape != self._shape or begins - self._end > _LONGEST_SILENCE:
            packets = self._drain()
            self._graph, self._shape = self._resampler(frame), shape
        self._end = begins + Fraction(frame.samples, frame.sample_rate)
        assert self._graph is not None
        self._graph.push(frame)
        return [*packets, *self._pull()]

    def _pull(self) -> list[av.Packet[Stream]]:
        assert self._graph is not None
        packets: list[av.Packet[Stream]] = []
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return packets
            assert isinstance(frame, av.AudioFrame)
            packets.extend(self.stream.encode(frame))

    def _drain(self) -> list[av.Packet[Stream]]:
        if self._graph is None:
            return []
        self._graph.push(None)
        return self._pull()

    def _resampler(self, frame: av.AudioFrame) -> Graph:
        encoder, graph = self._encoder, Graph()
        graph.threads = 1
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        # A difference of 1000 samples is made up for within a second
        resample = graph.add("aresample", f"{encoder.sample_rate}:async=1000")
        form = graph.add(
            "aformat",
            f"sample_fmts={encoder.format.name}:channel_layouts={encoder.layout.name}"
            f":sample_rates={encoder.sample_rate}",
        )
        pieces = graph.add("asetnsamples", f"n={encoder.frame_size}:p=1")
        graph.link_nodes(source, resample, form, pieces, graph.add("abuffersink")).configure()
        return graph


def add_track(container: OutputContainer, route: Route) -> CopiedTrack | TextTrack | AudioTrack:
    """Add the stream that `route` leads to."""
    if route.way is Way.ENCODE:
        return AudioTrack(container, route.stream, route.codec)
    if route.way is Way.CONVERT:
        return TextTrack(container, route.stream, route.codec)
    return CopiedTrack(container, route.stream)


def _layout_of(channels: int) -> str:
    """FFmpeg's name of the usual layout of so many channels."""
    names = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
    return names[channels - 1]
