"""The page of a benchmark: a verdict, curves, tables with intervals, and any clip shot by shot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rlcodec.benchmark.results import (
    EDITED,
    EDITED_SHOTS,
    LIBRARY,
    POLICY,
    SINGLE,
    ClipResult,
    Curve,
    Point,
    Results,
    SetResult,
)
from rlcodec.report import page
from rlcodec.report.frames import ABOUT_MAPS
from rlcodec.report.gallery import ClipPictures
from rlcodec.report.panels import Panel
from rlcodec.report.rates import drawn, rate_charts
from rlcodec.report.sliders import image
from rlcodec.report.words import METRIC_NAMES, change, count, minus, number, signed, size, text

FIXED = "fixed"
_DASH = "\N{EN DASH}"
_SETS = {
    EDITED: f"edited titles (clips of at least {EDITED_SHOTS} shots, each by itself)",
    LIBRARY: "the library (all clips together, one price per byte)",
    SINGLE: "single shots (each by itself)",
}
_JUDGES = ("psnr_y", "ssim_y", "vmaf")
"""The metrics that the verdict goes by, as far as they were measured."""
_NEAR = 0.05
"""Percent: a BD-rate that is closer to 0 is neither a gain nor a loss."""


def benchmark_page(
    results: Results, pictures: Mapping[str, ClipPictures], *, command: str | None = None
) -> str:
    """A page of HTML about a benchmark.

    Args:
        results: what `rlcodec.run_benchmark` found.
        pictures: by the name of the clip; those of some clips, or all, may be missing.
        command: what was run, for those who want to run it again.
    """
    policies = [each.name for each in results.methods if each.kind == POLICY]
    clips = count(len(results.clips), "clip")
    verdict, *others = _verdicts(results, policies)
    return page.page(
        f"Benchmark of {', '.join(policies)} on {clips}",
        verdict,
        [
            "".join(f"<p>{each}</p>" for each in others),
            *(_set(results, each, policies) for each in _ordered(results.sets)),
            page.section("Clips", _clips(results, policies, pictures)),
            page.section(
                "Shot by shot",
                *_panels(results, policies, pictures),
                page.paragraph(f"Pictures are WebP, made smaller as space allows. {ABOUT_MAPS}")
                if pictures
                else "",
            ),
            page.section("How it was measured", *_account(results, command)),
        ],
    )


def middle(crfs: Sequence[float]) -> float:
    """The base CRF that clips are looked at shot by shot."""
    return crfs[len(crfs) // 2]


def find(curves: Sequence[Curve], method: str, scope: str = "title") -> Curve | None:
    """The curve of a method in a scope, if there is one."""
    return next((each for each in curves if (each.method, each.scope) == (method, scope)), None)


def point_at(curve: Curve | None, crf: float) -> Point | None:
    """The point of a curve at a base CRF, if it has segments."""
    points = () if curve is None else curve.points
    return next((each for each in points if each.crf == crf and each.parts), None)


def _ordered(sets: Sequence[SetResult]) -> list[SetResult]:
    """What a user of single files wants to know first, first."""
    return sorted(sets, key=lambda each: list(_SETS).index(each.name))


def _verdicts(results: Results, policies: Sequence[str]) -> list[str]:
    """A sentence about each policy, as HTML, on the set that concerns most users."""
    if not results.sets:
        return ["There is no edited title or single shot to sum up: see each clip below."]
    chosen = _ordered(results.sets)[0]
    curves = {each.method: each for each in chosen.curves}
    judged = [metric for metric in _JUDGES if metric in results.metrics]
    said = [
        f"<strong>{text(name)}</strong> needs "
        f"{' and '.join(_judged(curves[name], metric) for metric in judged)}."
        for name in policies
        if name in curves
    ] or ["no policy was measured."]
    where = f"On {count(len(chosen.clips), 'clip')}, {text(_SETS[chosen.name])}"
    return [f"{where}, {said[0]}", *said[1:]]


def _judged(curve: Curve, metric: str) -> str:
    """A BD-rate as part of a sentence, with what its interval says."""
    name, value = METRIC_NAMES[metric], curve.bd_rates.get(metric)
    if value is None:
        return f"an unknown number of bytes for equal {name}"
    ends = curve.intervals.get(metric)
    amount = f"{abs(value):.2f}\N{NO-BREAK SPACE}%"
    more = "more" if value > 0 else "fewer"
    if ends is None:
        return f"{amount} {more} bytes than fixed CRF for equal {name} (too few for an interval)"
    between = f"95\N{NO-BREAK SPACE}% interval {_between(ends)}"
    if ends[0] <= 0 <= ends[1]:
        return (
            f"about as many bytes as fixed CRF for equal {name} ({change(value)}, not told from 0: "
            f"{between})"
        )
    return f"{amount} {more} bytes than fixed CRF for equal {name} ({between})"


def _between(ends: tuple[float, float]) -> str:
    return f"{signed(ends[0])} to {change(ends[1])}"


def _set(results: Results, each: SetResult, policies: Sequence[str]) -> str:
    title = _SETS[each.name].partition(" (")[0]
    seconds = sum(clip.duration_s for clip in results.clips if clip.name in each.clips)
    words = f"BD-rates over {count(len(each.clips), 'clip')}: {_SETS[each.name]}."
    return page.section(
        title.removeprefix("the ").capitalize(),
        page.paragraph(words),
        _rates(results, each),
        _costs(results, each),
        *_problems(each.curves),
        _charts(results, each.curves, policies, seconds),
    )


def _rates(results: Results, each: SetResult) -> str:
    heads = ["Method", *(METRIC_NAMES[metric] for metric in results.metrics)]
    rows = [
        [text(curve.method), *(_rate(curve, metric) for metric in results.metrics)]
        for curve in each.curves
        if curve.method != FIXED
    ]
    caption = "BD-rate against fixed CRF, negative is better, with 95 % bootstrap interval"
    return page.table(caption, heads, rows)


def _costs(results: Results, each: SetResult) -> str:
    aim = METRIC_NAMES[results.target_metric]
    heads = [
        *("Method", "Bytes", "Wall time", "CPU time", "Encodes", "Memory", "Of the optimum"),
        *(f"Bytes at equal {aim}", "5th percentile there"),
    ]
    rows = [
        [
            text(curve.method),
            _ratio(curve.bytes_ratio),
            _ratio(curve.wall_ratio),
            _ratio(curve.cpu_ratio),
            f"{curve.encodes:.2f}",
            size(curve.peak_memory) if curve.peak_memory else _DASH,
            _DASH
            if curve.oracle_share is None
            else minus(f"{100 * curve.oracle_share:.0f}\N{NO-BREAK SPACE}%"),
            *_aims(curve),
        ]
        for curve in each.curves
    ]
    caption = "What it takes: ratios to fixed CRF at the same base CRFs, and at equal quality"
    return page.table(caption, heads, rows)


def _aims(curve: Curve) -> tuple[str, str]:
    those = curve.at_target
    if not those:
        return _DASH, _DASH
    ratio = sum(each.bytes_ratio for each in those) / len(those)
    gain = sum(each.p5_gain for each in those) / len(those)
    return f"{ratio:.3f}", signed(gain)


def _rate(curve: Curve, metric: str) -> str:
    """A BD-rate as the cell of a table: its sign says what its colour says."""
    value = curve.bd_rates.get(metric)
    if value is None:
        return "none"
    ends = curve.intervals.get(metric)
    kind = "bad" if value > 0 else "good"
    if abs(value) < _NEAR or (ends is not None and ends[0] <= 0 <= ends[1]):
        kind = "even"
    shown = f'<span class="{kind}">{change(value)}</span>'
    return shown if ends is None else f"{shown} ({_between(ends)})"


def _ratio(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2f}"


def _problems(curves: Sequence[Curve]) -> Iterator[str]:
    """What is wrong with figures: why some are missing, and, folded, what others hide."""
    missing: dict[tuple[str, str], list[str]] = {}
    doubtful: dict[tuple[str, str], list[str]] = {}
    for curve in curves:
        for metric, problem in curve.problems.items():
            found = missing if curve.bd_rates.get(metric) is None else doubtful
            found.setdefault((curve.method, problem), []).append(METRIC_NAMES[metric])
    lines = [
        [f"{method}, {', '.join(names)}: {why}" for (method, why), names in found.items()]
        for found in (missing, doubtful)
    ]
    yield page.notes(lines[0])
    if lines[1]:
        yield page.folded("Where curves cross, or clips are missing", page.notes(lines[1]))


def _charts(
    results: Results, curves: Sequence[Curve], policies: Sequence[str], seconds: float
) -> str:
    # One scope of each: that of the set
    once = list({curve.method: curve for curve in reversed(curves)}.values())[::-1]
    # Re-picked CRFs last: they lie on the curve of fixed CRF
    rivals = [each.name for each in results.methods if each.of is None]
    shown = drawn(once, [FIXED, *policies, *rivals])
    charts = [each for metric in results.metrics for each in rate_charts(shown, metric, seconds)]
    left = [curve.method for curve in once if curve not in shown]
    words = f"Not drawn, so that lines can be told apart: {', '.join(left)}." if left else ""
    return f'<div class="charts">{"".join(charts)}</div>' + (page.paragraph(words) if left else "")


def _clips(results: Results, policies: Sequence[str], pictures: Mapping[str, ClipPictures]) -> str:
    shown = [metric for metric in _JUDGES if metric in results.metrics]
    heads = ["Clip", "Picture", "Length", "Shots"]
    heads += [f"{name}, {METRIC_NAMES[metric]}" for name in policies for metric in shown]
    rows = []
    for clip in results.clips:
        seen = pictures.get(clip.name)
        thumbnail = image(seen.thumbnail, f"A frame of {clip.name}") if seen else ""
        cells = [
            f"{thumbnail}{text(clip.name)}",
            f"{clip.width}x{clip.height}, {number(clip.rate)} fps",
            f"{clip.frames:,} frames, {clip.duration_s:.1f} s",
            str(clip.shots),
        ]
        for name in policies:
            curve = find(clip.curves, name)
            cells += [_DASH if curve is None else _rate(curve, metric) for metric in shown]
        rows.append(cells)
    return page.table("BD-rate by clip, against fixed CRF: negative is better", heads, rows)


def _panels(
    results: Results, policies: Sequence[str], pictures: Mapping[str, ClipPictures]
) -> Iterator[str]:
    """A choice of clips, and what is shown of each."""
    options = "".join(f"<option>{text(clip.name)}</option>" for clip in results.clips)
    yield (
        '<div class="choice"><label>Clip <select data-panels="clip">'
        f"{options}</select></label></div>"
    )
    for place, clip in enumerate(results.clips):
        # Hidden from the first: to lay all of them out takes a browser seconds
        hidden = " hidden" if place else ""
        body = "".join(_policies(results, clip, policies, pictures.get(clip.name)))
        yield (
            f'<div data-panel="clip"{hidden}><h3>{text(clip.name)}</h3>'
            f"{_curves(results, clip, policies)}{body}</div>"
        )


def _policies(
    results: Results, clip: ClipResult, policies: Sequence[str], seen: ClipPictures | None
) -> Iterator[str]:
    crf = middle(results.crfs)
    fixed = point_at(find(clip.curves, FIXED), crf)
    for name in policies:
        own = point_at(find(clip.curves, name), crf)
        if fixed is None or own is None:
            yield page.paragraph(f"{name} was not measured here at CRF {number(crf)}.")
        else:
            yield Panel(clip, name, fixed, own, seen.frames.get(name, ()) if seen else ()).html()


def _curves(results: Results, clip: ClipResult, policies: Sequence[str]) -> str:
    titles = [curve for curve in clip.curves if curve.scope == "title"]
    return page.folded(
        "RD curves of this clip", _charts(results, titles, policies, clip.duration_s)
    )


def _account(results: Results, command: str | None) -> Iterator[str]:
    cost = results.cost
    yield page.facts(
        "Machine, versions and settings",
        [
            ("rlcodec", results.rlcodec),
            ("Libraries", results.libraries),
            ("Machine", f"{results.system}, {count(results.cores, 'core')}"),
            ("Encoder", f"{results.codec}, preset {results.preset}, one thread for each encode"),
            ("Base CRFs", ", ".join(number(crf) for crf in results.crfs)),
            ("Metrics", ", ".join(METRIC_NAMES[each] for each in results.metrics)),
            ("CPU for encodes", f"{cost.encode_cpu_s:,.0f} s"),
            ("CPU for PSNR and SSIM", f"{cost.score_cpu_s:,.0f} s"),
            ("CPU for XPSNR", f"{cost.xpsnr_cpu_s:,.0f} s"),
            ("CPU for VMAF", f"{cost.vmaf_cpu_s:,.0f} s"),
            ("CPU for the rest", f"{cost.other_cpu_s:,.0f} s"),
        ],
    )
    yield page.table(
        "Methods",
        ["Name", "Kind", "What it does", "SHA-256"],
        [
            [text(each.name), each.kind, text(each.source), text(each.digest or _DASH)]
            for each in results.methods
        ],
    )
    yield page.notes(results.notes)
    if results.failures:
        yield page.paragraph("Left out, because they failed:")
        yield page.notes([each.error for each in results.failures])
    if command:
        yield page.code(command)
