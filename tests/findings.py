"""Results of benchmarks that were never run: figures with a known meaning, for pages to show."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from rlcodec.benchmark.results import (
    EDITED,
    LIBRARY,
    POLICY,
    RIVAL,
    ClipResult,
    Cost,
    Curve,
    Failed,
    Method,
    Part,
    Point,
    Results,
    Score,
    SetResult,
)
from rlcodec.engine.comparison import ShotScore
from rlcodec.media.picture import Colour, Picture
from rlcodec.media.stills import StillMaker
from rlcodec.report.frames import picked
from rlcodec.report.gallery import ClipPictures, Contrast, room_for
from tests.clips import as_frames, filmed

METRICS = ("psnr_y", "ssim_y", "xpsnr_y")
CRFS = (20.0, 24.0, 28.0, 32.0, 36.0)
_RISE = {"psnr_y": -0.5, "ssim_y": -0.004, "xpsnr_y": -0.45}
_BASE = {"psnr_y": 52.0, "ssim_y": 1.06, "xpsnr_y": 50.0}


def _point(crf: float, saves: float, frames: int, segments: int, moved: float) -> Point:
    length = frames // segments
    lengths = [length] * (segments - 1) + [frames - length * (segments - 1)]
    size = 3e6 * 2 ** (-crf / 6) * (1 - saves) * frames / 100
    parts = tuple(
        Part(
            start_frame=place * length,
            frames=each,
            crf=crf + moved * (place % 3 - 1),
            bytes=round(size / segments * (1.2 - 0.2 * (place % 3))),
            psnr_y=52 - crf / 2 + place % 4,
            ssim_y=1.06 - crf * 0.004 - 0.002 * (place % 4),
        )
        for place, each in enumerate(lengths)
    )
    scores = {}
    for metric in METRICS:
        mean = _BASE[metric] + _RISE[metric] * crf
        worst = ShotScore(0, lengths[0], 0.0, mean - abs(_RISE[metric]))
        scores[metric] = Score(mean=mean, harmonic_mean=mean, p5=mean * 0.97, worst_shot=worst)
    return Point(
        crf=crf,
        chosen_crf=crf,
        bytes=round(size),
        scores=scores,
        target=None,
        wall_s=10.0,
        cpu_s=9.5,
        peak_memory=150_000_000,
        encodes=1.0,
        parts=parts,
    )


def _curve(
    method: str, saves: float, frames: int, segments: int, scope: str | None = None
) -> Curve:
    """The curve of a clip, or that of a set where a scope is given."""
    rate = -100 * saves
    fixed = method == "fixed"
    return Curve(
        method=method,
        scope=scope or "title",
        points=tuple(_point(crf, saves, frames, segments, 0.0 if fixed else 1.5) for crf in CRFS),
        bd_rates=dict.fromkeys(METRICS, 0.0 if fixed else rate),
        intervals={}
        if fixed or scope is None
        else dict.fromkeys(METRICS, (rate - 1.0, rate + 1.0)),
        problems={},
        oracle_share=None if fixed else 0.5,
        bytes_ratio=1 - saves,
        wall_s=50.0,
        cpu_s=47.5,
        wall_ratio=1.0,
        cpu_ratio=1.0,
        encodes=1.0,
        peak_memory=150_000_000,
    )


def findings(
    names: Sequence[str],
    saves: dict[str, float],
    *,
    rivals: Sequence[str] = (),
    frames: int = 300,
    segments: int = 12,
) -> Results:
    """Results of policies that save these shares of the bytes on every clip, and of rivals."""
    shares = {"fixed": 0.0, **saves, **dict.fromkeys(rivals, 0.01)}
    clips = tuple(
        ClipResult(
            name=name,
            input=f"/films/{name}",
            digest="0" * 64,
            group=name,
            width=640,
            height=360,
            frames=frames,
            rate=25.0,
            duration_s=frames / 25,
            shots=segments,
            set=EDITED,
            curves=tuple(
                _curve(method, share, frames, segments) for method, share in shares.items()
            ),
        )
        for name in names
    )
    sets = tuple(
        SetResult(
            name=each,
            clips=tuple(names),
            curves=tuple(
                _curve(method, share, frames * len(names), 1, scope)
                for method, share in shares.items()
            ),
        )
        for each, scope in ((LIBRARY, LIBRARY), (EDITED, "title"))
    )
    methods = [Method(name="fixed", kind=RIVAL, source="one CRF for the file")]
    methods += [
        Method(name=name, kind=POLICY, source="a policy", digest="1" * 64) for name in saves
    ]
    methods += [
        Method(
            name=name,
            kind=RIVAL,
            source="another tool",
            of=name.removeprefix("re-picked ") if name.startswith("re-picked") else None,
        )
        for name in rivals
    ]
    return Results(
        libraries="PyAV 0, FFmpeg 0",
        system="Linux",
        cores=2,
        codec="libx264",
        preset="medium",
        crfs=CRFS,
        metrics=METRICS,
        target_metric="xpsnr_y",
        methods=tuple(methods),
        clips=clips,
        sets=sets,
        failures=(Failed(input="/films/bad.mkv", error="/films/bad.mkv: no such file"),),
        notes=("a note <b>of</b> the run",),
        cost=Cost(
            encode_cpu_s=1000.0,
            score_cpu_s=50.0,
            xpsnr_cpu_s=20.0,
            vmaf_cpu_s=0.0,
            other_cpu_s=10.0,
            run_s=600.0,
        ),
    )


def pictures_of(results: Results, *, noise: float = 2.0) -> dict[str, ClipPictures]:
    """Pictures of every clip: photographs, of which each policy's are a little noisier."""
    policies = [each.name for each in results.methods if each.kind == POLICY]
    room = room_for(len(policies) * len(results.clips))
    random = np.random.default_rng(1)
    found = {}
    for seed, clip in enumerate(results.clips):
        photograph = ("astronaut", "coffee", "chelsea", "rocket")[seed % 4]
        luma = filmed(photograph, 1, width=clip.width, height=clip.height, seed=seed)[0]
        dirty = (luma + random.normal(0, noise, luma.shape)).clip(0, 255).astype(np.uint8)
        picture = Picture(
            width=clip.width,
            height=clip.height,
            pix_fmt="yuv420p",
            sample_aspect_ratio=Fraction(1),
            colour=Colour(),
            time_base=Fraction(1, 25),
            rate=Fraction(25),
        )
        good, bad = as_frames([luma, dirty])
        frames = {}
        for policy in policies:
            pairs = picked(
                [(good, bad)] * room.frames,
                picture,
                range(room.frames),
                longest=room.longest,
                most_bytes=room.most_bytes,
            )
            scores = {"ssim_y": 0.97, "psnr_y": 40.0}
            frames[policy] = [
                Contrast(pair, scores, {"ssim_y": 0.95, "psnr_y": 39}) for pair in pairs
            ]
        found[clip.name] = ClipPictures(StillMaker(picture, 160, 70).make(good), frames)
    return found
