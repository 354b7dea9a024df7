"""The page of a transcode: CRF, bits and quality over time, and the frames that came out worst."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlcodec.engine.result import Result
from rlcodec.events import OnEvent, SegmentEncoded, ignore
from rlcodec.media.trial import LIBRARIES
from rlcodec.report import page
from rlcodec.report.charts import Series, chart, timeline
from rlcodec.report.frames import FramePair, require_extra
from rlcodec.report.measured import METRICS, Measured, measure, why_not
from rlcodec.report.scores import columns, time_feet
from rlcodec.report.sliders import Sides, slider
from rlcodec.report.words import (
    METRIC_NAMES,
    change,
    clock,
    count,
    number,
    rate,
    score,
    signed,
    size,
    text,
)
from rlcodec.settings import Settings


def transcode_page(
    result: Result,
    settings: Settings,
    *,
    command: str | None = None,
    on_progress: OnEvent | None = None,
) -> str:
    """A page of HTML about a finished transcode, for which both files are read again.

    Args:
        result: what `rlcodec.transcode` gave.
        settings: what it was asked for.
        command: what was run, for those who want to run it again.
        on_progress: called with every event.

    Raises:
        SettingsError: what the pictures need is not installed.
        InputError: a file cannot be used any more.
    """
    require_extra()
    reason = why_not(result)
    measured = None if reason else measure(result, settings, on_progress or ignore)
    view = _View(result, measured)
    return page.page(
        f"{Path(result.output).name}, made of {Path(result.input).name}",
        view.summary(),
        [
            page.section("Over time", view.timeline(), view.segments()),
            page.section(
                "Frames with the lowest SSIM",
                *view.frames(),
                page.paragraph(measured.shown if measured else f"Nothing was measured: {reason}."),
            ),
            page.section(
                "How it was made",
                page.facts("File and settings", view.facts(settings)),
                page.notes(result.notices),
                page.code(command) if command else "",
            ),
        ],
    )


class _View:
    """What there is to say of a result, and of what was measured of it, if anything."""

    def __init__(self, result: Result, measured: Measured | None) -> None:
        self._result = result
        self._measured = measured
        times = measured.times if measured else self._evenly()
        self._times = [*times, max(result.duration_s, times[-1])]
        self._length = self._times[-1] or 1.0

    def _evenly(self) -> list[float]:
        frames = self._result.frames
        return [place * self._result.duration_s / frames for place in range(frames)]

    def summary(self) -> str:
        result = self._result
        words = f"{text(Path(result.output).name)}: <strong>{size(result.bytes)}</strong>"
        if result.input_bytes:
            smaller = 100 * (1 - result.bytes / result.input_bytes)
            than = "less" if smaller >= 0 else "more"
            words += f", {abs(smaller):.1f}\N{NO-BREAK SPACE}% {than} than the input"
        if self._measured:
            words += " at " + " and ".join(
                f"{METRIC_NAMES[each]} {score(each, self._measured.mean(each))}" for each in METRICS
            )
        if result.kept == "input":
            words += "; it was dropped, and the input kept"
        return (
            f"{words}. What the policy {text(result.policy)} saved against one CRF for all shots "
            "cannot be told from one encode: <code>rlcodec benchmark</code> measures that."
        )

    def timeline(self) -> str:
        feet = [(share, clock(seconds)) for share, seconds in time_feet(self._length)]
        charts = [
            chart(title, series, says=says, feet=feet, from_zero=from_zero)
            for title, series, says, from_zero in self._panels()
        ]
        segments = self._result.segments
        readings = [
            ((self._place(each) + self._end(each)) / 2, self._reading(number, each))
            for number, each in enumerate(segments, start=1)
        ]
        return timeline("Read out segment", charts, readings)

    def _panels(self) -> Iterator[tuple[str, list[Series], str, bool]]:
        result = self._result
        crfs = [each.crf for each in result.segments]
        yield (
            "CRF",
            [
                self._steps("chosen", crfs, 0),
                Series("base", [(0, result.crf), (1, result.crf)], 1),
            ],
            f"{number(min(crfs))} to {number(max(crfs))}, base {number(result.crf)}",
            False,
        )
        rates = [self._rate(each) / 1000 for each in result.segments]
        yield (
            "Bit rate in kbit/s",
            [dataclasses.replace(self._steps("video", rates, 0), area=True)],
            f"{rate(min(rates) * 1000)} to {rate(max(rates) * 1000)}",
            True,
        )
        if self._measured:
            for metric in METRICS:
                yield self._quality(metric, self._measured)
        else:
            psnr = [each.psnr for each in result.segments if each.psnr is not None]
            if len(psnr) == len(result.segments):
                series = [self._steps("PSNR", psnr, 2)]
                says = f"{score('psnr', min(psnr))} to {score('psnr', max(psnr))}"
                yield "PSNR in dB, as the encoder reports it", series, says, False

    def _quality(self, metric: str, measured: Measured) -> tuple[str, list[Series], str, bool]:
        by_frame = columns(measured.scores[metric], self._times)
        means = [
            measured.mean(metric, each.start_frame, each.frames) for each in self._result.segments
        ]
        name = METRIC_NAMES[metric]
        says = (
            f"segments {score(metric, min(means))} to {score(metric, max(means))}, worst frame "
            f"{score(metric, float(by_frame.lows.min()))}"
        )
        return (
            name + (" in dB" if metric == "psnr" else ""),
            [self._steps("mean of a segment", means, 0), by_frame.series("frames", 2)],
            says,
            False,
        )

    def _steps(self, name: str, values: Sequence[float], style: int) -> Series:
        points = [
            (self._place(each), value)
            for each, value in zip(self._result.segments, values, strict=True)
        ]
        return Series(name, [*points, (1.0, values[-1])], style, steps=True)

    def _place(self, segment: SegmentEncoded) -> float:
        return self._times[segment.start_frame] / self._length

    def _end(self, segment: SegmentEncoded) -> float:
        return self._times[segment.start_frame + segment.frames] / self._length

    def _rate(self, segment: SegmentEncoded) -> float:
        seconds = (self._end(segment) - self._place(segment)) * self._length
        return segment.bytes * 8 / (seconds or 1.0)

    def _reading(self, index: int, segment: SegmentEncoded) -> str:
        start, end = (place * self._length for place in (self._place(segment), self._end(segment)))
        of = f"{index:,} of {len(self._result.segments):,}"
        words = [f"CRF {self._crf(segment)}", rate(self._rate(segment)), size(segment.bytes)]
        words += [
            f"{METRIC_NAMES[each]} {self._score(each, segment)}"
            for each in METRICS
            if self._measured
        ]
        return f"{of}, {clock(start)} to {clock(end)}: {', '.join(words)}"

    def _crf(self, segment: SegmentEncoded) -> str:
        offset = segment.crf - self._result.crf
        return number(segment.crf) + (f" ({signed(offset, 1)})" if offset else "")

    def _score(self, metric: str, segment: SegmentEncoded) -> str:
        assert self._measured is not None
        return score(metric, self._measured.mean(metric, segment.start_frame, segment.frames))

    def segments(self) -> str:
        metrics = METRICS if self._measured else ()
        rows = [
            [
                clock(self._place(each) * self._length),
                f"{each.frames:,}",
                self._crf(each),
                size(each.bytes),
                rate(self._rate(each)),
                *(self._score(metric, each) for metric in metrics),
            ]
            for each in self._result.segments
        ]
        heads = ["From", "Frames", "CRF", "Size", "Bit rate", *(METRIC_NAMES[m] for m in metrics)]
        return page.folded("The same as a table", page.table("Segments", heads, rows))

    def frames(self) -> Iterator[str]:
        if self._measured:
            for pair in self._measured.frames:
                yield self._frame(pair, self._measured)

    def _frame(self, pair: FramePair, measured: Measured) -> str:
        crf = next(
            each.crf
            for each in self._result.segments
            if each.start_frame <= pair.place < each.start_frame + each.frames
        )
        scores = [
            f"{METRIC_NAMES[each]} {score(each, measured.scores[each][pair.place])}"
            for each in METRICS
        ]
        title = f"Frame {pair.place:,} at {clock(self._times[pair.place])}"
        words = text(", ".join([*scores, f"CRF {number(crf)}"]))
        return slider(pair, Sides("Source", "Encode"), title, words)

    def facts(self, settings: Settings) -> Iterator[tuple[str, str]]:
        result = self._result
        yield (
            "Input",
            result.input + (f", {size(result.input_bytes)}" if result.input_bytes else ""),
        )
        yield (
            "Output",
            f"{result.output}, {size(result.bytes)}, of it video {size(result.video_bytes)}",
        )
        if result.input_bytes:
            yield "Against the input", change(100 * (result.bytes / result.input_bytes - 1), 1)
        seconds = result.duration_s or 1.0
        yield "Video bit rate", rate(result.video_bytes * 8 / seconds)
        if self._measured:
            yield "Other streams kept", ", ".join(self._measured.streams) or "none"
        yield "Length", f"{count(result.frames, 'frame')}, {result.duration_s:.3f} s"
        yield (
            "Shots",
            f"{count(result.shots, 'shot')} in {count(len(result.segments), 'segment')}",
        )
        yield "Encoder", f"{result.codec}, preset {result.preset}, base CRF {number(result.crf)}"
        digest = f", SHA-256 {result.digest}" if result.digest else ""
        yield "Policy", f"{result.policy}, scope {settings.scope}{digest}"
        yield from _choices(settings)
        yield "Time", f"{result.wall_s:.1f} s, {result.frames / max(result.wall_s, 1e-6):.1f} fps"
        yield "Libraries", LIBRARIES


_SAID = {"codec", "preset", "crf", "policy", "scope"}


def _choices(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings that differ from their defaults, and are not told of already."""
    usual = Settings()
    for each in dataclasses.fields(Settings):
        value = getattr(settings, each.name)
        if each.name in _SAID or value == getattr(usual, each.name):
            continue
        if each.name == "encoder_options":
            value = ", ".join(f"{key}={option}" for key, option in value.items())
        if each.name == "scale":
            value = "x".join(map(str, value))
        yield each.name.replace("_", " ").capitalize(), str(value)
