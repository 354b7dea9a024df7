"""What a stream states about its pictures and PyAV hands over in words only."""

from __future__ import annotations

import re
from dataclasses import dataclass

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from rlcodec.media.messages import gathered_messages

# Where the chroma samples of 4:2:0 lie (H.264 and H.265, figure E-1), by FFmpeg's names; 0, left,
# is what decoders take for granted
_CHROMA_LOCATIONS = {1: "center", 2: "topleft", 3: "top", 4: "bottomleft", 5: "bottom"}


@dataclass(frozen=True, slots=True)
class Cropping:
    """Pixels that a container wants to have cut off the decoded picture."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


NO_CROPPING = Cropping()


@dataclass(frozen=True, slots=True)
class DolbyVision:
    """The profile of a Dolby Vision stream, and what its picture is compatible with.

    As the configuration record numbers them: 0 is compatible with nothing, 1 HDR10, 2 SDR, 4 HLG.
    """

    profile: int
    compatibility: int

    @property
    def stands_alone(self) -> bool:
        """Whether the colours are right without Dolby Vision's metadata."""
        return not (self.profile == 5 or (self.profile in (10, 20) and self.compatibility == 0))


@dataclass(frozen=True, slots=True)
class Stated:
    """What `stated_by` finds: None, or no cropping, where nothing is stated."""

    cropping: Cropping = NO_CROPPING
    dolby_vision: DolbyVision | None = None
    chroma_location: str | None = None


def stated_by(stream: VideoStream) -> Stated:
    """Read the container's account of an input `stream`, and the stream's own headers."""
    with gathered_messages(av.logging.INFO):
        text = stream.container.dumps_format()  # type: ignore[attr-defined] # the stubs forget it
    # One paragraph for each stream: its number, its codec, and its side data below
    paragraphs = re.split(r"^ *Stream #0:(?=\d)", text, flags=re.MULTILINE)
    own = next((each for each in paragraphs if re.match(rf"{stream.index}\b", each)), "")
    cropping = re.search(r"Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)", own)
    record = re.search(r"DOVI configuration record:.* profile: (\d+),.*ility id: (\d+)", own)
    return Stated(
        cropping=Cropping(*map(int, cropping.groups())) if cropping else NO_CROPPING,
        dolby_vision=DolbyVision(int(record[1]), int(record[2])) if record else None,
        chroma_location=_chroma_location(stream),
    )


def _chroma_location(stream: VideoStream) -> str | None:
    """Where the stream's headers say that chroma lies; None for the usual place."""
    if stream.codec_context.codec.canonical_name not in ("h264", "hevc"):
        return None
    # The filter tells the headers at once when it is made; packets would follow
    with gathered_messages(av.logging.INFO) as records:
        try:
            BitStreamFilterContext("trace_headers", stream)
        except av.error.FFmpegError:  # headers that it cannot read say nothing
            return None
    found = {
        int(match[1])
        for _, _, message in records
        if (match := re.search(r"chroma_sample_loc_type_\w+_field .* = (\d+)", message))
    }
    return _CHROMA_LOCATIONS.get(found.pop()) if len(found) == 1 else None
