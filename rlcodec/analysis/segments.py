"""Frames to segments: the one place where it is decided how far a decision reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import Segment


class Segmenter:
    """Cuts a stream of frames into segments, each as late as it can be.

    Frames wait in a window of fixed length. When the first frame of a segment leaves the window,
    the whole segment is settled: up to the next cut, or as far as the frames have been judged.
    """

    def __init__(self, lookahead: int) -> None:
        """Let `lookahead` frames wait, at least one."""
        self._lookahead = lookahead
        self._rows = deque[NDArray[np.float32]]()
        self._cuts = deque[int]()
        self._judged = 0
        self._start = 0
        self._index = 0
        self._finished = False

    def push(self, row: NDArray[np.float32], verdicts: Sequence[bool]) -> None:
        """Take the next frame's measurements, and verdicts on the frames that had none so far."""
        self._rows.append(row)
        self._judge(verdicts)

    def finish(self, verdicts: Sequence[bool]) -> None:
        """Take the last verdicts; no frame can follow."""
        self._judge(verdicts)
        self._finished = True

    def take(self) -> Segment | None:
        """The next segment, if its first frame leaves the window: ask after every push."""
        if len(self._rows) <= (0 if self._finished else self._lookahead):
            return None
        start = self._start
        new_shot = start == 0
        # With a lookahead shorter than the detector's reach a cut is known after it was passed
        while self._cuts and self._cuts[0] <= start:
            self._cuts.popleft()
            new_shot = True
        self._start = self._cuts[0] if self._cuts else max(self._judged, start + 1)
        rows = [self._rows.popleft() for _ in range(self._start - start)]
        segment = Segment(self._index, start, new_shot, np.stack(rows))
        self._index += 1
        return segment

    def _judge(self, verdicts: Sequence[bool]) -> None:
        for is_cut in verdicts:
            if is_cut:
                self._cuts.append(self._judged)
            self._judged += 1
