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
from benchmarks.rates import Floats, between
from benchmarks.sets import Video, Workshop, clips_of, draw, single
from benchmarks.tables import machine, report

FRAMES = 96
EVERY = 24
"""Frames between two changes."""
CHANGES = (0, 1, 2, 3, 4, 6)
"""By how much the CRF changes; 0, to see what the measurement itself makes of no change."""
LOWEST, BASE, HIGHEST = 20.0, 28.0, 36.0
GRID = tuple(float(crf) for crf in range(17, 42, 3))
DISTANCES = ((-8, 0), (0, 1), (1, 4), (4, 8), (8, 16), (16, 24))
"""Frames after a change, from the first to before the last; negative ones come before it."""


@dataclass(frozen=True)
class Change:
    """One change of CRF, and what the frames around it came to.

    Attributes:
        by: the change in CRF.
        extra: bytes of a frame beyond those at its CRF without a change, and `usual`, those, from
            `DISTANCES[0][0]` to `EVERY` frames after the change.
        usual: see `extra`.
        lost: PSNR in dB below that without a change, in the same places.
        slope: dB for a doubling of bytes, of the whole video at `BASE`.
    """

    by: float
    extra: Floats
    usual: Floats
    lost: Floats
    slope: float


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where all is kept.")
@click.option(
    "--held-out",
    type=click.Path(exists=True, path_type=Path),
    help="Groups or paths of the manifest, one per line: measure on these alone.",
)
@click.option("--clips", default=12, show_default=True)
@click.option("--walks", default=8, show_default=True, help="Of every clip.")
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
    to 6 every 24 frames. What the frames of a walk have more bytes, or less PSNR, than at their CRF
    without a change is put down to the change before them.
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
        video: [_job(video, BASE, preset, walk(generator)) for _ in range(walks)]
        for video in chosen
    }
    store.do([job for those in (flat, walked) for video in chosen for job in those[video]], jobs)
    found = [
        change
        for video in chosen
        for job in walked[video]
        for change in changes([store[each] for each in flat[video]], store[job])
    ]
    rows = [*by_size(found)]
    report("switching", rows, None)
    report("switching by distance", [*by_distance(found)], None)
    fits = fit(found)
    report("switching, fitted", fits, None)
    document = {"benchmark": "switching", "machine": machine(), "rows": rows, "fits": fits}
    (out / "switching.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def walk(generator: random.Random) -> tuple[tuple[int, float], ...]:
    """Frames and CRF of every segment of a random walk between `LOWEST` and `HIGHEST`."""
    crf = BASE + generator.randrange(-6, 7)
    segments = [(EVERY, crf)]
    while len(segments) * EVERY < FRAMES:
        steps = [sign * by for by in CHANGES for sign in ((1, -1) if by else (1,))]
        crf += generator.choice([by for by in steps if LOWEST <= crf + by <= HIGHEST])
        segments.append((EVERY, crf))
    return tuple(segments)


def changes(flat: Sequence[Encode], walked: Encode) -> Iterator[Change]:
    """The changes of one walk, against encodes of the video at rising fixed CRFs."""
    crfs = [each.crf for each in flat]
    used = np.repeat(walked.crfs, walked.lengths)
    logs = np.log([each.frame_bytes for each in flat])
    psnr = np.array([each.frame_psnr for each in flat])
    own = np.arange(len(used))
    usual = np.exp(between(crfs, logs, used)[own, own])
    lost = between(crfs, psnr, used)[own, own] - walked.frame_psnr
    extra = walked.frame_bytes - usual
    near = [at for at in range(len(flat)) if abs(flat[at].crf - BASE) < 4]
    low, high = flat[near[0]], flat[near[-1]]
    slope = (low.scores["psnr"] - high.scores["psnr"]) / np.log2(low.bytes / high.bytes)
    for number, (before, after) in enumerate(pairwise(walked.crfs), start=1):
        around = slice(number * EVERY + DISTANCES[0][0], (number + 1) * EVERY)
        yield Change(after - before, extra[around], usual[around], lost[around], float(slope))


def cost(change: Change, first: int, end: int) -> Floats:
    """What the frames from `first` to before `end` after a change cost beyond the usual.

    Returns:
        Bytes as a share of the usual ones; PSNR lost in dB; the bytes with those that would buy the
        lost PSNR back, as a share too.
    """
    place = slice(first - DISTANCES[0][0], end - DISTANCES[0][0])
    share = change.extra[place].sum() / change.usual[place].sum()
    lost = change.lost[place].mean()
    return np.array([share, lost, share + np.log(2) * lost / change.slope])


def by_size(found: Sequence[Change]) -> Iterator[dict[str, object]]:
    """What changes cost in the frames up to the next, by their size and sign."""
    for by in sorted({change.by for change in found}):
        costs = np.array([cost(each, 0, EVERY) for each in found if each.by == by])
        mean, error = costs.mean(0), costs.std(0) / np.sqrt(len(costs))
        yield {
            "change, CRF": f"{by:+g}",
            "changes": len(costs),
            f"extra bytes of {EVERY} frames, %": f"{100 * mean[0]:+.2f} ± {100 * error[0]:.2f}",
            "PSNR lost, dB": f"{mean[1]:+.3f} ± {error[1]:.3f}",
            "both as bytes, %": f"{100 * mean[2]:+.2f} ± {100 * error[2]:.2f}",
        }


def by_distance(found: Sequence[Change]) -> Iterator[dict[str, object]]:
    """What changes cost at a distance from them: extra bytes in percent, and PSNR lost in dB."""
    sizes = {
        "-4 to -6": (-6, -4),
        "-1 to -3": (-3, -1),
        "0": (0, 0),
        "+1 to +3": (1, 3),
        "+4 to +6": (4, 6),
    }
    for first, end in DISTANCES:
        row: dict[str, object] = {"frames after": f"{first} to {end - 1}"}
        for size, (low, high) in sizes.items():
            costs = [cost(each, first, end) for each in found if low <= each.by <= high]
            mean = np.mean(costs, axis=0) if costs else np.full(3, np.nan)
            row[f"{size}: %, dB"] = f"{100 * mean[0]:+.1f}, {mean[1]:+.2f}"
        yield row


def fit(found: Sequence[Change]) -> list[dict[str, object]]:
    """Least squares: what a change costs at all, for its size, and for its direction.

    The part that goes by direction is only carried over: what the frames after a rise inherit from
    better ones before, those after a fall have to make up for.
    """
    by = np.array([change.by for change in found])
    inputs = np.stack([by != 0, np.abs(by), by], axis=1).astype(float)
    unchanged = np.mean([cost(each, 0, EVERY) for each in found if each.by == 0], axis=0)
    costs = np.array([cost(each, 0, EVERY) for each in found]) - unchanged
    (constant, size, direction), *_ = np.linalg.lstsq(inputs, costs)
    names = (f"extra bytes of {EVERY} frames, %", "PSNR lost, dB", "both as bytes, %")
    return [
        {
            "cost": name,
            "of any change": f"{scale * constant[place]:+.3f}",
            "for each CRF of its size": f"{scale * size[place]:+.3f}",
            "for each CRF up, and back for each down": f"{scale * direction[place]:+.3f}",
        }
        for place, (name, scale) in enumerate(zip(names, (100, 1, 100), strict=True))
    ]


def _job(
    video: Video, crf: float, preset: str, plan: tuple[tuple[int, float], ...] | None = None
) -> Job:
    policy = "fixed" if plan is None else "walk"
    return Job(video=video, policy=policy, crf=crf, preset=preset, scope="title", plan=plan)
