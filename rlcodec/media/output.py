"""The output file: streams added, packets interleaved, one common shift of time applied."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from rlcodec.media.clock import to_ticks
from rlcodec.media.containers import ISO_MUXERS, Container
from rlcodec.media.encoder import configure
from rlcodec.media.metadata import file_tags, stream_tags
from rlcodec.media.picture import Picture
from rlcodec.media.routes import Route, Way, codec_of
from rlcodec.media.tracks import Track, add_track
from rlcodec.publish import refusal

if TYPE_CHECKING:
    from av.container.core import Chapter

# By which Matroska's players know cover art
_PICTURE_FILES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


@dataclass(order=True, slots=True)
class _Waiting:
    """A packet that the video has not come to yet; `number` keeps those of one time in order."""

    time: Fraction
    number: int
    packet: av.Packet[Stream] = field(compare=False)


class Output:
    """Writes one encoded video stream, and the other streams of the source beside it.

    Their packets wait until the video has come to their time. They are few where the streams lie
    side by side in the source, and all of them where its video ends long before its sound.
    """

    def __init__(self, path: Path, container: Container, *, label: str) -> None:
        """Open `path` for writing; `label` is the name that messages use.

        `shift`, in seconds, is to be set before the first packet: it is added to every timestamp.
        """
        self._label = label
        self.shift = Fraction(0)
        self._kind = container
        self._tracks: dict[int, Track] = {}
        self._waiting: list[_Waiting] = []
        self._count = 0
        self.video_bytes = 0
        with self._errors():
            self._container = av.open(
                f"file:{path}", "w", format=container.muxer, container_options=container.options
            )

    def add_video(
        self,
        codec: str,
        picture: Picture,
        options: Mapping[str, str],
        source: Stream | None = None,
    ) -> VideoStream:
        """Add the encoded stream, which is called what `source` is, if anything."""
        with self._errors():
            stream = add_encoded_stream(self._container, codec, picture, options)
            if source is not None:
                self._name(stream, source)
            return stream

    def add(self, route: Route, picture: bytes | None = None) -> bool:
        """Add the stream that `route` leads to; False where the container does not take it.

        `picture` is the payload of cover art that is to be attached as a file.
        """
        if route.way is Way.ATTACH:
            name, kind = _PICTURE_FILES[codec_of(route.stream)]
            self._container.add_attachment(name, kind, picture or b"")
            return True
        try:
            track = add_track(self._container, route)
        except (ValueError, av.error.FFmpegError):
            return False
        self._name(track.stream, route.stream)
        self._tracks[route.stream.index] = track
        return True

    def describe(self, metadata: Mapping[str, str], chapters: list[Chapter]) -> None:
        """Set the file's own metadata, and its chapters in the source's time."""
        self._container.metadata.update(file_tags(metadata, self._kind.muxer))
        moved = [self._moved(chapter) for chapter in chapters]
        # What ended before the first frame and sound that are kept has no place any more
        self._container.set_chapters(
            [{**each, "start": max(0, each["start"])} for each in moved if each["end"] > 0]
        )

    def start(self) -> None:
        """Open the encoders and write the head of the file: nothing can be added afterwards."""
        with self._errors():
            self._container.start_encoding()

    def write_video(self, packet: av.Packet[VideoStream]) -> None:
        """Write an encoded packet, and those of other streams that come before it."""
        self.video_bytes += packet.size
        self._move(packet)
        self._release(_time(packet))
        self._mux(packet)

    def write_other(self, packet: av.Packet[Stream]) -> None:
        """Take a packet of another source stream; those of streams that were not added go."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            with self._errors():
                ready = track.take(packet)
            for each in ready:
                self._queue(each)

    @property
    def faults(self) -> dict[int, int]:
        """Packets of which nothing could be made, by the index of their stream in the source."""
        return {index: track.faults for index, track in self._tracks.items() if track.faults}

    def close(self) -> None:
        """Write what waits and the end of the file."""
        with self._errors():
            for track in self._tracks.values():
                for ready in track.finish():
                    self._queue(ready)
            self._release(None)
            self._container.close()

    def abandon(self) -> None:
        """Let go of a file that nobody wants any more."""
        self._waiting.clear()
        with suppress(av.error.FFmpegError):
            self._container.close()

    def _name(self, stream: Stream, source: Stream) -> None:
        stream.metadata.update(stream_tags(source.metadata, self._kind.muxer))
        stream.disposition = source.disposition

    def _moved(self, chapter: Chapter) -> Chapter:
        assert chapter["time_base"] is not None
        ticks = to_ticks(self.shift, chapter["time_base"])
        return {**chapter, "start": chapter["start"] + ticks, "end": chapter["end"] + ticks}

    def _queue(self, packet: av.Packet[Stream]) -> None:
        if packet.stream.disposition & Disposition.attached_pic:
            self._mux(packet)
        elif packet.pts is not None or packet.dts is not None:
            self._move(packet)
            self._count += 1
            heapq.heappush(self._waiting, _Waiting(_time(packet), self._count, packet))

    def _move(self, packet: av.Packet[Stream] | av.Packet[VideoStream]) -> None:
        ticks = to_ticks(self.shift, packet.time_base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    def _release(self, until: Fraction | None) -> None:
        # The encoder holds video back for seconds. Left to the muxer, audio that has run ahead
        # would be written where a player does not look for it.
        while self._waiting and (until is None or self._waiting[0].time <= until):
            self._mux(heapq.heappop(self._waiting).packet)

    def _mux(self, packet: av.Packet[Stream] | av.Packet[VideoStream]) -> None:
        with self._errors():
            self._container.mux_one(packet)

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
    if codec == "libx265" and container.format.name in ISO_MUXERS:
        # Apple's players want it so, and not as FFmpeg does by itself, as hev1
        stream.codec_context.codec_tag = "hvc1"
    return stream


def _time(packet: av.Packet[Stream] | av.Packet[VideoStream]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * packet.time_base
