"""Directors: they take frames and give them back in order, each with the decision for it.

`PolicyDirector` looks at the pictures and asks a policy, `PlanDirector` reads from a plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from rlcodec.analysis import state
from rlcodec.analysis.segments import Segmenter
from rlcodec.engine.analyst import Analyst
from rlcodec.errors import PlanError
from rlcodec.events import SegmentDecided
from rlcodec.media.picture import Picture
from rlcodec.media.types import VideoFrame
from rlcodec.plans.record import Plan
from rlcodec.policy.interface import Policy, bounded
from rlcodec.settings import CRF_RANGE, Settings

LOOKAHEAD_FRAMES = 96
LOOKAHEAD_BYTES = 256 * 2**20

Directed = tuple[VideoFrame, SegmentDecided]
"""A frame, and the decision for its segment: one object for all frames of the segment."""


class Director(Protocol):
    """Decides the CRF of every frame.

    What comes out of `push` and `finish` is made while it is taken: take all of it.
    """

    def push(self, frame: VideoFrame) -> Iterator[Directed]:
        """Take the next frame: its timestamp set and rising, its format that of the picture."""

    def finish(self) -> Iterator[Directed]:
        """The frames that still wait; none can follow."""

    def reported(self, index: int, encoded_bytes: int, psnr: float | None) -> None:
        """Take note of what the encoder made of a segment: bytes, and PSNR in dB if known."""


def lookahead(picture: Picture) -> int:
    """Frames that wait: at most `LOOKAHEAD_FRAMES`, at most `LOOKAHEAD_BYTES`, at least one."""
    return max(1, min(LOOKAHEAD_FRAMES, LOOKAHEAD_BYTES // picture.frame_bytes))


class PolicyDirector:
    """Finds the shots and asks a policy about each.

    Frames wait in a window of fixed length. A frame is analysed when it enters and given back when
    it leaves, so that for every frame that comes in one goes out, and decoder and encoder stay busy
    together. The first frame of a segment to leave has its whole segment decided.
    """

    def __init__(self, picture: Picture, policy: Policy, settings: Settings) -> None:
        """Ask `policy` about a stream of `picture`s, within what `settings` allow."""
        self._policy = policy
        self._settings = settings
        self._lookahead = lookahead(picture)
        self._analyst = Analyst(picture)
        self._segmenter = Segmenter(self._lookahead)
        self._history = state.History(
            state.Title(
                width=picture.width,
                height=picture.height,
                rate=float(picture.rate),
                crf=settings.crf,
                max_offset=settings.max_offset,
                scope=settings.scope,
            )
        )
        self._window = deque[VideoFrame]()
        self._current: SegmentDecided | None = None
        self._left = 0

    def push(self, frame: VideoFrame) -> Iterator[Directed]:
        """Take the next frame; once the window is full, one leaves it."""
        analysed = self._analyst.push(frame)
        self._segmenter.push(analysed.row, analysed.verdicts)
        self._window.append(frame)
        if len(self._window) > self._lookahead:
            yield self._release()

    def finish(self) -> Iterator[Directed]:
        """The frames of the window."""
        self._segmenter.finish(self._analyst.finish())
        while self._window:
            yield self._release()

    def reported(self, index: int, encoded_bytes: int, psnr: float | None) -> None:
        """Later decisions may depend on it."""
        self._history.reported(index, encoded_bytes, psnr)

    def _release(self) -> Directed:
        if not self._left:
            self._current = self._decide()
            self._left = self._current.frames
        self._left -= 1
        assert self._current is not None
        return self._window.popleft(), self._current

    def _decide(self) -> SegmentDecided:
        segment = self._segmenter.take()
        assert segment is not None
        action = self._policy.decide(state.build(segment, self._history))
        offset = bounded(
            action,
            crf=self._settings.crf,
            max_offset=self._settings.max_offset,
            crf_range=CRF_RANGE,
        )
        self._history.decided(segment, offset)
        # Rounded, so that 23.1 and 0.25 make the 23.35 that a plan says
        crf = round(self._settings.crf + offset, 6)
        frames = len(segment.frames)
        return SegmentDecided(
            segment.index, segment.start_frame, frames, offset, crf, segment.new_shot
        )


class PlanDirector:
    """Takes segments and their CRF from a plan. Nothing is analysed, and no frame waits."""

    def __init__(self, plan: Plan) -> None:
        """Direct frames as `plan` says."""
        self._plan = plan
        self._decisions = iter(plan.decisions())
        self._current: SegmentDecided | None = None
        self._left = 0

    def push(self, frame: VideoFrame) -> Iterator[Directed]:
        """The frame, at once.

        Raises:
            PlanError: the plan has ended.
        """
        if not self._left:
            self._current = next(self._decisions, None)
            if self._current is None:
                raise PlanError(
                    f"{self._plan.label}: is not the plan of this video, which goes on after the "
                    f"{self._plan.frames} frames of the plan; plan it anew"
                )
            self._left = self._current.frames
        self._left -= 1
        assert self._current is not None
        yield frame, self._current

    def finish(self) -> Iterator[Directed]:
        """Nothing.

        Raises:
            PlanError: the plan has not ended.
        """
        last = self._current
        given = 0 if last is None else last.start_frame + last.frames - self._left
        if given != self._plan.frames:
            raise PlanError(
                f"{self._plan.label}: is not the plan of this video, which ends after {given} of "
                f"the {self._plan.frames} frames of the plan; plan it anew"
            )
        yield from ()

    def reported(self, index: int, encoded_bytes: int, psnr: float | None) -> None:
        """A plan is made already."""
