"""Hard cuts, found frame by frame from thumbnails with a delay of a few frames.

A cut is a change that no small camera move explains, that stands out from the changes around it,
and that lasts: a flash goes back to what was there before. Fades and dissolves change little from
one frame to the next and are not cuts. The constants were chosen on marked clips;
`benchmarks/shots.py` measures them against FFmpeg's `scdet` and PySceneDetect.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from rlcodec.analysis.features import Thumbnail

LEAST_CHANGE = 17.0
"""Mean change of block means, in 8-bit levels, that makes a cut where contrast is full."""
FULL_CONTRAST = 50.0
"""Standard deviation of block means from which `LEAST_CHANGE` counts whole, not in proportion."""
LEAST_CONTRAST = 0.3
"""The share of `LEAST_CHANGE` that is asked for at the least."""
PROMINENCE = 1.35
"""How many times the largest change nearby a cut must be."""
PERSISTENCE = 0.6
"""The share of the change by which the pictures on both sides must go on to differ."""


def reach_for(rate: float) -> int:
    """Frames that are looked at on both sides of a change: about a tenth of a second, 3 to 6."""
    return min(6, max(3, round(rate / 10)))


@dataclass(slots=True)
class _Seen:
    """A frame that is still looked at; the changes are from the frame before it."""

    thumbnail: Thumbnail
    contrast: float
    change: float
    moved_change: float | None = None


class ShotDetector:
    """Tells, `reach` frames late, whether a frame is the first of a new shot."""

    def __init__(self, rate: float) -> None:
        """Start a stream of `rate` frames per second."""
        self.reach = reach_for(rate)
        self._seen = deque[_Seen](maxlen=2 * self.reach + 2)
        self._undecided = 0

    def push(self, thumbnail: Thumbnail) -> list[bool]:
        """Take the next frame's thumbnail; the verdict on the frame `reach` frames ago, if any."""
        change = 0.0
        if self._seen:
            change = float(np.abs(thumbnail - self._seen[-1].thumbnail).mean())
        self._seen.append(_Seen(thumbnail, float(thumbnail.std()), change))
        self._undecided += 1
        if self._undecided <= self.reach:
            return []
        return [self._decide()]

    def flush(self) -> list[bool]:
        """The verdicts on the frames that are left when the stream has ended."""
        return [self._decide() for _ in range(self._undecided)]

    def _decide(self) -> bool:
        place = len(self._seen) - self._undecided
        self._undecided -= 1
        return self._is_cut(place)

    def _is_cut(self, place: int) -> bool:
        if place == 0:
            return False
        frame, before = self._seen[place], self._seen[place - 1]
        contrast = max(frame.contrast, before.contrast) / FULL_CONTRAST
        least = LEAST_CHANGE * min(1.0, max(LEAST_CONTRAST, contrast))
        # Allowing for moves can only lessen a change, and costs far more: try without first
        if frame.change < least:
            return False
        change = self._moved_change(place)
        if change < least:
            return False
        first = max(1, place - self.reach)
        last = min(len(self._seen) - 1, place + self.reach)
        limit = change / PROMINENCE
        rivals = [
            near
            for near in range(first, last + 1)
            if near != place
            and self._seen[near].change > limit
            and self._moved_change(near) > limit
        ]
        if rivals == [place + 1]:
            # One frame of light on the cut makes two changes. The first counts, if the frames before
            # and after the light differ, though less than both do from the light.
            across = self._across(place)
            others = set(range(first, last + 1)) - {place, place + 1}
            # The two frames lie two steps of any motion apart
            motion = 2 * max((self._seen[other].change for other in others), default=0.0)
            most = min(change, self._moved_change(place + 1))
            if not max(least, PROMINENCE * motion) <= across < most:
                return False
            change = across
        elif rivals:
            return False
        lasting = PERSISTENCE * change
        goes_back = any(
            _difference_after_move(self._seen[later].thumbnail, before.thumbnail) < lasting
            for later in range(place + 1, last + 1)
        )
        came_back = any(
            _difference_after_move(frame.thumbnail, self._seen[earlier].thumbnail) < lasting
            for earlier in range(max(0, place - 1 - self.reach), place - 1)
        )
        return not goes_back and not came_back

    def _across(self, place: int) -> float:
        """How much the frames before and after this one differ."""
        after, before = self._seen[place + 1], self._seen[place - 1]
        return _difference_after_move(after.thumbnail, before.thumbnail)

    def _moved_change(self, place: int) -> float:
        frame = self._seen[place]
        if frame.moved_change is None:
            before = self._seen[place - 1].thumbnail
            frame.moved_change = _difference_after_move(frame.thumbnail, before)
        return frame.moved_change


def _difference_after_move(a: Thumbnail, b: Thumbnail) -> float:
    """The least mean absolute difference over moves of up to one row and two columns."""
    rows, columns = a.shape
    differences = []
    for y in (-1, 0, 1):
        for x in (-2, -1, 0, 1, 2):
            if abs(y) >= rows or abs(x) >= columns:
                continue
            part = a[max(0, y) : rows + min(0, y), max(0, x) : columns + min(0, x)]
            other = b[max(0, -y) : rows + min(0, -y), max(0, -x) : columns + min(0, -x)]
            differences.append(float(np.abs(part - other).mean()))
    return min(differences)
