"""Hard cuts: our detector against FFmpeg's `scdet` and PySceneDetect, on videos with known cuts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import click
from av.filter import Graph

from benchmarks.shot_truth import Case, altered, joined, marked
from benchmarks.tables import report
from rlcodec.analysis.features import FeatureExtractor
from rlcodec.analysis.shots import ShotDetector
from rlcodec.media.luma import SmallLuma, as_array
from rlcodec.media.picture import picture_of

Detector = Callable[[Path], set[int]]


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "json_path", type=click.Path(path_type=Path))
@click.option("--misses", is_flag=True, help="Name every video in which our detector errs.")
def shots(corpus: Path, json_path: Path | None, *, misses: bool) -> None:
    """Measure precision and recall on the marked clips of CORPUS and on what is made of them."""
    detectors: dict[str, Detector] = {"rlcodec": ours}
    for threshold in (6, 8, 10, 14):
        detectors[f"scdet {threshold}"] = _scdet(threshold)
    detectors |= _scenedetect()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [*marked(corpus, folder), *joined(corpus, folder), *altered(corpus, folder)]
        found = {
            detector: [detect(case.path) for case in cases]
            for detector, detect in detectors.items()
        }
    if misses:
        for case, cuts in zip(cases, found["rlcodec"], strict=True):
            false, missed = _errors(case, cuts)
            if false or missed:
                click.echo(f"{case.kind} {case.path.stem}: false {false}, missed {missed}")
    kinds = [_by_kind(kind, cases, found) for kind in dict.fromkeys(case.kind for case in cases)]
    report("shots by kind, false / missed", kinds, None)
    rows = [_score(each, cases, cuts) for each, cuts in found.items()]
    report("shots", rows, json_path, kinds=kinds)


def ours(path: Path) -> set[int]:
    """The cuts that rlcodec finds."""
    verdicts: list[bool] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        picture = picture_of(stream)
        small, features = SmallLuma(picture), FeatureExtractor()
        detector = ShotDetector(float(picture.rate))
        for frame in container.decode(stream):
            measured = features.measure(as_array(small.shrink(frame)))
            verdicts += detector.push(measured.thumbnail)
        verdicts += detector.flush()
    return {number for number, is_cut in enumerate(verdicts) if is_cut}


def _scdet(threshold: int) -> Detector:
    def detect(path: Path) -> set[int]:
        cuts = set()
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            graph = Graph()
            graph.link_nodes(
                graph.add_buffer(template=stream),
                graph.add("scdet", f"threshold={threshold}"),
                graph.add("buffersink"),
            ).configure()
            for number, frame in enumerate(container.decode(stream)):
                graph.vpush(frame)
                if "lavfi.scd.time" in graph.vpull().metadata:
                    cuts.add(number)
        return cuts

    return detect


def _scenedetect() -> dict[str, Detector]:
    try:
        import scenedetect  # noqa: PLC0415 # only this comparison needs it
    except ImportError:
        click.echo("PySceneDetect is left out: pip install scenedetect opencv-python-headless")
        return {}

    def detecting(kind: str, **options: float) -> Detector:
        def detect(path: Path) -> set[int]:
            detector = getattr(scenedetect, kind)(min_scene_len=1, **options)
            scenes = scenedetect.detect(str(path), detector)
            return {start.frame_num for start, _ in scenes[1:]}

        return detect

    return {
        "PySceneDetect content 27": detecting("ContentDetector", threshold=27.0),
        "PySceneDetect content 40": detecting("ContentDetector", threshold=40.0),
        "PySceneDetect adaptive 3": detecting("AdaptiveDetector", adaptive_threshold=3.0),
        "PySceneDetect adaptive 5": detecting("AdaptiveDetector", adaptive_threshold=5.0),
    }


def _errors(case: Case, found: set[int]) -> tuple[list[int], list[int]]:
    """False reports and missed cuts."""
    false = [
        cut
        for cut in sorted(found - case.cuts)
        if not any(first <= cut <= last for first, last in case.unscored)
    ]
    return false, sorted(case.cuts - found)


def _score(detector: str, cases: list[Case], found: list[set[int]]) -> dict[str, object]:
    false = missed = total = 0
    for case, cuts in zip(cases, found, strict=True):
        errors = _errors(case, cuts)
        false, missed, total = (
            false + len(errors[0]),
            missed + len(errors[1]),
            total + len(case.cuts),
        )
    right = total - missed
    precision = Fraction(right, max(1, right + false))
    return {
        "detector": detector,
        "cuts": total,
        "found": right,
        "false": false,
        "precision": round(float(precision), 3),
        "recall": round(right / total, 3),
    }


def _by_kind(kind: str, cases: list[Case], found: dict[str, list[set[int]]]) -> dict[str, object]:
    row: dict[str, object] = {
        "kind": kind,
        "videos": sum(c.kind == kind for c in cases),
        "cuts": sum(len(c.cuts) for c in cases if c.kind == kind),
    }
    for detector, cuts in found.items():
        errors = [_errors(c, each) for c, each in zip(cases, cuts, strict=True) if c.kind == kind]
        false, missed = sum(len(e[0]) for e in errors), sum(len(e[1]) for e in errors)
        row[detector] = f"{false} / {missed}"
    return row
