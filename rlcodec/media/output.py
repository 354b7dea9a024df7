"""The output file: streams added, packets interleaved, one common shift of time applied."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from rlcodec.media.clock import to_ticks
from rlcodec.media.containers import HVC1_MUXERS, Container, codec_of
from rlcodec.media.encoder import configure
from rlcodec.media.picture import Picture
from rlcodec.media.publish import refusal

_KEPT_STREAM_METADATA = ("language", "title", "handler_name")


class Output:
    """Writes one video stream and packets copied from the source.

    Copied packets wait until the video has come to their time. They are few where the streams lie
    side by side in the source, and all of them where its video ends long before its sound.
    """

    def __init__(self, path: Path, container: Container, *, label: str) -> None:
        """Open `path` for writing; `label` is the name that messages use.

        `shift`, in seconds, is to be set before the first packet: it is added to every timestamp.
        """
        self._label = label
        self.shift = Fraction(0)
        self._kind = container
        self._copies: dict[int, Stream] = {}
        self._waiting: deque[av.Packet[Stream]] = deque()
        self.video_bytes = 0
        with self._errors():
            self._container = av.open(
                f"file:{path}", "w", format=container.muxer, container_options=container.options
            )

    def add_video(self, codec: str, picture: Picture, options: Mapping[str, str]) -> VideoStream:
        """Add the encoded stream; its codec context is set up, and opened by the first frame."""
        with self._errors():
            return add_encoded_stream(self._container, codec, picture, options)

    def add_copy(self, stream: Stream) -> bool:
        """Add a stream to be copied by packets; False where the container cannot hold it."""
        if codec_of(stream) not in self._kind.copied:
            return False
        try:
            copy = self._container.add_stream_from_template(stream)
        except (ValueError, av.error.FFmpegError):
            return False
        kept = {
            key: stream.metadata[key] for key in _KEPT_STREAM_METADATA if key in stream.metadata
        }
        copy.metadata.update(kept)
        copy.disposition = stream.disposition
        self._copies[stream.index] = copy
        return True

    def set_metadata(self, metadata: Mapping[str, str]) -> None:
        """Set the container's own metadata."""
        self._container.metadata.update(metadata)

    def write_video(self, packet: av.Packet[VideoStream]) -> None:
        """Write an encoded packet, and the copied ones that come before it."""
        self.video_bytes += packet.size
        self._move(packet)
        self._release(_time(packet))
        with self._errors():
            self._container.mux_one(packet)

    def write_copy(self, packet: av.Packet[Stream]) -> None:
        """Take a packet of a source stream; it is written once the video has come that far.

        Packets of streams that were not added are dropped.
        """
        copy = self._copies.get(packet.stream.index)
        if copy is not None:
            self._move(packet)
            packet.stream = copy
            self._waiting.append(packet)

    def close(self) -> None:
        """Write what waits and the end of the file."""
        self._release(None)
        with self._errors():
            self._container.close()

    def abandon(self) -> None:
        """Let go of a file that nobody wants any more."""
        self._waiting.clear()
        with suppress(av.error.FFmpegError):
            self._container.close()

    def _move(self, packet: av.Packet[Stream] | av.Packet[VideoStream]) -> None:
        ticks = to_ticks(self.shift, packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    def _release(self, until: Fraction | None) -> None:
        # The encoder holds video back for seconds. Left to the muxer, audio that has run ahead
        # would be written where a player does not look for it.
        while self._waiting and (until is None or _time(self._waiting[0]) <= until):
            with self._errors():
                self._container.mux_one(self._waiting.popleft())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except av.error.FFmpegError as error:
            raise refusal(self._label, error.errno, error.strerror) from error


def add_encoded_stream(
    container: OutputContainer, codec: str, picture: Picture, options: Mapping[str, str]
) -> VideoStream:
    """Add a stream to be encoded to any container of PyAV's, set up for `picture`s."""
    stream = container.add_stream(codec, rate=picture.rate)
    assert isinstance(stream, VideoStream)
    configure(stream.codec_context, picture, options)
    if codec == "libx265" and container.format.name in HVC1_MUXERS:
        stream.codec_context.codec_tag = "hvc1"
    return stream


def _time(packet: av.Packet[Stream] | av.Packet[VideoStream]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * packet.time_base
