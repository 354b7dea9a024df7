"""One file in, one file out: the driver that joins source, filters, session and output."""

from __future__ import annotations

import stat
import time
from array import array
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from rlcodec.engine.result import Result
from rlcodec.engine.session import Session, Step
from rlcodec.engine.setup import (
    capability_for,
    expected_frames,
    open_source,
    options_for,
    refuse_input_as_output,
    steering_for,
)
from rlcodec.errors import InputError, PlanError, SettingsError
from rlcodec.events import (
    PROGRESS_INTERVAL_S,
    Checking,
    Event,
    Notice,
    OnEvent,
    Progress,
    SegmentDecided,
    SegmentEncoded,
    Started,
    ignore,
)
from rlcodec.media.check import check
from rlcodec.media.containers import Container, container_for
from rlcodec.media.encoder import AdaptiveEncoder
from rlcodec.media.filters import PictureFilter
from rlcodec.media.output import Output
from rlcodec.media.routes import Way, codec_of, routes
from rlcodec.media.source import STANDARD_INPUT, Source
from rlcodec.media.types import VideoFrame
from rlcodec.plans.reading import load_plan
from rlcodec.plans.record import Plan
from rlcodec.publish import PendingFile
from rlcodec.settings import Choices, Settings


def transcode(
    input: str | Path,  # noqa: A002 # the name that users know
    output: str | Path,
    settings: Settings | None = None,
    *,
    plan: Plan | str | Path | None = None,
    overwrite: bool = False,
    keep_smaller: bool = False,
    on_progress: OnEvent | None = None,
    **choices: Unpack[Choices],
) -> Result:
    """Transcode one file with a CRF chosen for every shot.

    Args:
        input: a video file, or `-` for standard input.
        output: the file to write; its suffix says which container. It appears once it is complete
            and was read back, or not at all.
        settings: how; the defaults of `Settings`, or those of `plan`, where None.
        plan: the CRF of every segment, decided beforehand, or the file that says it: nothing is
            analysed, and no policy is asked.
        overwrite: whether an existing output may be replaced.
        keep_smaller: whether an output that is not smaller than the input is dropped, and nothing
            written.
        on_progress: called with every event, in the order in which things happen.
        choices: single fields of `Settings`, on top of `settings`.

    Returns:
        What was done, segment by segment.

    Raises:
        SettingsError: a setting, or the output's name, makes no sense; or the input has no size
            that `keep_smaller` could go by.
        PolicyError: the policy's file is none, or does not fit.
        PlanError: `plan` cannot be read, or is not one of this video, or of these settings.
        InputError: the input cannot be used.
        EncodeError: the encoder failed.
        OutputError: the output exists already, cannot be written, or failed its check.
    """
    if isinstance(plan, (str, Path)):
        plan = load_plan(plan)
    chosen = _choose(settings, plan, choices)
    target = Path(output)
    container = container_for(target)
    refuse_input_as_output(input, target)
    with ExitStack() as stack:
        # First of all, so that nothing is done for an output that cannot be written
        pending = PendingFile(target, overwrite=overwrite)
        stack.callback(pending.discard)
        source = stack.enter_context(open_source(input, chosen))
        size = _size_of(str(input))
        if keep_smaller and size is None:
            raise SettingsError(
                f"{source.label}: has no size, and whether the output is smaller cannot be told; "
                "name a file, or leave --keep-smaller out"
            )
        run = _Run(source, pending, container, chosen, plan=plan, tell=on_progress or ignore)
        return run.run(size, keep_smaller=keep_smaller)


def _choose(settings: Settings | None, plan: Plan | None, choices: Choices) -> Settings:
    if plan is None:
        return replace(settings or Settings(), **choices)
    if settings is None:
        return plan.settings(**choices)
    chosen = replace(settings, **choices)
    if chosen.crf != plan.crf:
        raise PlanError(f"{plan.label}: has the base CRF {plan.crf:g}, and crf is {chosen.crf:g}")
    return chosen


