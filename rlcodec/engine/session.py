"""The session: push a frame, get packets and events; a director says the CRF of every frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rlcodec.engine.director import Directed, Director
from rlcodec.events import Event, SegmentDecided, SegmentEncoded
from rlcodec.media.encoder import AdaptiveEncoder, EncodedFrame
from rlcodec.media.picture import Picture
from rlcodec.media.probe import psnr
from rlcodec.media.types import VideoFrame, VideoPacket


@dataclass(slots=True)
class Step:
    """What one push gave: packets in coding order, and what there is to tell."""

    packets: list[VideoPacket] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _InEncoder:
    """A segment on its way through the encoder: what of it has come out so far."""

    decision: SegmentDecided
    to_come: int
    bytes: int = 0
    squared_error: int | None = 0


class Session:
    """Encodes one stream of frames as a director says, and accounts for every segment."""

    def __init__(self, encoder: AdaptiveEncoder, picture: Picture, director: Director) -> None:
        """Drive `encoder`, set up for `picture`s at the base CRF of `director`."""
        self._encoder = encoder
        self._picture = picture
        self._director = director
        self._sending: _InEncoder | None = None
        self._owners: dict[int, _InEncoder] = {}

    def push(self, frame: VideoFrame) -> Step:
        """Take the next frame: its timestamp set and rising, its format that of the picture."""
        return self._encode(self._director.push(frame))

    def finish(self) -> Step:
        """Encode what waits and flush the encoder; no frame can follow."""
        step = self._encode(self._director.finish())
        self._collect(self._encoder.flush(), step)
        return step

    def _encode(self, directed: Iterable[Directed]) -> Step:
        step = Step()
        for frame, decision in directed:
            if self._sending is None or decision is not self._sending.decision:
                self._sending = _InEncoder(decision, to_come=decision.frames)
                step.events.append(decision)
            assert frame.pts is not None
            self._owners[frame.pts] = self._sending
            self._collect(self._encoder.encode(frame, decision.offset), step)
        return step

    def _collect(self, encoded: list[EncodedFrame], step: Step) -> None:
        for each in encoded:
            step.packets.append(each.packet)
            owner = self._owners.pop(each.pts)
            owner.to_come -= 1
            owner.bytes += each.packet.size
            if each.squared_error is None or owner.squared_error is None:
                owner.squared_error = None
            else:
                owner.squared_error += each.squared_error
            if not owner.to_come:
                step.events.append(self._account(owner))

    def _account(self, done: _InEncoder) -> SegmentEncoded:
        decision = done.decision
        quality = None
        if done.squared_error is not None:
            samples = self._picture.width * self._picture.height * decision.frames
            quality = psnr(done.squared_error, samples, peak=2**self._picture.bit_depth - 1)
        self._director.reported(decision.index, done.bytes, quality)
        return SegmentEncoded(
            index=decision.index,
            start_frame=decision.start_frame,
            frames=decision.frames,
            crf=decision.crf,
            bytes=done.bytes,
            psnr=quality,
        )
