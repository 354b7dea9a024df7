"""The session: push a frame, get packets and events; the CRF is chosen segment by segment.

Frames wait in a window of fixed length. A frame is analysed when it enters and encoded when it
leaves, so that for every frame that comes in one goes out, and decoder and encoder stay busy
together. The first frame of a segment to leave has its whole segment decided: up to the next cut,
or as far as the window has been judged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rlcodec.analysis import state
from rlcodec.analysis.features import FeatureExtractor
from rlcodec.analysis.shots import ShotDetector
from rlcodec.events import Event, SegmentDecided, SegmentEncoded
from rlcodec.media.encoder import AdaptiveEncoder, EncodedFrame
from rlcodec.media.luma import SmallLuma, as_array
from rlcodec.media.picture import Picture
from rlcodec.media.probe import Probe, psnr
from rlcodec.media.types import VideoFrame, VideoPacket
from rlcodec.policy.interface import Policy, bounded
from rlcodec.settings import CRF_RANGE, Settings

LOOKAHEAD_FRAMES = 96
LOOKAHEAD_BYTES = 256 * 2**20


@dataclass(slots=True)
class Step:
    """What one push gave: packets in coding order, and what there is to tell."""

    packets: list[VideoPacket] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _InEncoder:
    """A segment on its way through the encoder: what of it has come out so far."""

    segment: state.Segment
    crf: float
    offset: float
    to_send: int
    to_come: int
    bytes: int = 0
    squared_error: int | None = 0


def lookahead(picture: Picture) -> int:
    """Frames that wait: at most `LOOKAHEAD_FRAMES`, at most `LOOKAHEAD_BYTES`, at least one."""
    return max(1, min(LOOKAHEAD_FRAMES, LOOKAHEAD_BYTES // picture.frame_bytes))


class Session:
    """Encodes one stream of frames, with a policy that picks the CRF of every segment."""

    def __init__(
        self, encoder: AdaptiveEncoder, picture: Picture, policy: Policy, settings: Settings
    ) -> None:
        """Drive `encoder`, set up for `picture`s at the base CRF of `settings`."""
        self._encoder = encoder
        self._picture = picture
        self._policy = policy
        self._settings = settings
        self._lookahead = lookahead(picture)
        self._small = SmallLuma(picture)
        self._probe = Probe(self._small.width, self._small.height)
        self._features = FeatureExtractor()
        self._detector = ShotDetector(float(picture.rate))
        self._history = state.History(
            state.Title(
                width=picture.width,
                height=picture.height,
                rate=float(picture.rate),
                crf=settings.crf,
                max_offset=settings.max_offset,
            )
        )
        self._window = deque[VideoFrame]()
        self._undecided = deque[state.Frame]()
        self._judged = 0
        self._decided = 0
        self._cuts = deque[int]()
        self._sending: _InEncoder | None = None
        self._owners: dict[int, _InEncoder] = {}

    def push(self, frame: VideoFrame) -> Step:
        """Take the next frame: its timestamp set and rising, its format that of the picture."""
        step = Step()
        self._analyse(frame)
        self._window.append(frame)
        if len(self._window) > self._lookahead:
            self._release(step)
        return step

    def finish(self) -> Step:
        """Encode what waits and flush the encoder; no frame can follow."""
        step = Step()
        self._judge(self._detector.flush())
        while self._window:
            self._release(step)
        self._collect(self._encoder.flush(), step)
        return step

    def _analyse(self, frame: VideoFrame) -> None:
        small = self._small.shrink(frame)
        features = self._features.measure(as_array(small))
        reading = self._probe.read(small)
        self._undecided.append(
            state.Frame(features, reading.bits_per_pixel, reading.qp, reading.psnr)
        )
        self._judge(self._detector.push(features.thumbnail))

    def _judge(self, verdicts: list[bool]) -> None:
        for is_cut in verdicts:
            if is_cut:
                self._cuts.append(self._judged)
            self._judged += 1

    def _release(self, step: Step) -> None:
        if self._sending is None or not self._sending.to_send:
            self._sending = self._decide(step)
        frame, segment = self._window.popleft(), self._sending
        segment.to_send -= 1
        assert frame.pts is not None
        self._owners[frame.pts] = segment
        self._collect(self._encoder.encode(frame, segment.offset), step)

    def _decide(self, step: Step) -> _InEncoder:
        start = self._decided
        new_shot = start == 0
        # With a lookahead shorter than the detector's reach a cut is known after it was passed
        while self._cuts and self._cuts[0] <= start:
            self._cuts.popleft()
            new_shot = True
        end = self._cuts[0] if self._cuts else max(self._judged, start + 1)
        frames = [self._undecided.popleft() for _ in range(end - start)]
        segment = state.Segment(self._history.segments, start, new_shot, frames)
        action = self._policy.decide(state.build(segment, self._history))
        offset = bounded(
            action,
            crf=self._settings.crf,
            max_offset=self._settings.max_offset,
            crf_range=CRF_RANGE,
        )
        self._history.decided(segment, offset)
        self._decided = end
        crf = self._settings.crf + offset
        step.events.append(SegmentDecided(segment.index, start, len(frames), offset, crf, new_shot))
        return _InEncoder(segment, crf, offset, to_send=len(frames), to_come=len(frames))

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
        count = len(done.segment.frames)
        quality = None
        if done.squared_error is not None:
            samples = self._picture.width * self._picture.height * count
            quality = psnr(done.squared_error, samples, peak=2**self._picture.bit_depth - 1)
        self._history.reported(done.segment.index, done.bytes, quality)
        return SegmentEncoded(
            index=done.segment.index,
            start_frame=done.segment.start_frame,
            frames=count,
            crf=done.crf,
            bytes=done.bytes,
            psnr=quality,
        )
