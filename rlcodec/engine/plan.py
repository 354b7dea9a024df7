"""One file in, its plan out: the driver that decides about every frame and encodes none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from rlcodec.engine.director import Directed
from rlcodec.engine.setup import (
    capability_for,
    expected_frames,
    open_source,
    refuse_input_as_output,
    steering_for,
)
from rlcodec.errors import InputError, SettingsError
from rlcodec.events import (
    PROGRESS_INTERVAL_S,
    Notice,
    OnEvent,
    Progress,
    SegmentDecided,
    Started,
    ignore,
)
from rlcodec.media.filters import PictureFilter
from rlcodec.media.source import Source
from rlcodec.media.types import VideoFrame
from rlcodec.plans.formats import RENDERERS, render
from rlcodec.plans.record import Plan, PlannedInput, PlannedSegment
from rlcodec.publish import PendingFile
from rlcodec.settings import Choices, Settings


def plan(
    input: str | Path,  # noqa: A002 # the name that users know
    settings: Settings | None = None,
    *,
    output: str | Path | None = None,
    format: str = "json",  # noqa: A002 # the name that users know
    overwrite: bool = False,
    on_progress: OnEvent | None = None,
    **choices: Unpack[Choices],
) -> Plan:
    """Decide about the CRF of every shot of a file, and encode nothing.

    The decisions are those that `transcode` makes with the same settings, by a policy that does not
    ask what the encoder made of earlier segments: nothing is encoded here that could be told.
    `rule`, `fixed` and the shipped ones do not ask; a `Notice` names a policy that does.

    Args:
        input: a video file, or `-` for standard input.
        settings: how it will be encoded; the defaults of `Settings` where None. What is copied
            beside the video makes no difference.
        output: a file to write the plan to; it appears once it is complete, or not at all.
        format: what to write, one of `plans.formats.RENDERERS`.
        overwrite: whether an existing output may be replaced.
        on_progress: called with every event, in the order in which things happen.
        choices: single fields of `Settings`, on top of `settings`.

    Raises:
        SettingsError: a setting makes no sense, or the encoder would ignore the plan.
        PolicyError: the policy's file is none, or does not fit.
        InputError: the input cannot be used.
        OutputError: the output exists already, or cannot be written.
    """
    chosen = replace(settings or Settings(), **choices)
    if format not in RENDERERS:
        raise SettingsError(f"format {format!r} is not known: choose one of {', '.join(RENDERERS)}")
    with ExitStack() as stack:
        pending = None
        if output is not None:
            refuse_input_as_output(input, Path(output))
            # First of all, so that nothing is done for an output that cannot be written
            pending = PendingFile(Path(output), overwrite=overwrite)
            stack.callback(pending.discard)
        alone = replace(chosen, audio=False, subtitles=False)
        source = stack.enter_context(open_source(input, alone))
        made = _Planner(source, chosen, on_progress or ignore).run()
        if pending is not None:
            pending.fill(render(made, format).encode())
        return made


class _Planner:
    """The work on one file."""

    def __init__(self, source: Source, settings: Settings, tell: OnEvent) -> None:
        self._source = source
        self._settings = settings
        self._tell = tell
        self._filter = PictureFilter(source, settings)
        self._picture = self._filter.picture
        # What a transcode would refuse is refused before the work is done
        capability_for(settings, self._picture.pix_fmt)
        self._steering = steering_for(settings, self._picture)
        self._director = self._steering.director
        self._segments: list[PlannedSegment] = []
        self._current: SegmentDecided | None = None
        self._frames = 0
        self._first = self._end = 0
        self._told = time.monotonic()

    def run(self) -> Plan:
        duration = self._source.duration
        self._tell(
            Started(
                input=self._source.label,
                output=None,
                width=self._picture.width,
                height=self._picture.height,
                frames=expected_frames(self._source, self._settings),
                duration_s=None if duration is None else float(duration),
            )
        )
        for notice in self._steering.notices:
            self._tell(notice)
        if self._steering.asks_encoder:
            self._tell(
                Notice(
                    f"policy {self._steering.name} goes by what the encoder makes of earlier "
                    "segments, which a plan cannot know: a transcode may decide otherwise"
                )
            )
        self._pass_on_notes()
        for frame, decision in self._directed():
            self._take(frame, decision)
        for note in self._source.notices:
            self._tell(Notice(note))
        if not self._frames:
            raise InputError(f"{self._source.label}: holds no frame")
        self._tell(Progress(self._frames))
        return self._plan()

    def _directed(self) -> Iterator[Directed]:
        for item in self._source:
            if isinstance(item, VideoFrame):
                for frame in self._filter.push(item):
                    yield from self._director.push(frame)
                self._pass_on_notes()
        for frame in self._filter.flush():
            yield from self._director.push(frame)
        yield from self._director.finish()

    def _pass_on_notes(self) -> None:
        for note in self._filter.take_notes():
            self._tell(Notice(note))

    def _take(self, frame: VideoFrame, decision: SegmentDecided) -> None:
        assert frame.pts is not None
        if not self._frames:
            self._first = frame.pts
        self._frames += 1
        self._end = frame.pts + (frame.duration or 0)
        if decision is not self._current:
            self._current = decision
            self._segments.append(
                PlannedSegment(
                    start_frame=decision.start_frame,
                    frames=decision.frames,
                    start_s=self._seconds(frame.pts),
                    crf=decision.crf,
                    new_shot=decision.new_shot,
                )
            )
            self._tell(decision)
        now = time.monotonic()
        if now - self._told > PROGRESS_INTERVAL_S:
            self._told = now
            self._tell(Progress(self._frames, None, decision.crf))

    def _seconds(self, stamp: int) -> float:
        """From the first frame on, to the microsecond."""
        return float(round((stamp - self._first) * self._picture.time_base, 6))

    def _plan(self) -> Plan:
        settings, picture = self._settings, self._picture
        return Plan(
            input=PlannedInput(
                name=Path(self._source.label).name,
                frames=self._frames,
                declared_frames=self._source.declared_frames,
                width=picture.width,
                height=picture.height,
                rate=Fraction(picture.rate),
                duration_s=self._seconds(self._end),
            ),
            codec=settings.codec,
            preset=settings.preset,
            crf=settings.crf,
            policy=self._steering.name,
            policy_digest=self._steering.digest,
            scale=settings.scale,
            fps=settings.fps,
            deinterlace=settings.deinterlace,
            pix_fmt=settings.pix_fmt,
            segments=tuple(self._segments),
        )
