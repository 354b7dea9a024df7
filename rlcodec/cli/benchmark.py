"""`rlcodec benchmark`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from rlcodec.benchmark.methods import DEFAULT_RIVALS, SOURCES
from rlcodec.benchmark.results import LIBRARY, Curve, Results
from rlcodec.benchmark.run import run_benchmark
from rlcodec.cli.corpus import parse_grid
from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.cli.report import command_line
from rlcodec.cli.verbose import verbose_option
from rlcodec.corpus.reading import load_table
from rlcodec.errors import RlcodecError
from rlcodec.learn.optimum import BASE_CRFS
from rlcodec.settings import DEFAULT_POLICY, Settings
from rlcodec.units import size

_TITLES = {
    LIBRARY: "library: all clips together, one price per byte",
    "edited": "edited titles: clips of at least 4 shots, each by itself",
    "single": "single shots, each by itself",
}


@click.command(name="benchmark")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where everything is kept, and results.json, results.csv and report.html are written.",
)
@click.option("--codec", default=Settings.codec, show_default=True, help="The encoder.")
@click.option("--preset", default=Settings.preset, show_default=True, help="The encoder's preset.")
@click.option(
    "--policy",
    "policies",
    metavar="P,P...",
    help=f"Policies to measure, names or files.  [default: {DEFAULT_POLICY}, where it fits, and "
    "rule]",
)
@click.option(
    "--crf",
    "crfs",
    metavar="CRFS",
    default=",".join(f"{crf:g}" for crf in BASE_CRFS),
    show_default=True,
    help="Base CRFs, four at least: several with commas, or from-to/step.",
)
@click.option(
    "--rival",
    "rivals",
    metavar="R,R...",
    default=",".join(DEFAULT_RIVALS),
    show_default=True,
    help=f"Any of {', '.join(SOURCES)}.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    metavar="STORE.db",
    help="What the rival supervised is trained on: a store, or a table (.npz).",
)
@click.option(
    "--vmaf",
    is_flag=True,
    help="Measure VMAF as well, which takes about as long, and have searches aim at it.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Encodes side by side; as many as cores by default."
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document.")
@verbose_option
@examples(
    "rlcodec benchmark films/*.mkv -o bench",
    "rlcodec benchmark a.mkv b.mkv -o bench --policy rule,mine.safetensors --rival fixed,oracle",
)
def command(
    inputs: tuple[str, ...],
    *,
    folder: Path,
    codec: str,
    preset: str,
    policies: str | None,
    crfs: str,
    rivals: str,
    table: Path | None,
    vmaf: bool,
    jobs: int | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Encode INPUTs by policies and by the rules of other tools, and say what each is worth.

    INPUTs are videos, or manifests as for `rlcodec corpus add`. Everything is encoded from the same
    decoded frames by one thread, and scored on the finished files. What is measured is kept in DIR:
    run it again after it was stopped, or with more clips, policies or CRFs.
    """
    display = ProgressDisplay(bar=not verbose)
    try:
        results = run_benchmark(
            inputs,
            folder,
            policies=None if policies is None else _names(policies),
            crfs=parse_grid(crfs),
            codec=codec,
            preset=preset,
            rivals=_names(rivals),
            vmaf=vmaf,
            table=None if table is None else load_table(table, codec=codec, preset=preset),
            jobs=jobs,
            command=command_line(),
            on_progress=display,
        )
    finally:
        display.clear()
    print_result(results.to_json() if as_json else _table(results))
    for failure in results.failures:
        click.echo(f"failed: {one_line(failure.error)}", err=True)
    sys.exit(RlcodecError.exit_code if results.failures else 0)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _table(results: Results) -> str:
    lines: list[str] = []
    for each in results.sets:
        title = f"{_TITLES[each.name]}: {len(each.clips)} clips"
        lines += [title, *_compared(results, each.curves), ""]
    if not results.sets:
        # Clips of two or three shots are of no set
        for clip in results.clips:
            title = f"{one_line(clip.name)}: {clip.shots} shots"
            lines += [title, *_compared(results, clip.curves), ""]
    lines.append("BD-rates in percent against fixed CRF, negative is better, with 95 % intervals")
    cost = results.cost
    scoring = (cost.score_cpu_s + cost.other_cpu_s) / max(cost.encode_cpu_s, 1e-9)
    lines.append(
        f"encodes took {cost.encode_cpu_s:.0f} s of CPU; PSNR, SSIM and the books {scoring:.1%} on "
        f"top, XPSNR {cost.xpsnr_cpu_s:.0f} s, VMAF {cost.vmaf_cpu_s:.0f} s"
    )
    return "\n".join(lines)


def _compared(results: Results, curves: Sequence[Curve]) -> list[str]:
    width = max(len("method"), *(len(one_line(curve.method)) for curve in curves))
    heads = "".join(f"{f'{metric}, %':>24}" for metric in results.metrics)
    aim = f"at equal {results.target_metric}: bytes, wall, 5th %"
    lines = [f"{'method':{width}}{heads}"]
    lines += [
        f"{one_line(curve.method):{width}}"
        + "".join(f"{_rate(curve, metric):>24}" for metric in results.metrics)
        for curve in curves
    ]
    costs = f"{'bytes':>8}{'wall':>8}{'cpu':>8}{'encodes':>9}{'memory':>11}"
    lines.append(f"{'':{width}}{costs}{'optimum':>9}  {aim}")
    lines += [
        f"{one_line(curve.method):{width}}{_ratio(curve.bytes_ratio):>8}"
        f"{_ratio(curve.wall_ratio):>8}{_ratio(curve.cpu_ratio):>8}{curve.encodes:9.2f}"
        f"{size(curve.peak_memory) if curve.peak_memory else '-':>11}"
        f"{_share(curve.oracle_share):>9}  {_aim(curve)}"
        for curve in curves
    ]
    return lines + [
        f"note: {one_line(curve.method)}: {', '.join(metrics)}: {one_line(problem)}"
        for curve in curves
        for problem, metrics in _problems(curve).items()
    ]


def _problems(curve: Curve) -> dict[str, list[str]]:
    """The metrics that have the same problem; where a rate is there all the same, in short."""
    found: dict[str, list[str]] = {}
    for metric, problem in curve.problems.items():
        crossing = curve.bd_rates[metric] is not None and "crosses" in problem
        short = "fixed CRF is crossed, see problems in results.json" if crossing else problem
        found.setdefault(short, []).append(metric)
    return found


def _rate(curve: Curve, metric: str) -> str:
    rate = curve.bd_rates[metric]
    if rate is None:
        return "none"
    ends = curve.intervals.get(metric)
    return f"{rate:+z.2f}" + ("" if ends is None else f" [{ends[0]:+z.2f}, {ends[1]:+z.2f}]")


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _aim(curve: Curve) -> str:
    """The mean over base CRFs of what it takes to reach the qualities of fixed CRF."""
    those = curve.at_target
    if not those:
        return "-"
    bytes_, wall, low = (
        sum(getattr(each, name) for each in those) / len(those)
        for name in ("bytes_ratio", "wall_ratio", "p5_gain")
    )
    return f"{bytes_:.3f}, {wall:.2f}, {low:+z.2f}"
