"""What a change of CRF inside a shot costs: random walks of the CRF in real encodes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from benchmarks.encodes import Encode, Job, Store
from benchmarks.rates import Floats
from benchmarks.sets import Video, Workshop, clips_of, draw, single
from benchmarks.tables import Row, machine, report
from rlcodec.learn.pchip import Pchip

FRAMES = 96
EVERY = 24
"""Frames between two changes."""
CHANGES = (0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6)
"""By how much the CRF changes; 0, to see what the measurement itself makes of no change."""
BASE, FARTHEST = 28.0, 8.0
GRID = tuple(float(crf) for crf in range(16, 41, 3))
DISTANCES = ((-8, 0), (0, 1), (1, 4), (4, 8), (8, 16), (16, 24))
"""Frames after a change, from the first to before the last; negative ones come before it."""
COSTS = {
    "extra bytes, %": 100.0,
    "PSNR lost, dB": 1.0,
    "SSIM lost, / 1000": 1000.0,
    "bytes and PSNR as bytes, %": 100.0,
}
"""What is measured of a change, and the scale it is shown at."""
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Flat:
    """A video at fixed CRFs.

    Attributes:
        crfs: (C,), rising.
        frames: bytes, PSNR in dB and SSIM of every frame, (3, C, frames).
        slope: dB for a doubling of bytes around `BASE`.
    """

    crfs: Floats
    frames: Floats
    slope: float


@dataclass(frozen=True, eq=False)
class Change:
    """One change of CRF in a walk.

    Attributes:
        by: the change.
        at: the first frame after it.
        crfs: of every frame of the walk.
        frames: bytes, PSNR in dB and SSIM of every frame of the walk, (3, frames).
        flat: the video without changes.
    """

    by: float
    at: int
    crfs: Floats
    frames: Floats
    flat: Flat

    def costs(self, first: int = 0, end: int = EVERY) -> Floats:
        """`COSTS` of the frames from `first` to before `end` after the change.

        They are compared with the same frames at the same CRF in an encode without changes. The
        last cost adds to the bytes those that would buy the lost PSNR back.
        """
        place = slice(self.at + first, self.at + end)
        flat = self.flat.frames[:, :, place].mean(2)
        flat[0] = np.log(flat[0])
        log_bytes, psnr, ssim = Pchip(self.flat.crfs, flat)(self.crfs[place][:1])[:, 0]
        mean = self.frames[:, place].mean(1)
        extra, lost = mean[0] / np.exp(log_bytes) - 1, psnr - mean[1]
        return np.array([extra, lost, ssim - mean[2], extra + np.log(2) * lost / self.flat.slope])


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where all is kept.")
@click.option(
    "--held-out",
    type=click.Path(exists=True, path_type=Path),
    help="Groups or paths of the manifest, one per line: measure on these alone.",
)
@click.option("--clips", default=12, show_default=True)
@click.option("--walks", default=4, show_default=True, help="Of every clip; each is mirrored too.")
@click.option("--seed", default=1, show_default=True)
@click.option("--preset", default="medium", show_default=True)
@click.option("--jobs", default=2, show_default=True)
def switching(
    *,
    corpus: Path,
    out: Path,
    held_out: Path | None,
    clips: int,
    walks: int,
    seed: int,
    preset: str,
    jobs: int,
) -> None:
    """Measure what changing CRF in mid-shot costs, on single-shot clips of CORPUS.

    Every clip's first 96 frames are encoded at fixed CRFs, and with CRFs that walk at random, by up
    to 6 every 24 frames, and by the opposite. What the frames of a walk have more bytes, or less
    quality, than at their CRF without a change is put down to the change before them.
    """
    workshop = Workshop(out / "videos")
    chosen: list[Video] = []
    for clip in draw(clips_of(corpus, held_out), 10**6, seed):
        if len(chosen) < clips:
            video = workshop.reel([clip], frames=FRAMES, rate=Fraction(25))
            chosen += single([video]) if video.frames == FRAMES else []
    store = Store(out / "encodes.jsonl")
    flat = {video: [_job(video, crf, preset) for crf in GRID] for video in chosen}
    generator = random.Random(seed)  # noqa: S311 # a draw
    walked = {
        video: [
            _job(video, BASE, preset, [BASE + sign * offset for offset in offsets])
            for offsets in [walk(generator) for _ in range(walks)]
            for sign in (1, -1)
        ]
        for video in chosen
    }
    store.do([job for those in (flat, walked) for video in chosen for job in those[video]], jobs)
    found = [
        list(changes(flat_of([store[job] for job in flat[video]]), [store[job] for job in jobs]))
        for video, jobs in walked.items()
    ]
    tables = {
        "by size": [*by_size([change for each in found for change in each])],
        "by distance": [*by_distance([change for each in found for change in each])],
        "fitted": [*fitted(found)],
    }
    for name, rows in tables.items():
        report(f"switching {name}", rows, None)
    document = {"benchmark": "switching", "machine": machine(), **tables}
    (out / "switching.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def walk(generator: random.Random) -> list[float]:
    """The offsets of a random walk, each for `EVERY` frames, up to `FARTHEST` from 0."""
    offsets = [float(generator.randrange(-6, 7))]
    while len(offsets) * EVERY < FRAMES:
        near = [by for by in CHANGES if abs(offsets[-1] + by) <= FARTHEST]
        offsets.append(offsets[-1] + generator.choice(near))
    return offsets


def flat_of(encodes: Sequence[Encode]) -> Flat:
    """A video by its encodes at rising fixed CRFs."""
    low, *_, high = [each for each in encodes if abs(each.crf - BASE) < 4]
    return Flat(
        crfs=np.array([each.crf for each in encodes]),
        frames=np.stack([_frames(each) for each in encodes], axis=1),
        slope=float((low.scores["psnr"] - high.scores["psnr"]) / np.log2(low.bytes / high.bytes)),
    )


def changes(flat: Flat, walks: Sequence[Encode]) -> Iterator[Change]:
    """The changes of a video's walks."""
    for each in walks:
        crfs, frames = np.repeat(each.crfs, each.lengths), _frames(each)
        for number, (before, after) in enumerate(pairwise(each.crfs), start=1):
            yield Change(after - before, number * EVERY, crfs, frames, flat)


