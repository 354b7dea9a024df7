"""One policy on one clip: CRF, bits and quality shot by shot beside fixed CRF, and frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlcodec.benchmark.results import ClipResult, Part, Point
from rlcodec.report import page
from rlcodec.report.charts import Series, chart, timeline
from rlcodec.report.gallery import Contrast
from rlcodec.report.scores import time_feet
from rlcodec.report.sliders import Sides, slider
from rlcodec.report.words import (
    METRIC_NAMES,
    change,
    clock,
    number,
    rate,
    score,
    signed,
    size,
    text,
)

_METRICS = ("ssim_y", "psnr_y")
_RATE = "Bit rate in kbit/s"


class Panel:
    """A policy on a clip at one base CRF."""

    def __init__(
        self, clip: ClipResult, policy: str, fixed: Point, own: Point, frames: Sequence[Contrast]
    ) -> None:
        """`fixed` and `own` have the same parts, one at least."""
        self._clip, self._policy = clip, policy
        self._fixed, self._own = fixed, own
        self._frames = frames
        self._pairs = list(zip(fixed.parts, own.parts, strict=True))

    def html(self) -> str:
        """All of it."""
        return "\n".join(
            [
                f"<h4>{text(self._policy)}</h4>",
                page.paragraph(self._words()),
                self._timeline(),
                self._table(),
                *(self._frame(each) for each in self._frames),
            ]
        )

    def _words(self) -> str:
        fixed, own = self._fixed, self._own
        scores = ", ".join(
            f"{METRIC_NAMES[each]} {score(each, own.scores[each].mean)} against "
            f"{score(each, fixed.scores[each].mean)}"
            for each in _METRICS
            if each in own.scores and each in fixed.scores
        )
        return (
            f"At base CRF {number(own.crf)}, {self._policy} makes {size(own.bytes)} against "
            f"{size(fixed.bytes)} of fixed CRF ({change(_percent(own.bytes, fixed.bytes))}); "
            f"{scores}."
        )

    def _timeline(self) -> str:
        feet = [(share, clock(at)) for share, at in time_feet(self._clip.duration_s)]
        kinds: list[tuple[str, Callable[[Part], float], Callable[[float], str]]] = [
            ("CRF", lambda part: self._own.crf if part.crf is None else part.crf, number),
            (_RATE, lambda part: self._rate(part) / 1000, number),
            ("SSIM", lambda part: part.ssim_y, lambda value: score("ssim_y", value)),
            ("PSNR in dB", lambda part: part.psnr_y, lambda value: score("psnr_y", value)),
        ]
        charts = []
        for title, value, written in kinds:
            # Fixed CRF has the look that it has in the other charts
            series = [
                self._steps("fixed", [value(part) for part, _ in self._pairs], 0),
                self._steps(self._policy, [value(part) for _, part in self._pairs], 1),
            ]
            ends = [value(part) for _, part in self._pairs]
            says = f"{self._policy} {written(min(ends))} to {written(max(ends))}"
            charts.append(chart(title, series, says=says, feet=feet, from_zero=title == _RATE))
        readings = [
            (
                (own.start_frame + own.frames / 2) / self._clip.frames,
                f"{number(place)} of {len(self._pairs)}, {self._span(own)}: "
                + ", ".join(self._cells(fixed, own)),
            )
            for place, (fixed, own) in enumerate(self._pairs, start=1)
        ]
        return timeline("Read out segment", charts, readings)

    def _steps(self, name: str, values: Sequence[float], style: int) -> Series:
        points = [
            (part.start_frame / self._clip.frames, value)
            for (part, _), value in zip(self._pairs, values, strict=True)
        ]
        return Series(name, [*points, (1.0, values[-1])], style, steps=True)

    def _table(self) -> str:
        heads = ["Time", "CRF", "Bit rate", "SSIM", "PSNR"]
        rows = [
            [self._span(own), *(text(cell) for cell in self._cells(fixed, own, named=False))]
            for fixed, own in self._pairs
        ]
        caption = f"Segments of {self._clip.name}, {self._policy} against fixed CRF"
        return page.folded("The same as a table", page.table(caption, heads, rows))

    def _cells(self, fixed: Part, own: Part, *, named: bool = True) -> list[str]:
        crf = "\N{EN DASH}"
        if own.crf is not None:
            offset = own.crf - self._own.crf
            crf = number(own.crf) + (f" ({signed(offset, 1)})" if offset else "")
        cells = {
            "CRF": crf,
            "": f"{rate(self._rate(own))} ({change(_percent(own.bytes, fixed.bytes), 1)})",
            "SSIM": f"{score('ssim_y', own.ssim_y)} ({signed(own.ssim_y - fixed.ssim_y, 4)})",
            "PSNR": f"{score('psnr_y', own.psnr_y)} ({signed(own.psnr_y - fixed.psnr_y)})",
        }
        return [f"{name} {cell}".strip() if named else cell for name, cell in cells.items()]

    def _span(self, part: Part) -> str:
        start, end = part.start_frame, part.start_frame + part.frames
        return f"{clock(start / self._clip.rate)} to {clock(end / self._clip.rate)}"

    def _rate(self, part: Part) -> float:
        return part.bytes * 8 / (part.frames / self._clip.rate)

    def _frame(self, each: Contrast) -> str:
        place = each.pair.place
        title = f"Frame {place:,} at {clock(place / self._clip.rate)}"
        words = ", ".join(
            f"{METRIC_NAMES[metric]} {score(metric, each.policy[metric])} against "
            f"{score(metric, each.fixed[metric])}"
            for metric in _METRICS
            if metric in each.policy and metric in each.fixed
        )
        return slider(each.pair, Sides("Fixed", self._policy), title, text(words), heading="h5")


def _percent(own: float, fixed: float) -> float:
    return 100 * (own / fixed - 1) if fixed else 0.0
