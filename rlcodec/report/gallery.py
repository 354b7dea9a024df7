"""The pictures of a benchmark, and how much room each may take, so that the page stays light."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlcodec.media.stills import Still
from rlcodec.report.frames import LONGEST, FramePair

ROOM = 7_500_000
"""Bytes of all pictures together; base64 makes a third more of them."""
MOST_FRAMES = 4
"""How many frames of a policy on a clip are shown at most."""
_FRAMES = 60
"""How many in all, but for one of each."""
_SMALLEST = 320
_BYTES_PER_PIXEL = 0.35
"""Of both pictures of a frame and their map: more than most take at the best quality."""
_SHAPE = 16 / 9


@dataclass(frozen=True, slots=True)
class Room:
    """What the frames of one policy on one clip may take.

    Attributes:
        frames: how many.
        longest: the longest side of their pictures, in pixels.
        most_bytes: of the pictures of one frame.
    """

    frames: int
    longest: int
    most_bytes: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """A frame as fixed CRF and as a policy made it.

    Attributes:
        pair: its pictures; fixed CRF is on the left.
        fixed, policy: its scores, by metric.
    """

    pair: FramePair
    fixed: Mapping[str, float]
    policy: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ClipPictures:
    """What is seen of a clip: a thumbnail, and frames by policy."""

    thumbnail: Still
    frames: Mapping[str, Sequence[Contrast]]


def room_for(panels: int) -> Room:
    """The room for each of so many policies on clips, one at least."""
    frames = min(MOST_FRAMES, max(1, _FRAMES // panels))
    most = ROOM / (panels * frames)
    longest = math.sqrt(most / _BYTES_PER_PIXEL * _SHAPE)
    return Room(frames, round(min(LONGEST, max(_SMALLEST, longest))), most)
