"""What a benchmark found: everything that `results.json` keeps, as records.

The document is one JSON object with `format` (`rlcodec-benchmark`), `version` (1) and the fields of
`Results`; records are objects with the fields of their classes, by the same names. A point has its
mean scores beside `scores` too, by the names of their metrics. What is not known is null: no
number in it is NaN or infinite. Keys that are not known are ignored.

Metrics are called `psnr_y`, `ssim_y`, `xpsnr_y` and `vmaf` throughout: dB of luma, SSIM of luma
from 0 to 1, dB of luma, 0 to 100. Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rlcodec.engine.comparison import ShotScore
from rlcodec.version import __version__

FORMAT, VERSION = "rlcodec-benchmark", 1
METRICS = {"psnr_y": "psnr", "ssim_y": "ssim", "xpsnr_y": "xpsnr", "vmaf": "vmaf"}
"""The metrics of a document, by what `rlcodec.compare` calls them."""
LIBRARY, EDITED, SINGLE = "library", "edited", "single"
SETS = (LIBRARY, EDITED, SINGLE)
"""All clips as one library; clips of at least `EDITED_SHOTS` shots; clips of a single shot."""
EDITED_SHOTS = 4
"""Shots from which a clip counts as an edited title."""
POLICY, RIVAL = "policy", "rival"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric over the frames of one file, or of all files of a set.

    Attributes:
        mean: over frames; in a set every frame counts by its pixels.
        harmonic_mean: over frames, 1 / mean(1 / (x + 1)) - 1.
        p5: the 5th percentile over frames, linear between values.
        worst_shot: the shot with the lowest mean; in a set, frames and time are counted from the
            beginning of that shot's own clip.
        worst_clip: in a set, the clip that the shot is of; None in a clip.
    """

    mean: float
    harmonic_mean: float
    p5: float
    worst_shot: ShotScore
    worst_clip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One segment of a finished file, as the analysis of the clip found it.

    Attributes:
        start_frame: number of its first frame, from 0.
        frames: how many.
        crf: mean over its frames of what the encoder was told; None where it was told none.
        bytes: of its packets.
        psnr_y, ssim_y: means over its frames.
    """

    start_frame: int
    frames: int
    crf: float | None
    bytes: int
    psnr_y: float
    ssim_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One finished file, or those of all clips of a set, put together.

    Attributes:
        crf: the base CRF that it belongs to. A search does not know it: its target is what fixed
            CRF reached there.
        chosen_crf: mean over frames of the CRF that was used; None where the encoder was told none.
        bytes: of the packets of the video stream.
        scores: by metric.
        target: what a search aimed at, in the metric `Results.target_metric`; None elsewhere, and
            in sets.
        wall_s, cpu_s: of everything that it took to make the file, probes included, from decoded
            frames on. One thread encodes: more of them would change the bytes.
        peak_memory: of the process meanwhile, in bytes; None where the system does not tell.
        encodes: how often a segment was encoded, probes included, as a mean over frames.
        parts: the segments; none in sets.
    """

    crf: float
    chosen_crf: float | None
    bytes: int
    scores: Mapping[str, Score]
    target: float | None
    wall_s: float
    cpu_s: float
    peak_memory: int | None
    encodes: float
    parts: tuple[Part, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        means = {
            metric: score.mean if (score := self.scores.get(metric)) else None for metric in METRICS
        }
        return {"crf": self.crf, "bytes": self.bytes, **means, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTarget:
    """What it takes to reach the quality that fixed CRF reached at one base CRF.

    Of searches by the files that they made; of everything else by its RD curve, between points.

    Attributes:
        crf: the base CRF.
        bytes_ratio: bytes against those of fixed CRF; in sets the geometric mean over clips.
        wall_ratio: seconds against those of fixed CRF; in sets likewise.
        p5_gain: the 5th percentile less that of fixed CRF, of the metric of the target; in sets the
            mean over clips.
        miss: the mean quality that was reached less that of fixed CRF, of the same metric; 0 where
            interpolated; in sets the mean over clips.
        interpolated: whether it was read from the curve.
        clips: of how many clips.
    """

    crf: float
    bytes_ratio: float
    wall_ratio: float
    p5_gain: float
    miss: float
    interpolated: bool
    clips: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One method on one clip or one set: its points, and how they compare with fixed CRF.

    Attributes:
        method: `Method.name`.
        scope: `title` or `library`: what `Settings.scope` was. Rivals know none: theirs is `title`
            unless they are the optimum, or the re-picked CRF, of a library.
        points: by rising base CRF. Those that failed are missing.
        bd_rates: in percent by metric, negative is better; None where there is none to tell. In the
            set `library`, of the library's own curve; in other sets, the mean over clips.
        intervals: low and high end of the 95 % bootstrap interval over clips, in percent by metric;
            empty for a clip, and where there are fewer than two.
        problems: by metric, why there is no BD-rate: the curve does not get better with every byte,
            or shares little quality with fixed CRF; or that it crosses fixed CRF, better on one end
            and worse on the other, which one number hides. In sets, of which clips, and which are
            left out.
        oracle_share: of the gain of the optimum for the objective of the policy, as a share of 1;
            of rivals, for the balanced one. None where it was not measured, or gains nothing.
        bytes_ratio: bytes against those of fixed CRF at the same base, the geometric mean over
            base CRFs (and clips).
        wall_s, cpu_s: sums over points.
        wall_ratio, cpu_ratio: these against those of fixed CRF at the same base CRFs; None where
            fixed CRF has none of them.
        encodes: how often a segment was encoded, as a mean over points.
        peak_memory: the largest of its points, in bytes; None where the system does not tell.
        at_target: by rising base CRF.
    """

    method: str
    scope: str
    points: tuple[Point, ...]
    bd_rates: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    problems: Mapping[str, str]
    oracle_share: float | None
    bytes_ratio: float | None
    wall_s: float
    cpu_s: float
    wall_ratio: float | None
    cpu_ratio: float | None
    encodes: float
    peak_memory: int | None
    at_target: tuple[AtTarget, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"points": [point.as_dict() for point in self.points]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A policy or a rival that was measured.

    Attributes:
        name: by which curves name it.
        kind: `policy` or `rival`. `fixed`, the reference of all comparisons, is a rival.
        source: in a few words, what it does, and who published it.
        digest: SHA-256 of a policy's file; None where it has none.
        of: the policy whose bytes a `re-picked` CRF meets; None for others.
    """

    name: str
    kind: str
    source: str
    digest: str | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """One clip, and every method on it.

    Attributes:
        name: of the file, or what a manifest calls it; no two clips have the same.
        input: the path as it was given.
        digest: SHA-256 of the file.
        group: of sources that belong together, as a manifest says; else the clip's own.
        width, height: in pixels, as encoded.
        frames: how many.
        rate: average frames per second.
        duration_s: of all frames.
        shots: how many the analysis found.
        set: `edited` or `single`; None for clips of two or three shots.
        curves: of every method, and of policies in both scopes.
    """

    name: str
    input: str
    digest: str
    group: str
    width: int
    height: int
    frames: int
    rate: float
    duration_s: float
    shots: int
    set: str | None
    curves: tuple[Curve, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"curves": [curve.as_dict() for curve in self.curves]}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """Several clips taken together: one of `SETS`, which has at least one clip.

    Attributes:
        name: of the set.
        clips: the names of its clips.
        curves: of every method, in scope `library` where that is the set's name and the method
            knows scopes. Bytes of a point are sums over clips; scores are over all their frames.
    """

    name: str
    clips: tuple[str, ...]
    curves: tuple[Curve, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"curves": [curve.as_dict() for curve in self.curves]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An input that was left out, or one encode of it that failed, and why."""

    input: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the benchmark itself took, all processes together, of all that the folder keeps.

    Attributes:
        encode_cpu_s: making the files, probes included.
        score_cpu_s: decoding the finished files and scoring them by PSNR and SSIM.
        xpsnr_cpu_s, vmaf_cpu_s: scoring them by XPSNR, and by VMAF.
        other_cpu_s: decoding and analysing the clips, and the books of the last run.
        run_s: wall time of the last run.
    """

    encode_cpu_s: float
    score_cpu_s: float
    xpsnr_cpu_s: float
    vmaf_cpu_s: float
    other_cpu_s: float
    run_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A whole benchmark.

    Attributes:
        rlcodec: the version that made it.
        libraries: FFmpeg's and PyAV's versions.
        system: operating system and processor.
        cores: of the machine.
        codec, preset: of all encodes.
        crfs: the base CRFs, rising.
        metrics: that were measured, by the names in `METRICS`.
        target_metric: the one that searches aim at.
        methods: in the order in which they are shown; `fixed` is the first.
        clips: in the order in which they were given.
        sets: in the order of `SETS`; those without clips are missing.
        failures: what was left out.
        notes: what else the reader should know.
        cost: what it took.
    """

    rlcodec: str = __version__
    libraries: str
    system: str
    cores: int
    codec: str
    preset: str
    crfs: tuple[float, ...]
    metrics: tuple[str, ...]
    target_metric: str
    methods: tuple[Method, ...]
    clips: tuple[ClipResult, ...]
    sets: tuple[SetResult, ...]
    failures: tuple[Failed, ...]
    notes: tuple[str, ...]
    cost: Cost

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec benchmark --json` prints it."""
        own = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return own | {
            "clips": [clip.as_dict() for clip in self.clips],
            "sets": [each.as_dict() for each in self.sets],
        }

    def to_json(self) -> str:
        """The document, on one line."""
        return json.dumps(self.as_dict(), allow_nan=False)
