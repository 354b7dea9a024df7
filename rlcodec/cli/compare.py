"""`rlcodec compare`."""

from __future__ import annotations

import json

import click

from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.cli.report import report_file, report_option
from rlcodec.cli.verbose import verbose_option
from rlcodec.engine.compare import METRICS, compare
from rlcodec.engine.comparison import Comparison, MetricScores
from rlcodec.report.comparison import comparison_page
from rlcodec.settings import MAX_PIXELS


@click.command(name="compare")
@click.argument("reference", metavar="REFERENCE")
@click.argument("distorted", metavar="DISTORTED")
@click.option(
    "--metric",
    "metrics",
    default="psnr,ssim",
    show_default=True,
    metavar="M,M...",
    help=f"Any of {', '.join(METRICS)}.",
)
@click.option(
    "--max-pixels",
    type=int,
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
@report_option
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing report.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON document.")
@verbose_option
@examples(
    "rlcodec compare holiday.mov holiday.mp4",
    "rlcodec compare film.mkv small.mkv --metric ssim,xpsnr,vmaf --json",
)
def command(
    reference: str,
    distorted: str,
    metrics: str,
    *,
    max_pixels: int,
    report: str | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Score DISTORTED, frame by frame, against the REFERENCE that it was made from.

    Frames are compared as they are shown, those of the same time with each other; only luma counts.
    Files of different sizes, lengths or times are refused.
    """
    display = ProgressDisplay(bar=not verbose)
    with report_file(report, overwrite=overwrite, reads=(reference, distorted)) as page:
        try:
            result = compare(
                reference,
                distorted,
                [name.strip() for name in metrics.split(",") if name.strip()],
                max_pixels=max_pixels,
                on_progress=display,
            )
        finally:
            display.clear()
        try:
            if page is not None:
                page.write(
                    lambda command: comparison_page(
                        result, max_pixels=max_pixels, command=command, on_progress=display
                    )
                )
        finally:
            display.clear()
            print_result(json.dumps(result.as_dict()) if as_json else _table(result))


def _table(result: Comparison) -> str:
    shift = f", begins {float(result.shift):+.6f} s" if result.shift else ""
    files = f"{one_line(result.distorted)} against {one_line(result.reference)}"
    lines = [
        f"{files}: {result.frames} frames, {result.duration_s:.3f} s{shift}",
        f"{'':6}{'mean':>9}{'overall':>9}{'harmonic':>10}{'5th %':>9}  worst shot",
    ]
    lines += [_row(name, scores) for name, scores in result.metrics.items()]
    if any(scores.of_mean_error is not None for scores in result.metrics.values()):
        lines.append("overall: the decibels of the mean error")
    return "\n".join(lines)


def _row(name: str, scores: MetricScores) -> str:
    digits = 4 if name == "ssim" else 2
    overall = "" if scores.of_mean_error is None else f"{scores.of_mean_error:.{digits}f}"
    shot = scores.worst_shot
    return (
        f"{name:6}{scores.mean:9.{digits}f}{overall:>9}{scores.harmonic_mean:10.{digits}f}"
        f"{scores.p5:9.{digits}f}  {shot.mean:.{digits}f} from {shot.start_s:.3f} s "
        f"(frame {shot.start_frame}, {shot.frames} frames)"
    )
