"""One file in, one file out: the driver that joins source, filters, session and output."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from rlcodec.engine.result import Result
from rlcodec.engine.session import Session, Step
from rlcodec.engine.setup import capability_for, options_for, policy_for
from rlcodec.errors import InputError, SettingsError
from rlcodec.events import (
    Checking,
    Event,
    Notice,
    Progress,
    SegmentDecided,
    SegmentEncoded,
    Started,
)
from rlcodec.media.check import check
from rlcodec.media.containers import Container, codec_of, container_for
from rlcodec.media.encoder import AdaptiveEncoder
from rlcodec.media.filters import PictureFilter
from rlcodec.media.output import Output
from rlcodec.media.publish import PendingFile
from rlcodec.media.source import STANDARD_INPUT, Source
from rlcodec.media.types import VideoFrame
from rlcodec.settings import Choices, Settings

PROGRESS_INTERVAL_S = 0.2

OnEvent = Callable[[Event], None]


def transcode(
    input: str | Path,  # noqa: A002 # the name that users know
    output: str | Path,
    settings: Settings | None = None,
    *,
    overwrite: bool = False,
    on_progress: OnEvent | None = None,
    **choices: Unpack[Choices],
) -> Result:
    """Transcode one file with a CRF chosen for every shot.

    Args:
        input: a video file, or `-` for standard input.
        output: the file to write; its suffix says which container. It appears once it is complete
            and was read back, or not at all.
        settings: how; the defaults of `Settings` where None.
        overwrite: whether an existing output may be replaced.
        on_progress: called with every event, in the order in which things happen.
        choices: single fields of `Settings`, on top of `settings`.

    Returns:
        What was done, segment by segment.

    Raises:
        SettingsError: a setting, or the output's name, makes no sense.
        InputError: the input cannot be used.
        EncodeError: the encoder failed.
        OutputError: the output exists already, cannot be written, or failed its check.
    """
    chosen = replace(settings or Settings(), **choices)
    target = Path(output)
    container = container_for(target)
    if str(input) != STANDARD_INPUT and _same_file(Path(input), target):
        raise SettingsError(f"{output}: is the input itself; write to another file")
    with ExitStack() as stack:
        # First of all, so that nothing is done for an output that cannot be written
        pending = PendingFile(target, overwrite=overwrite)
        stack.callback(pending.discard)
        source = stack.enter_context(
            Source(
                str(input),
                max_pixels=chosen.max_pixels,
                audio=chosen.audio,
                subtitles=chosen.subtitles,
            )
        )
        run = _Run(source, pending, container, chosen, on_progress or _ignore)
        return run.run()


def _ignore(event: Event) -> None:
    """Watch nothing."""


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one is not there, or out of reach: who opens it says so
        return False


class _Run:
    """The work on one file, from its first frame to its name."""

    def __init__(
        self,
        source: Source,
        pending: PendingFile,
        container: Container,
        settings: Settings,
        tell: OnEvent,
    ) -> None:
        self._began = time.monotonic()
        self._source = source
        self._pending = pending
        self._muxer = container.muxer
        self._settings = settings
        self._watcher = tell
        self._notices: list[str] = []
        self._segments: list[SegmentEncoded] = []
        self._stamps = array("q")
        self._last_duration = 0
        self._packets = 0
        self._crf: float | None = None
        self._told = 0.0
        self._filter = PictureFilter(source, settings)
        picture = self._filter.picture
        capability = capability_for(settings, picture.pix_fmt)
        self._output = Output(pending.path, container, label=str(pending.label))
        stream = self._output.add_video(settings.codec, picture, options_for(settings))
        self._session = Session(
            AdaptiveEncoder(stream, picture, capability), picture, policy_for(settings), settings
        )

    def run(self) -> Result:
        picture = self._filter.picture
        self._tell(
            Started(
                input=self._source.label,
                output=str(self._pending.label),
                width=picture.width,
                height=picture.height,
                frames=self._expected_frames(),
                duration_s=None if self._source.duration is None else float(self._source.duration),
            )
        )
        try:
            self._choose_streams()
            self._encode()
            self._output.close()
            shift = self._check()
        except BaseException:
            # First, because abandoning a file writes its end, which may mean all of it once more
            self._pending.discard()
            self._output.abandon()
            raise
        size = self._pending.path.stat().st_size
        self._pending.publish()
        return self._result(size, shift)

    def _expected_frames(self) -> int | None:
        if self._settings.fps is not None and self._source.duration is not None:
            return round(self._source.duration * self._settings.fps)
        return self._source.frames

    def _choose_streams(self) -> None:
        self._pass_on_notes()
        copied = []
        for stream in self._source.passed_through:
            if self._output.add_copy(stream):
                copied.append(stream)
            else:
                self._notice(
                    f"{stream.type} stream {stream.index} ({codec_of(stream)}) is left out: "
                    f"{self._pending.label.suffix} files cannot hold it"
                )
        for stream in self._source.left_out:
            self._notice(f"{stream.type} stream {stream.index} is left out")
        self._output.set_metadata(self._source.metadata)
        # Whole ticks of the video, so that sound and picture move by the same
        tick = self._filter.picture.time_base
        self._output.shift = -(self._source.start(copied) // tick) * tick

    def _encode(self) -> None:
        for item in self._source:
            if isinstance(item, VideoFrame):
                for frame in self._filter.push(item):
                    self._push(frame)
                self._pass_on_notes()
            else:
                self._output.write_copy(item)
        for frame in self._filter.flush():
            self._push(frame)
        if not self._stamps:
            raise InputError(f"{self._source.label}: holds no frame")
        self._take(self._session.finish())
        if self._source.mended_timestamps:
            self._notice(
                f"{self._source.mended_timestamps} timestamps of the input were missing or out of "
                "order, and were set anew"
            )

    def _pass_on_notes(self) -> None:
        for note in self._filter.notes:
            self._notice(note)
        self._filter.notes.clear()

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
            muxer=self._muxer,
            label=str(self._pending.label),
        )
        if shift:
            self._notice(f"all timestamps were moved by {float(shift):+.6f} s")
        return shift

    def _result(self, size: int, shift: Fraction) -> Result:
        settings, time_base = self._settings, self._filter.picture.time_base
        ticks = self._stamps[-1] + self._last_duration - self._stamps[0]
        return Result(
            input=self._source.label,
            output=str(self._pending.label),
            frames=len(self._stamps),
            bytes=size,
            video_bytes=self._output.video_bytes,
            duration_s=float(ticks * time_base),
            wall_s=time.monotonic() - self._began,
            codec=settings.codec,
            preset=settings.preset,
            crf=settings.crf,
            policy=settings.policy,
            shift=shift,
            segments=tuple(sorted(self._segments, key=lambda each: each.start_frame)),
            notices=tuple(self._notices),
        )

    def _notice(self, message: str) -> None:
        self._notices.append(message)
        self._tell(Notice(message))

    def _tell(self, event: Event) -> None:
        self._watcher(event)
