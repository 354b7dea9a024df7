"""The page of a comparison: scores over time, and the frames that came out worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlcodec.engine.comparison import Comparison, MetricScores
from rlcodec.events import OnEvent, Reporting, ignore
from rlcodec.media.pairs import FramePairs
from rlcodec.media.trial import LIBRARIES
from rlcodec.report import page
from rlcodec.report.charts import chart, timeline
from rlcodec.report.frames import FramePair, how_shown, lowest, picked, require_extra
from rlcodec.report.scores import Columns, columns, time_feet
from rlcodec.report.sliders import Sides, slider
from rlcodec.report.words import METRIC_NAMES, clock, score, signed, text
from rlcodec.settings import MAX_PIXELS

MOST_FRAMES = 6
"""How many frames are shown at most."""


def comparison_page(
    comparison: Comparison,
    *,
    max_pixels: int = MAX_PIXELS,
    command: str | None = None,
    on_progress: OnEvent | None = None,
) -> str:
    """A page of HTML about a comparison; its files are read once more, for the pictures.

    Args:
        comparison: what `rlcodec.compare` found.
        max_pixels: the largest picture, in pixels, that is decoded.
        command: what was run, for those who want to run it again.
        on_progress: called when the pictures are looked for.

    Raises:
        SettingsError: what the pictures need is not installed.
        InputError: a file cannot be used any more.
    """
    require_extra()
    (on_progress or ignore)(Reporting())
    metric = "ssim" if "ssim" in comparison.metrics else next(iter(comparison.metrics))
    places = lowest(comparison.metrics[metric].values, comparison.times, MOST_FRAMES)
    with FramePairs(comparison.reference, comparison.distorted, max_pixels=max_pixels) as pairs:
        frames = picked(pairs, pairs.picture, places)
        shown = how_shown(pairs.picture)
    return page.page(
        f"{Path(comparison.distorted).name} against {Path(comparison.reference).name}",
        _summary(comparison),
        [
            page.section("Scores", _table(comparison)),
            page.section("Over time", _timeline(comparison)),
            page.section(
                f"Frames with the lowest {METRIC_NAMES[metric]}",
                *(_frame(comparison, each) for each in frames),
                page.paragraph(shown),
            ),
            page.section("How it was measured", *_facts(comparison, command)),
        ],
    )


def _summary(comparison: Comparison) -> str:
    means = " and ".join(
        f"<strong>{METRIC_NAMES[name]} {score(name, scores.mean)}</strong>"
        for name, scores in comparison.metrics.items()
    )
    name, scores = next(iter(comparison.metrics.items()))
    worst = scores.worst_shot
    return (
        f"{means} on average over {comparison.frames:,} frames. The worst shot by "
        f"{METRIC_NAMES[name]}, from {clock(worst.start_s)} on, has {score(name, worst.mean)}."
    )


def _table(comparison: Comparison) -> str:
    heads = ["Metric", "Mean", "Of the mean error", "Harmonic mean", "5th percentile", "Worst shot"]
    return page.table(
        "Scores of luma, by frame, and what they come to",
        heads,
        [_row(name, scores) for name, scores in comparison.metrics.items()],
    )


def _row(name: str, scores: MetricScores) -> Sequence[str]:
    overall, worst = scores.of_mean_error, scores.worst_shot
    return (
        METRIC_NAMES[name],
        score(name, scores.mean),
        "\N{EN DASH}" if overall is None else score(name, overall),
        score(name, scores.harmonic_mean),
        score(name, scores.p5),
        f"{score(name, worst.mean)} from {clock(worst.start_s)}, {worst.frames:,} frames",
    )


def _timeline(comparison: Comparison) -> str:
    times = [*comparison.times, comparison.duration_s]
    feet = [(share, clock(seconds)) for share, seconds in time_feet(comparison.duration_s)]
    by_metric = {name: columns(scores.values, times) for name, scores in comparison.metrics.items()}
    charts = [
        chart(
            METRIC_NAMES[name] + (" in dB" if "psnr" in name else ""),
            [each.series(METRIC_NAMES[name])],
            says=f"{score(name, float(each.lows.min()))} to {score(name, float(each.highs.max()))}",
            feet=feet,
        )
        for name, each in by_metric.items()
    ]
    return timeline("Read out at", charts, _readings(by_metric, times))


def _readings(by_metric: dict[str, Columns], times: Sequence[float]) -> list[tuple[float, str]]:
    first = next(iter(by_metric.values()))
    ends = [*first.starts[1:].tolist(), len(times) - 1]
    readings = []
    for place, (start, end) in enumerate(zip(first.starts.tolist(), ends, strict=True)):
        frames = f"Frame {start:,}" if end - start == 1 else f"Frames {start:,} to {end - 1:,}"
        scores = [
            f"{METRIC_NAMES[name]} {score(name, float(each.means[place]))}"
            + (f" (lowest {score(name, float(each.lows[place]))})" if end - start > 1 else "")
            for name, each in by_metric.items()
        ]
        words = f"{frames} at {clock(times[start])}: {', '.join(scores)}"
        readings.append((float(first.middles[place]), words))
    return readings


def _frame(comparison: Comparison, pair: FramePair) -> str:
    scores = ", ".join(
        f"{METRIC_NAMES[name]} {score(name, each.values[pair.place])}"
        for name, each in comparison.metrics.items()
    )
    title = f"Frame {pair.place:,} at {clock(comparison.times[pair.place])}"
    return slider(pair, Sides("Reference", "Distorted"), title, text(scores))


def _facts(comparison: Comparison, command: str | None) -> list[str]:
    shift = f"begins {signed(float(comparison.shift), 6)} s from the reference's beginning"
    pairs = [
        ("Reference", comparison.reference),
        ("Distorted", comparison.distorted + (f"; {shift}" if comparison.shift else "")),
        ("Frames", f"{comparison.frames:,} in {comparison.duration_s:.3f} s"),
        ("Libraries", LIBRARIES),
    ]
    return [
        page.facts("What was compared", pairs),
        page.notes(comparison.notes),
        page.code(command) if command else "",
    ]
