"""The studio: one clip, decoded, and everything that encodes it and scores what was encoded.

All that is compared is encoded from the same decoded frames, by one thread: more of them change the
bytes, and by how much depends on the machine. What decoding the clip costs is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.scoring import Scored, score
from rlcodec.corpus.crew import OnFrame
from rlcodec.engine.director import Director, PolicyDirector
from rlcodec.engine.session import Session, Step
from rlcodec.engine.setup import capability_for, steering_for
from rlcodec.events import SegmentDecided
from rlcodec.media.containers import BY_SUFFIX
from rlcodec.media.encoder import AdaptiveEncoder
from rlcodec.media.output import Output
from rlcodec.media.readback import frames_of
from rlcodec.media.reference import PIX_FMT, Reference
from rlcodec.media.trial import options_with_threads
from rlcodec.media.two_pass import two_pass
from rlcodec.media.types import VideoFrame
from rlcodec.plans.record import Plan, PlannedInput, PlannedSegment
from rlcodec.policy.interface import Policy
from rlcodec.settings import Settings

THREADS = 1
"""Of every encode."""
_SUFFIX = ".mkv"

Chosen = tuple[tuple[int, float], ...]
"""Frames, and the CRF that the encoder was told for them, from the first frame to the last."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file; `chosen` is None where the encoder was told no CRF."""

    path: Path
    chosen: Chosen | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames of a clip that follow each other: `frames` of them, from the one numbered `start`."""

    start: int
    frames: int


class Studio:
    """Encodes one clip, or pieces of it, and scores the files.

    Attributes:
        clip: what is encoded.
        settings: codec, preset and options of all encodes.
        encoded: how many frames were encoded so far.
    """

    def __init__(
        self, reference: Reference, clip: Clip, settings: Settings, folder: Path, on_frame: OnFrame
    ) -> None:
        """Work in `folder`; `on_frame` is called after every frame that is encoded."""
        self.clip, self.settings = clip, settings
        self.encoded = 0
        self._reference, self._folder, self._on_frame = reference, folder, on_frame
        self._numbers = count()

    @property
    def whole(self) -> Piece:
        """All frames."""
        return Piece(0, self._reference.frames)

    def fixed(self, crf: float, piece: Piece | None = None, *, preset: str | None = None) -> Made:
        """Encode at one CRF, with nothing but the encoder.

        Raises:
            EncodeError: the encoder failed.
            OutputError: the file cannot be written.
        """
        preset = preset or self.settings.preset
        settings = replace(self.settings, crf=crf, preset=preset, policy="fixed")
        piece = piece or self.whole
        output, encoder = self._open(settings)
        for frame in self._frames(piece):
            for each in encoder.encode(frame, 0.0):
                output.write_video(each.packet)
        for each in encoder.flush():
            output.write_video(each.packet)
        output.close()
        return Made(self._path, ((piece.frames, crf),))

    def by_policy(self, crf: float, policy: str, scope: str) -> Made:
        """Encode as `transcode` does.

        Raises:
            PolicyError: the policy does not fit.
            EncodeError, OutputError: as `fixed` does.
        """
        settings = replace(self.settings, crf=crf, policy=policy, scope=scope)
        return self.directed(settings, steering_for(settings, self._reference.picture).director)

    def by_decider(self, crf: float, policy: Policy, scope: str) -> Made:
        """Encode as `transcode` would if it knew a policy.

        Raises:
            EncodeError, OutputError: as `fixed` does.
        """
        settings = replace(self.settings, crf=crf, scope=scope)
        return self.directed(settings, PolicyDirector(self._reference.picture, policy, settings))

    def by_plan(self, crf: float, segments: Iterable[tuple[int, float]], policy: str) -> Made:
        """Encode `segments`, frames and CRF of each, in one running encoder with the base `crf`.

        Raises:
            EncodeError, OutputError: as `fixed` does.
        """
        settings = replace(self.settings, crf=crf)
        plan = self._plan(settings, list(segments), policy)
        if plan.steady:
            return self.fixed(crf)
        return self.directed(
            settings, steering_for(settings, self._reference.picture, plan).director
        )

    def directed(self, settings: Settings, director: Director) -> Made:
        """Encode at the CRFs that `director` gives."""
        output, encoder = self._open(settings)
        session = Session(encoder, self._reference.picture, director)
        chosen: list[tuple[int, float]] = []

        def take(step: Step) -> None:
            for packet in step.packets:
                output.write_video(packet)
            decided = (event for event in step.events if isinstance(event, SegmentDecided))
            chosen.extend((each.frames, each.crf) for each in decided)

        for frame in self._frames(self.whole):
            take(session.push(frame))
        take(session.finish())
        output.close()
        return Made(self._path, tuple(chosen))

    def two_pass(self, bitrate: int) -> Made:
        """Encode in two passes at a bitrate, in bits per second.

        Raises:
            EncodeError, OutputError: as `fixed` does.
        """
        two_pass(
            lambda: self._frames(self.whole),
            self._next_path(),
            self._reference.picture,
            self.settings,
            bitrate=bitrate,
            folder=self._folder,
            threads=THREADS,
        )
        return Made(self._path, None)

    def score(self, made: Made, metrics: Sequence[str], piece: Piece | None = None) -> Scored:
        """The scores of every frame of a file.

        Args:
            made: the file.
            metrics: by the names in `results.METRICS`.
            piece: of which frames it was made; of all where None.

        Raises:
            EncodeError: the file does not decode to as many frames.
        """
        piece = piece or self.whole
        frames = self._reference.piece(piece.start, piece.frames)
        return score(self._reference.picture, frames, frames_of(made.path), metrics)

    def _plan(self, settings: Settings, segments: Sequence[tuple[int, float]], policy: str) -> Plan:
        clip, planned, start = self.clip, [], 0
        for frames, crf in segments:
            seconds = round(start / clip.rate, 6)
            planned.append(
                PlannedSegment(
                    start_frame=start, frames=frames, start_s=seconds, crf=crf, new_shot=True
                )
            )
            start += frames
        return Plan(
            input=PlannedInput(
                name=clip.entry.name,
                frames=clip.frames,
                declared_frames=None,
                width=clip.width,
                height=clip.height,
                rate=self._reference.picture.rate,
                duration_s=clip.duration_s,
            ),
            codec=settings.codec,
            preset=settings.preset,
            crf=settings.crf,
            policy=policy,
            segments=tuple(planned),
        )

    def _open(self, settings: Settings) -> tuple[Output, AdaptiveEncoder]:
        """A new file, and the encoder that is to fill it."""
        picture = self._reference.picture
        capability = capability_for(settings, PIX_FMT)
        path = self._next_path()
        output = Output(path, BY_SUFFIX[_SUFFIX], label=str(path))
        options = options_with_threads(settings, THREADS)
        stream = output.add_video(settings.codec, picture, options)
        stream.codec_context.thread_count = THREADS
        output.start()
        return output, AdaptiveEncoder(stream, picture, capability)

    def _next_path(self) -> Path:
        self._path = self._folder / f"{next(self._numbers)}{_SUFFIX}"
        return self._path

    def _frames(self, piece: Piece) -> Iterable[VideoFrame]:
        """New frames of a piece, to be encoded: they count."""
        for frame in self._reference.piece(piece.start, piece.frames):
            yield frame
            self.encoded += 1
            self._on_frame()
