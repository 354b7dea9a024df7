"""When the frames of a file are shown, from its packets alone: nothing is decoded for it."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av

from rlcodec.errors import InputError
from rlcodec.media.source import Source, open_input


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video stream, in display order.

    Attributes:
        label: the name that messages use.
        frames: how many there are.
        stamps: when they are shown, in ticks; None where the packets do not say, or twice the same.
        tick: in seconds.
        rate: the stream's average frames per second.
    """

    label: str
    frames: int
    stamps: array[int] | None
    tick: Fraction
    rate: Fraction

    @property
    def duration(self) -> Fraction:
        """Seconds of video; the last frame counts as long as the others do on average."""
        if self.stamps is None or self.frames < 2:
            return self.frames / self.rate
        return (self.stamps[-1] - self.stamps[0]) * self.tick * self.frames / (self.frames - 1)

    def seconds(self, place: int) -> Fraction:
        """From the first frame to the one at `place`."""
        if self.stamps is None:
            return place / self.rate
        return (self.stamps[place] - self.stamps[0]) * self.tick

    def holds(self, place: int, stamp: int) -> bool:
        """Whether the frame at `place` is the one that stands nearest to `stamp`."""
        if self.stamps is None:
            return place < self.frames
        return place < self.frames and _nearest(self.stamps, place, stamp)


def timeline_of(source: Source, path: str) -> Timeline:
    """Read the packets of `path`, which `source` has open at its first frame.

    The container's own count is not asked: it is often wrong. What an edit list leaves out, and
    what stands before the first frame that can be decoded, is not counted.

    Raises:
        InputError: the file cannot be read to its end.
    """
    stamps, frames = array("q"), 0
    complete = not source.presentation_is_guessed
    reliable = complete and not source.mended_timestamps
    first = source.first_frame.pts if reliable else None
    with open_input(path, source.label, max_pixels=source.max_pixels) as container:
        video = container.streams.video[0]
        stream = container.streams[source.video.index]
        # VP8 keeps pictures that are only referred to in packets of their own
        may_hide = video.codec_context.codec.canonical_name == "vp8"
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if may_hide and not bytes(packet)[0] & 0x10:
                    continue
                if packet.pts is None:
                    complete = False
                elif first is not None and packet.pts < first:
                    continue
                else:
                    stamps.append(packet.pts)
                frames += 1
        except av.error.FFmpegError as error:
            raise InputError(f"{source.label}: cannot be read: {error.strerror}") from error
    ordered = array("q", sorted(stamps))
    unique = all(one < other for one, other in pairwise(ordered))
    return Timeline(
        source.label,
        frames,
        ordered if complete and unique else None,
        source.time_base,
        source.picture.rate,
    )


def check_match(reference: Timeline, distorted: Timeline) -> None:
    """See that every frame of one file has a frame of the other at its time.

    Each file is counted from its own first frame; a frame may be off by less than half the time to
    its nearest neighbour. Where a file has no times only the number of frames counts.

    Raises:
        InputError: the files do not match; the message says where.
    """
    stray = _first_stray(reference, distorted)
    if reference.frames != distorted.frames:
        where = "" if stray is None else f"; the first that differs is frame {stray}"
        raise InputError(
            f"{_length(distorted)} cannot be scored against {_length(reference)}{where}"
        )
    if stray is not None:
        raise InputError(
            f"{distorted.label}: frame {stray} comes {_at(distorted, stray)} after the first, but "
            f"{_at(reference, stray)} in {reference.label}; their times must match to be scored"
        )


def _first_stray(reference: Timeline, distorted: Timeline) -> int | None:
    """The first frame that has none of the other file at its time."""
    if reference.stamps is None or distorted.stamps is None:
        return None
    unit = Fraction(1, math.lcm(reference.tick.denominator, distorted.tick.denominator))
    good, bad = (
        [(stamp - each.stamps[0]) * int(each.tick / unit) for stamp in each.stamps]
        for each in (reference, distorted)
        if each.stamps is not None
    )
    common = min(len(good), len(bad))
    strays = (place for place in range(common) if not _nearest(good, place, bad[place]))
    return next(strays, None)


def _nearest(stamps: array[int] | list[int], place: int, stamp: int) -> bool:
    """Whether `stamp` is off by less than half the time between `place` and its neighbours."""
    around = stamps[max(0, place - 1) : place + 2]
    gaps = (after - before for before, after in pairwise(around))
    return all(2 * abs(stamp - stamps[place]) < gap for gap in gaps)


def _length(each: Timeline) -> str:
    return f"{each.label} ({each.frames} frames, {float(each.duration):.3f} s)"


def _at(each: Timeline, place: int) -> str:
    return f"{float(each.seconds(place)):.6f} s"
