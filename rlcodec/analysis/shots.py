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
        if frame.change < least or self._moved_change(place) < least:
            return False
        change = self._prominent_change(place, least)
        return change is not None and self._lasts(place, change)

    def _prominent_change(self, place: int, least: float) -> float | None:
        """The change into this shot, None where the changes nearby are as large."""
        change = self._moved_change(place)
        limit = change / PROMINENCE
        near = self._near(place)
        rivals = [
            each
            for each in near
            if self._seen[each].change > limit and self._moved_change(each) > limit
        ]
        if rivals != [place + 1]:
            return None if rivals else change
        # One frame of light on the cut makes two changes. The first counts, if the frames before
        # and after the light differ by more than motion makes them, and by less than from the light
        across = self._difference(place + 1, place - 1)
        motion = 2 * max((self._seen[each].change for each in near if each != place + 1), default=0)
        most = min(change, self._moved_change(place + 1))
        return across if max(least, PROMINENCE * motion) <= across < most else None

    def _lasts(self, place: int, change: float) -> bool:
        """Whether no picture nearby comes back to what was there on the other side."""
        lasting = PERSISTENCE * change
        near = self._near(place)
        goes_back = any(
            self._difference(each, place - 1) < lasting for each in near if each > place
        )
        came_back = any(
            self._difference(place, each) < lasting
            for each in range(max(0, place - 1 - self.reach), place - 1)
        )
        return not goes_back and not came_back

    def _near(self, place: int) -> list[int]:
        """Frames up to `reach` away that have a frame before them."""
        last = min(len(self._seen) - 1, place + self.reach)
        return [each for each in range(max(1, place - self.reach), last + 1) if each != place]

    def _moved_change(self, place: int) -> float:
        frame = self._seen[place]
        if frame.moved_change is None:
            frame.moved_change = self._difference(place, place - 1)
        return frame.moved_change

    def _difference(self, one: int, other: int) -> float:
        return _difference_after_move(self._seen[one].thumbnail, self._seen[other].thumbnail)


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