def by_size(found: Sequence[Change]) -> Iterator[Row]:
    """What changes cost in the frames up to the next, by their size and sign."""
    for by in sorted({change.by for change in found}):
        costs = np.array([change.costs() for change in found if change.by == by])
        yield {
            f"change of CRF, next {EVERY} frames": f"{by:+g}",
            "changes": len(costs),
            **{
                name: f"{scale * mean:+z.2f} ± {scale * error:.2f}"
                for (name, scale), mean, error in zip(
                    COSTS.items(),
                    costs.mean(0),
                    costs.std(0) / np.sqrt(len(costs)),
                    strict=True,
                )
            },
        }


def by_distance(found: Sequence[Change]) -> Iterator[Row]:
    """What changes cost at a distance from them: extra bytes in percent, and PSNR lost in dB."""
    bands = {
        "-4 to -6": (-6, -4),
        "-1 to -3": (-3, -1),
        "0": (0, 0),
        "+1 to +3": (1, 3),
        "+4 to +6": (4, 6),
    }
    for first, end in DISTANCES:
        row: dict[str, object] = {"frames after": f"{first} to {end - 1}"}
        for band, (low, high) in bands.items():
            costs = [change.costs(first, end) for change in found if low <= change.by <= high]
            extra, lost, *_ = np.mean(costs, axis=0) if costs else (np.nan, np.nan)
            row[f"{band}: %, dB"] = f"{100 * extra:+z.1f}, {lost:+z.2f}"
        yield row


def fitted(found: Sequence[Sequence[Change]]) -> Iterator[Row]:
    """Costs of the frames up to the next change, by least squares over the changes of all videos.

    A part goes by direction: what the frames after a rise inherit from better ones before, those
    after a fall have to make up for. The other part, which goes by size, is lost for good. With
    half the width of 95 % bootstrap intervals over videos.
    """
    inputs = [np.array([[abs(change.by), change.by] for change in each]) for each in found]
    costs = [np.array([change.costs() for change in each]) for each in found]

    def solve(videos: Sequence[int]) -> Floats:
        x = np.concatenate([inputs[video] for video in videos])
        y = np.concatenate([costs[video] for video in videos])
        return np.asarray(np.linalg.lstsq(x, y)[0], float)

    fit = solve(range(len(found)))
    draws = np.random.default_rng(0).integers(len(found), size=(_DRAWS, len(found)))
    low, high = np.quantile([solve(draw) for draw in draws], (0.025, 0.975), axis=0)
    margin = (high - low) / 2
    for place, (name, scale) in enumerate(COSTS.items()):
        yield {
            f"cost of the next {EVERY} frames": name,
            "for each CRF of a change": f"{scale * fit[0, place]:+z.3f} ± "
            f"{scale * margin[0, place]:.3f}",
            "for each CRF up, and back for each down": f"{scale * fit[1, place]:+z.3f} ± "
            f"{scale * margin[1, place]:.3f}",
        }


def _frames(encode: Encode) -> Floats:
    """Bytes, PSNR and SSIM of every frame, (3, frames)."""
    return np.array([encode.frame_bytes, encode.frame_psnr, encode.frame_ssim], float)


def _job(video: Video, crf: float, preset: str, walked: Sequence[float] | None = None) -> Job:
    plan = None if walked is None else tuple((EVERY, each) for each in walked)
    policy = "fixed" if walked is None else "walk"
    return Job(video=video, policy=policy, crf=crf, preset=preset, scope="title", plan=plan)
