"""The input: opened safely, decoded with exact timestamps, its other streams passed through."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from rlcodec.errors import InputError
from rlcodec.media.clock import FrameClock, StepBackError
from rlcodec.media.integrity import Integrity
from rlcodec.media.picture import Picture, picture_of, rate_of
from rlcodec.media.routes import codec_of
from rlcodec.media.truncation import Blocks, missing_end

if TYPE_CHECKING:
    from av.container.core import Chapter

STANDARD_INPUT = "-"

# Containers that hold their own media. Playlists and lists (hls, concat, image sequences) stay out:
# they would open other files.
CONTAINERS = (
    "3gp,aac,ac3,apng,asf,avi,dv,flac,flv,gif,h264,hevc,ivf,m4v,matroska,mov,mp3,mp4,mpeg,mpegts,"
    "mpegvideo,mxf,nut,obu,ogg,rm,wav,webm,yuv4mpegpipe"
)

# Tags need not be UTF-8, and are no reason to refuse a video. PyAV 19 takes them as they are.
_LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
)


class Source:
    """One input file or pipe: its first video stream decoded, the `others` as packets.

    Iterating yields decoded frames, stamped by a `FrameClock`, and packets of the other streams,
    in the order of the file. `pictures` has the payload of cover art, by the index of its stream.
    """

    def __init__(
        self,
        path: str,
        *,
        max_pixels: int,
        audio: bool,
        subtitles: bool,
        allow_truncated: bool = False,
    ) -> None:
        """Open `path` (`-` is standard input) and decode as far as the first frame.

        With `allow_truncated`, damage and a missing end are counted and told by `notices`.

        Raises:
            InputError: it is missing, no video, damaged, truncated, or larger than `max_pixels`.
        """
        self.label = "standard input" if path == STANDARD_INPUT else path
        self.max_pixels = max_pixels
        is_file = path != STANDARD_INPUT and Path(path).is_file()
        self._is_piped = not is_file
        self._blocks: Blocks | None = None
        missing = _missing_end(Path(path)) if is_file else None
        self._container = open_input(path, self.label, max_pixels=max_pixels, missing=missing)
        try:
            self.video = self._choose_video()
            self._check_size(self.video.width, self.video.height)
            self._integrity = Integrity(self.video, self.label, allow=allow_truncated)
            if missing is not None:
                self._integrity.missing_end(missing)
            wanted = {"audio": audio, "subtitle": subtitles}
            self.others: list[Stream] = [
                stream
                for stream in self._container.streams
                if stream is not self.video and wanted.get(stream.type, True)
            ]
            # With threads for frames, PyAV loses what comes from the decoder behind an error
            self.video.thread_type = "SLICE" if allow_truncated else "AUTO"
            options = _decoder_options(max_pixels)
            if codec_of(self.video) == "mjpeg" and not allow_truncated:
                # Its decoder says nothing of what it conceals, unless it is told not to
                options["err_detect"] = "explode"
            self.video.codec_context.options = options
            if is_file and missing is None:
                self._blocks = Blocks(Path(path))
            self._clock = FrameClock(
                self.time_base,
                rate_of(self.video),
                presentation_is_guessed=self.presentation_is_guessed,
            )
            self._primers: dict[int, av.Packet[Stream]] = {}
            self._items = self._read()
            self._ahead: deque[av.VideoFrame | av.Packet[Stream]] = deque()
            self.first_frame = self._decode_first()
            self.pictures = {
                item.stream.index: bytes(item)
                for item in self._ahead
                if isinstance(item, av.Packet)
                and item.stream.disposition & Disposition.attached_pic
            }
        except BaseException:
            self._close_blocks()
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_blocks()
        self._container.close()

    def _close_blocks(self) -> None:
        if self._blocks is not None:
            self._blocks.close()
            self._blocks = None

    def __iter__(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._items

    @property
    def time_base(self) -> Fraction:
        """Length of a tick of the video stream, in seconds."""
        assert self.video.time_base is not None
        return Fraction(self.video.time_base)

    @cached_property
    def picture(self) -> Picture:
        """What the decoded frames look like, by the first of them and what the file states."""
        return picture_of(self.video, self.first_frame)

    @property
    def decoded_aspect_ratio(self) -> Fraction | None:
        """Width over height of one pixel, as the decoder reports it by now; None if it does not."""
        aspect = self.video.codec_context.sample_aspect_ratio
        return Fraction(aspect) if aspect else None

    def start(self, kept: Sequence[Stream]) -> Fraction:
        """The earliest timestamp, in seconds, of the video and of other streams that are kept."""
        starts = [cast(int, self.first_frame.pts) * self.time_base]
        starts += [
            stream.start_time * stream.time_base
            for stream in kept
            if stream.start_time is not None and stream.time_base is not None
        ]
        return min(starts)

    @property
    def duration(self) -> Fraction | None:
        """Seconds of video, as the container declares them."""
        if self.video.duration:
            return self.video.duration * self.time_base
        if self._container.duration:
            return Fraction(self._container.duration, av.time_base)
        return None

    @property
    def declared_frames(self) -> int | None:
        """Number of frames, as the container declares it: packets, or what it takes for frames."""
        return self.video.frames or None

    @property
    def frames(self) -> int | None:
        """Number of frames, as the container declares or implies it."""
        if self.declared_frames is not None:
            return self.declared_frames
        return None if self.duration is None else round(self.duration * rate_of(self.video))

    @property
    def metadata(self) -> dict[str, str]:
        """The container's own metadata."""
        return dict(self._container.metadata)

    @property
    def presentation_is_guessed(self) -> bool:
        """Whether presentation timestamps are FFmpeg's guesses: AVI has none.

        It does not know how far H.264 is reordered there.
        """
        return self._container.format.name == "avi"

    @property
    def chapters(self) -> list[Chapter]:
        """The chapters, in time bases of their own."""
        return self._container.chapters()

    @property
    def mended_timestamps(self) -> int:
        """Timestamps that were missing or did not increase, and were set anew."""
        return self._clock.mended

    @property
    def notices(self) -> list[str]:
        """What was wrong with the input, and how much; complete once all of it was read."""
        notices = self._integrity.notices
        if self._clock.mended:
            notices.append(
                f"{self._clock.mended} timestamps of the input were missing or out of order, and "
                "were set anew"
            )
        return notices

    def _choose_video(self) -> VideoStream:
        videos = [
            stream
            for stream in self._container.streams.video
            if stream.codec_context is not None
            and not stream.disposition & Disposition.attached_pic
        ]
        if videos:
            return videos[0]
        held = [
            "cover art or unknown video" if stream.type == "video" else stream.type
            for stream in self._container.streams
        ]
        kinds = ", ".join(f"{held.count(kind)} {kind}" for kind in dict.fromkeys(held))
        raise InputError(
            f"{self.label}: no video stream to transcode; it holds {kinds or 'nothing'}"
        )

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise InputError(
                f"{self.label}: pictures of {width}x{height} exceed the limit of "
                f"{self.max_pixels} pixels; raise it with --max-pixels if you trust the file"
            )

    def _decode_first(self) -> av.VideoFrame:
        is_size_known = bool(self.video.width)
        try:
            for item in self._items:
                self._ahead.append(item)
                if isinstance(item, av.VideoFrame):
                    return item
        except InputError:
            if is_size_known:
                raise
        if not is_size_known:  # the decoders were kept from pictures that are too large
            raise InputError(
                f"{self.label}: its pictures cannot be decoded, or exceed the limit of "
                f"{self.max_pixels} pixels; raise it with --max-pixels if you trust the file"
            )
        raise InputError(f"{self.label}: not one frame of its video can be decoded")

    def _read(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Frames and packets in file order; at the end the frames that the decoder still holds."""
        try:
            for packet in self._demux():
                is_kept = packet.stream in self.others
                is_whole = self._integrity.read(packet, is_kept=is_kept)
                if packet.pos is not None:
                    self._follow(packet.pos)
                if packet.stream is self.video:
                    for frame in self._decode(packet):
                        yield self._checked(frame)
                elif is_kept and packet.size and is_whole:
                    yield from self._unlisted(packet)
        except StepBackError as error:
            raise InputError(
                f"{self.label}: {error}; split the file there and transcode the pieces"
            ) from error
        self._follow(None)
        self._integrity.finish(self._container, is_piped=self._is_piped)

    def _unlisted(self, packet: av.Packet[Stream]) -> Iterator[av.Packet[Stream]]:
        """What an edit list leaves of a stream, and the packet before it, which primes decoders."""
        if packet.is_discard:
            self._primers[packet.stream.index] = packet
            return
        primer = self._primers.pop(packet.stream.index, None)
        if primer is not None:
            yield primer
        yield packet

    def _follow(self, position: int | None) -> None:
        """Look whether the file is whole up to a position, or None for its end."""
        if self._blocks is not None and not self._blocks.are_whole(position):
            self._close_blocks()  # behind one gap nothing is certain
            self._integrity.fault("gap in the file", self._clock.seconds)

    def _demux(self) -> Iterator[av.Packet[Stream]]:
        """Packets of all streams, whose ends tell how long the file lasts."""
        try:
            yield from self._container.demux()
        except av.error.FFmpegError as error:
            self._integrity.fault(f"reading error ({error.strerror})", self._clock.seconds)
            flush: av.Packet[Stream] = av.Packet()
            flush.stream = self.video
            yield flush

    def _decode(self, packet: av.Packet[Stream]) -> list[av.VideoFrame]:
        try:
            frames = cast("av.Packet[VideoStream]", packet).decode()
        except av.error.FFmpegError:
            self._integrity.fault("decoding error", self._integrity.time_of(packet))
            return []
        for frame in frames:
            self._integrity.decoded(frame)
        return frames

    def _checked(self, frame: av.VideoFrame) -> av.VideoFrame:
        self._check_size(frame.width, frame.height)
        frame.pts, frame.duration = self._clock.stamp(frame.pts, frame.duration, frame.dts)
        return frame


def _missing_end(path: Path) -> str | None:
    try:
        return missing_end(path)
    except OSError:  # opening it for good says why
        return None


def _decoder_options(max_pixels: int) -> dict[str, str]:
    # Decoders count the padding to whole blocks too, which is much in small pictures
    return {"max_pixels": str(max_pixels * 5 // 4 + 2**16)}


def open_input(
    path: str, label: str, *, max_pixels: int, missing: str | None = None
) -> InputContainer:
    """Open a file, or standard input, in a way that it can make FFmpeg open no other.

    `missing` says how much of the end is known to be missing, for the message.

    Raises:
        InputError: it is missing, or no video; the message begins with `label`.
    """
    if path == STANDARD_INPUT:
        if sys.stdin is None:  # it was closed, and the descriptor belongs to something else by now
            raise InputError(f"{label}: is closed; pipe a video into it")
        # Not Python's own object: av would swallow an interrupt that comes while it is read
        url, protocol = "fd:", "fd"
    else:
        # `file:` and an absolute path keep names like 12:30.mp4 or -x.mp4 from being read as a
        # protocol or an option
        url, protocol = f"file:{Path(path).absolute()}", "file"
    guards = {"format_whitelist": CONTAINERS, "protocol_whitelist": protocol}
    try:
        if Path(path).is_dir():
            raise InputError(f"{label}: is a folder; name a video file")
        container: InputContainer = av.open(
            url,
            "r",
            options=_decoder_options(max_pixels),  # some decode a frame to know what there is
            container_options=guards,
            **_LENIENT_TAGS,
        )
        return container  # noqa: TRY300 # what follows are the errors of opening
    except FileNotFoundError as error:
        raise InputError(f"{label}: no such file") from error
    except PermissionError as error:
        raise InputError(f"{label}: may not be read; check its permissions") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if missing is not None:
            reason = f"{reason}; {missing}"
        raise InputError(f"{label}: is not a video that can be read ({reason})") from error
