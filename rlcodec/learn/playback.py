"""Playback: an episode, decided about as a transcode would be, with reports as late as there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis import state
from rlcodec.learn.episodes import Episode
from rlcodec.policy.interface import Policy, bounded
from rlcodec.settings import CRF_RANGE, Settings


def title_of(
    episode: Episode, crf: float, scope: str, max_offset: float = Settings.max_offset
) -> state.Title:
    """What a state says of the title, where the user asks for `crf`, `scope` and `max_offset`."""
    return state.Title(
        width=episode.width,
        height=episode.height,
        rate=episode.rate,
        crf=crf,
        max_offset=max_offset,
        scope=scope,
    )


class Playback:
    """One pass over an episode: decide about `segment` until there is none.

    A segment is reported, in order, before a decision that is made at its end plus the encoder's
    delay or later: bytes and PSNR as the table has them at the CRF that was chosen.
    """

    def __init__(self, episode: Episode, title: state.Title) -> None:
        """Begin with nothing seen."""
        self.episode = episode
        self.history = state.History(title)
        self.offsets: list[float] = []
        self._reported = 0

    @property
    def segment(self) -> state.Segment | None:
        """The segment to decide about; None when all are decided."""
        place = len(self.offsets)
        return self.episode.segments[place] if place < len(self.episode.segments) else None

    def decide(self, offset: float) -> None:
        """Encode the segment at the base CRF plus `offset`, and go on to the next."""
        segment = self.segment
        assert segment is not None
        self.history.decided(segment, offset)
        self.offsets.append(offset)
        following = self.segment
        if following is not None:
            self._report(following.start_frame - self.episode.delay)

    def _report(self, encoded: int) -> None:
        """Report the segments that end with the first `encoded` frames."""
        while True:
            segment = self.episode.segments[self._reported]
            if segment.start_frame + len(segment.frames) > encoded:
                return
            crf = self.history.title.crf + self.offsets[self._reported]
            count, psnr = self.episode.curves.one(self._reported, crf)
            self.history.reported(segment.index, count, None if math.isnan(psnr) else psnr)
            self._reported += 1


def replay(
    policy: Policy,
    episode: Episode,
    crf: float,
    scope: str,
    max_offset: float = Settings.max_offset,
) -> NDArray[np.float64]:
    """The offsets (S) that `policy` chooses for an episode, as a transcode would have them."""
    playback = Playback(episode, title_of(episode, crf, scope, max_offset))
    while (segment := playback.segment) is not None:
        action = policy.decide(state.build(segment, playback.history))
        playback.decide(bounded(action, crf=crf, max_offset=max_offset, crf_range=CRF_RANGE))
    return np.array(playback.offsets)