def _size_of(path: str) -> int | None:
    """Bytes of a file; None for a pipe."""
    if path == STANDARD_INPUT:
        return None
    status = Path(path).stat()
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class _Run:
    """The work on one file, from its first frame to its name."""

    def __init__(
        self,
        source: Source,
        pending: PendingFile,
        container: Container,
        settings: Settings,
        *,
        plan: Plan | None,
        tell: OnEvent,
    ) -> None:
        self._began = time.monotonic()
        self._source = source
        self._pending = pending
        self._container = container
        self._settings = settings
        self._watcher = tell
        self._notices: list[str] = []
        self._shots = 0
        self._segments: list[SegmentEncoded] = []
        self._stamps = array("q")
        self._last_duration = 0
        self._packets = 0
        self._crf: float | None = None
        self._told = 0.0
        if plan is not None:
            plan.refuse_other_video(source.declared_frames)
        self._filter = PictureFilter(source, settings)
        picture = self._filter.picture
        capability = capability_for(settings, picture.pix_fmt, plan)
        self._steering = steering_for(settings, picture, plan)
        self._output = Output(pending.path, container, label=str(pending.label))
        stream = self._output.add_video(
            settings.codec, picture, options_for(settings), source.video
        )
        self._session = Session(
            AdaptiveEncoder(stream, picture, capability), picture, self._steering.director
        )

    def run(self, input_bytes: int | None, *, keep_smaller: bool) -> Result:
        picture = self._filter.picture
        self._tell(
            Started(
                input=self._source.label,
                output=str(self._pending.label),
                width=picture.width,
                height=picture.height,
                frames=expected_frames(self._source, self._settings),
                duration_s=None if self._source.duration is None else float(self._source.duration),
            )
        )
        for notice in self._steering.notices:
            self._pass_on(notice)
        try:
            self._choose_streams()
            self._encode()
            self._output.close()
            self._say_faults()
            shift = self._check()
        except BaseException:
            # First, because abandoning a file writes its end, which may mean all of it once more
            self._pending.discard()
            self._output.abandon()
            raise
        size = self._pending.path.stat().st_size
        smaller = input_bytes is None or size < input_bytes
        if not smaller:
            than = f"no smaller than the input ({size:,} against {input_bytes:,} bytes)"
            if keep_smaller:
                self._notice(f"the output would be {than}: it is dropped, and the input kept")
            else:
                self._notice(f"the output is {than}; --keep-smaller would keep the input instead")
        kept = "output" if smaller or not keep_smaller else "input"
        if kept == "output":
            self._pending.publish()
        return self._result(size, input_bytes, shift, kept)

    def _choose_streams(self) -> None:
        self._pass_on_notes()
        source, suffix = self._source, self._pending.label.suffix
        chapters = source.chapters
        kept = []
        for route in routes(source.others, self._container, suffix, chapters=bool(chapters)):
            if route.note:
                self._notice(route.note)
            if route.way is Way.LEAVE:
                continue
            if self._output.add(route, source.pictures.get(route.stream.index)):
                kept.append(route.stream)
            else:
                self._notice(
                    f"{route.stream.type} stream {route.stream.index} ({codec_of(route.stream)}) "
                    f"is left out: {suffix} files do not take it"
                )
        # Whole ticks of the video, so that sound and picture move by the same
        tick = self._filter.picture.time_base
        self._output.shift = -(source.start(kept) // tick) * tick
        if chapters and not self._container.chapters:
            self._notice(f"{len(chapters)} chapters are left out: {suffix} files cannot hold them")
            chapters = []
        self._output.describe(source.metadata, chapters)
        self._output.start()

    def _encode(self) -> None:
        for item in self._source:
            if isinstance(item, VideoFrame):
                for frame in self._filter.push(item):
                    self._push(frame)
                self._pass_on_notes()
            else:
                self._output.write_other(item)
        for frame in self._filter.flush():
            self._push(frame)
        if not self._stamps:
            raise InputError(f"{self._source.label}: holds no frame")
        self._take(self._session.finish())
        for notice in self._source.notices:
            self._notice(notice)

    def _say_faults(self) -> None:
        for index, count in self._output.faults.items():
            self._notice(f"stream {index}: {count} packets are damaged, and nothing came of them")

    def _pass_on_notes(self) -> None:
        for note in self._filter.take_notes():
            self._notice(note)

    def _push(self, frame: VideoFrame) -> None:
        assert frame.pts is not None
        self._stamps.append(frame.pts)
        self._last_duration = frame.duration or 0
        self._take(self._session.push(frame))

    def _take(self, step: Step) -> None:
        for packet in step.packets:
            self._output.write_video(packet)
        self._packets += len(step.packets)
        for event in step.events:
            if isinstance(event, SegmentEncoded):
                self._segments.append(event)
            elif isinstance(event, SegmentDecided):
                self._crf = event.crf
                self._shots += event.new_shot
            self._tell(event)
        now = time.monotonic()
        if step.packets and now - self._told > PROGRESS_INTERVAL_S:
            self._told = now
            self._tell(Progress(self._packets, self._output.video_bytes, self._crf))

    def _check(self) -> Fraction:
        self._tell(Progress(self._packets, self._output.video_bytes, self._crf))
        self._tell(Checking())
        shift = check(
            self._pending.path,
            self._stamps,
            self._filter.picture.time_base,
            muxer=self._container.muxer,
            label=str(self._pending.label),
        )
        if shift:
            self._notice(f"all timestamps were moved by {float(shift):+.6f} s")
        return shift

    def _result(self, size: int, input_bytes: int | None, shift: Fraction, kept: str) -> Result:
        settings, time_base = self._settings, self._filter.picture.time_base
        ticks = self._stamps[-1] + self._last_duration - self._stamps[0]
        return Result(
            input=self._source.label,
            output=str(self._pending.label),
            kept=kept,
            input_bytes=input_bytes,
            frames=len(self._stamps),
            bytes=size,
            video_bytes=self._output.video_bytes,
            duration_s=float(ticks * time_base),
            wall_s=time.monotonic() - self._began,
            codec=settings.codec,
            preset=settings.preset,
            crf=settings.crf,
            policy=self._steering.name,
            digest=self._steering.digest,
            shift=shift,
            shots=self._shots,
            segments=tuple(sorted(self._segments, key=lambda each: each.start_frame)),
            notices=tuple(self._notices),
        )

    def _notice(self, message: str) -> None:
        self._pass_on(Notice(message))

    def _pass_on(self, notice: Notice) -> None:
        self._notices.append(notice.message)
        self._tell(notice)

    def _tell(self, event: Event) -> None:
        self._watcher(event)
