"""What a benchmark leaves in its folder beside the measurements."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from rlcodec.benchmark.folder import RESULTS
from rlcodec.benchmark.results import METRICS, Curve, Results
from rlcodec.publish import write_whole

_COLUMNS = (
    *("set", "clip", "method", "scope", "crf", "chosen_crf", "bytes"),
    *(f"{metric}{suffix}" for metric in METRICS for suffix in ("", "_harmonic", "_p5", "_worst")),
    *("target", "wall_s", "cpu_s", "peak_memory", "encodes"),
)


def write_results(results: Results, folder: Path) -> None:
    """Write `results.json` and `results.csv`, each whole or not at all.

    Raises:
        OutputError: one cannot be written.
    """
    document, table = (folder / name for name in RESULTS)
    write_whole(document, f"{results.to_json()}\n".encode(), overwrite=True)
    write_whole(table, to_csv(results).encode(), overwrite=True)


def to_csv(results: Results) -> str:
    """Every point as a line: those of clips, and those of sets, which name no clip."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for clip in results.clips:
        for curve in clip.curves:
            writer.writerows(_rows(curve, {"set": clip.set or "", "clip": clip.name}))
    for each in results.sets:
        for curve in each.curves:
            writer.writerows(_rows(curve, {"set": each.name, "clip": ""}))
    return lines.getvalue()


def _rows(curve: Curve, place: dict[str, object]) -> Iterator[dict[str, object]]:
    for point in curve.points:
        scores = {}
        for metric, score in point.scores.items():
            scores[metric] = score.mean
            scores[f"{metric}_harmonic"] = score.harmonic_mean
            scores[f"{metric}_p5"] = score.p5
            scores[f"{metric}_worst"] = score.worst_shot.mean
        own = {
            name: "" if (value := getattr(point, name)) is None else value
            for name in _COLUMNS
            if name in point.__slots__
        }
        yield {**place, "method": curve.method, "scope": curve.scope, **own, **scores}
