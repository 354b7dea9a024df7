"""What policies are worth: BD-rate of finished files against fixed CRF, on videos not seen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import click

from benchmarks.chart import draw_chart
from benchmarks.encodes import Job, Store
from benchmarks.optimum import GRID, best_crfs
from benchmarks.sets import Video, Workshop, clips_of, draw, edited, single
from benchmarks.summary import Score, Summary, score, summarise, video_row
from benchmarks.tables import machine, report
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.policy.shipped import load_policy
from rlcodec.settings import SCOPES

SETS = {"reels": "library", "titles": "title", "shots": "title"}
"""The scope in which each set is encoded."""
NO_OPTIMUM = "shots"
"""The set whose optimum is to change nothing."""
FINER = tuple(float(crf) for crf in range(14, 45, 4))
"""Fixed CRFs beside the bases, where no optimum asks for more."""


@dataclass(frozen=True)
class Entry:
    """One policy that is measured.

    `policy` is its name or file, `label` what it is called; `objective` says what it is judged by,
    `scopes` where it can be used.
    """

    policy: str
    label: str
    objective: str = "balanced"
    scopes: tuple[str, ...] = SCOPES


FIXED = Entry("fixed", "fixed")

Jobs = dict[tuple[str, Video, Entry], list[Job]]
"""By set, video and policy: the encodes at all base CRFs, rising."""
Scores = dict[tuple[str, Entry], list[Score]]
"""By set and policy: the scores of its videos, in one order for all policies."""


@dataclass(frozen=True)
class Evaluation:
    """What is measured, and how."""

    videos: dict[str, list[Video]]
    entries: tuple[Entry, ...]
    crfs: tuple[float, ...]
    preset: str
    vmaf: bool
    optimum: bool

    @property
    def objectives(self) -> list[str]:
        """Those whose optimum is wanted."""
        if not self.optimum:
            return []
        return list(dict.fromkeys(entry.objective for entry in self.entries))

    def jobs(self, set_name: str, video: Video, policy: str) -> list[Job]:
        """The encodes of one policy."""
        metrics = ("psnr", "ssim", "vmaf") if self.vmaf else ("psnr", "ssim")
        return [self._job(set_name, video, policy, crf, metrics=metrics) for crf in self.crfs]

    def grid(self, set_name: str, video: Video) -> list[Job]:
        """The encodes that tell what the segments of a video come to at any CRF, if it is asked."""
        if not self.optimum:
            return []
        crfs = FINER if set_name == NO_OPTIMUM else GRID
        return [self._job(set_name, video, "fixed", crf) for crf in crfs]

    def best(self, set_name: str, video: Video, objective: str, store: Store) -> list[Job]:
        """The encodes of the optimum, once the grid is measured."""
        grid = [store[job] for job in self.grid(set_name, video)]
        return [
            self._job(
                set_name,
                video,
                optimum_of(objective).policy,
                crf,
                plan=tuple(
                    zip(
                        grid[0].lengths,
                        best_crfs(grid, crf, OBJECTIVES[objective]),
                        strict=True,
                    )
                ),
            )
            for crf in self.crfs
        ]

    def _job(
        self,
        set_name: str,
        video: Video,
        policy: str,
        crf: float,
        *,
        metrics: tuple[str, ...] = ("psnr", "ssim"),
        plan: tuple[tuple[int, float], ...] | None = None,
    ) -> Job:
        return Job(
            video=video,
            policy=policy,
            crf=crf,
            preset=self.preset,
            scope=SETS[set_name],
            metrics=metrics,
            plan=plan,
        )

    def run(self, store: Store, workers: int) -> Jobs:
        """Do all encodes that were not done; which they are, for every policy and video."""
        everywhere = [(name, video) for name, videos in self.videos.items() for video in videos]
        with_optimum = [at for at in everywhere if at[0] != NO_OPTIMUM]
        entries = (FIXED, *self.entries)
        done = {
            (*at, entry): self.jobs(*at, entry.policy)
            for entry in entries
            for at in everywhere
            if SETS[at[0]] in entry.scopes
        }
        grids = [job for at in everywhere for job in self.grid(*at)]
        store.do([*chain(*done.values()), *grids], workers)
        best = {
            (*at, optimum_of(objective)): self.best(*at, objective, store)
            for objective in self.objectives
            for at in with_optimum
        }
        store.do(chain(*best.values()), workers)
        return done | best


def optimum_of(objective: str) -> Entry:
    """The optimum as a policy among others."""
    return Entry(f"optimum {objective}", f"optimum {objective}", objective)


def scored(evaluation: Evaluation, jobs: Jobs, store: Store) -> Scores:
    """The scores of every policy on the videos of every set."""
    found: Scores = {}
    for (name, video, entry), those in jobs.items():
        if entry != FIXED:
            fixed = [store[job] for job in jobs[name, video, FIXED]]
            finer = [store[job] for job in evaluation.grid(name, video)]
            each = score(video, [store[job] for job in those], fixed, finer)
            found.setdefault((name, entry), []).append(each)
    return dict(sorted(found.items(), key=lambda item: list(SETS).index(item[0][0])))


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where all is kept.")
@click.option(
    "--held-out",
    type=click.Path(exists=True, path_type=Path),
    help="Groups or paths of the manifest, one per line: measure on these alone.",
)
@click.option("--policy", "policies", multiple=True, metavar="NAME|FILE", help="Beside rule.")
@click.option("--set", "sets", multiple=True, type=click.Choice(list(SETS)), default=list(SETS))
@click.option("--reels", default=8, show_default=True)
@click.option("--clips", default=12, show_default=True, help="Of a reel.")
@click.option("--frames", default=90, show_default=True, help="Of a reel's clip, at most.")
@click.option("--rate", default="25", show_default=True, help="Of a reel, in frames per second.")
@click.option("--seed", default=1, show_default=True, help="Of the first reel's draw.")
@click.option("--crf", "crfs", multiple=True, type=float, default=[20, 24, 28, 32, 36])
@click.option("--preset", default="medium", show_default=True)
@click.option("--vmaf", is_flag=True, help="Score policies and fixed CRF by VMAF as well.")
@click.option(
    "--optimum/--no-optimum",
    default=True,
    help="Whether the exact optimum is measured as well, which takes most of the time.",
)
@click.option("--jobs", default=2, show_default=True)
def policies(
    *,
    corpus: Path,
    out: Path,
    held_out: Path | None,
    policies: list[str],
    sets: list[str],
    reels: int,
    clips: int,
    frames: int,
    rate: str,
    seed: int,
    crfs: list[float],
    preset: str,
    jobs: int,
    vmaf: bool,
    optimum: bool,
) -> None:
    """Measure policies, `rule` and the exact optimum on the videos of CORPUS.

    CORPUS has a manifest.csv with the columns `path` and `group`. Three sets: reels of unrelated
    clips in scope `library`; edited titles (clips of at least 4 shots) and clips of a single shot
    in scope `title`. Everything is encoded at 640x360 and scored on the finished file against what
    was encoded. An evaluation that was interrupted goes on where it stopped.
    """
    found = clips_of(corpus, held_out)
    workshop = Workshop(out / "videos")
    videos: dict[str, list[Video]] = {}
    if "reels" in sets:
        draws = [draw(found, clips, seed + number) for number in range(reels)]
        videos["reels"] = [workshop.reel(d, frames=frames, rate=Fraction(rate)) for d in draws]
    if {"titles", "shots"} & set(sets):
        whole = [workshop.title(clip) for clip in found]
        chosen = {"titles": edited(whole), "shots": single(whole)}
        videos |= {name: chosen[name] for name in chosen if name in sets}
    evaluation = Evaluation(
        videos={name: those for name, those in videos.items() if those},
        entries=tuple(entry_for(policy) for policy in dict.fromkeys(["rule", *policies])),
        crfs=tuple(sorted(crfs)),
        preset=preset,
        vmaf=vmaf,
        optimum=optimum,
    )
    store = Store(out / "encodes.jsonl")
    done = evaluation.run(store, jobs)
    scores = scored(evaluation, done, store)
    summaries = [
        summarise(name, entry.label, entry.objective, each, best=best)
        for (name, entry), each in scores.items()
        for best in [scores.get((name, optimum_of(entry.objective)))]
    ]
    rows = [
        video_row(name, entry.label, each)
        for (name, entry), some in scores.items()
        for each in some
    ]
    report("policies, video by video", rows, None)
    report("policies", [summary.row() for summary in summaries], None)
    say_notices(done, store)
    keep(out, evaluation, summaries, scores, held_out=held_out is not None)


def entry_for(policy: str) -> Entry:
    """A policy by its name, or the file that it lies in."""
    if policy in {"rule", "fixed"}:
        return Entry(policy, policy)
    facts = load_policy(policy).facts
    if facts.objective not in OBJECTIVES:
        raise click.UsageError(f"{policy}: objective {facts.objective!r} has no optimum here")
    return Entry(policy, Path(policy).stem, facts.objective, facts.scopes)


def say_notices(done: Jobs, store: Store) -> None:
    """Tell what rlcodec said of policies: that one was replaced, above all."""
    said = Counter(
        f"{entry.label}: {notice}"
        for (_, _, entry), jobs in done.items()
        for job in jobs
        for notice in store[job].notices
        if "no smaller than the input" not in notice
    )
    for notice, times in said.items():
        click.echo(f"{notice} ({times} encodes)")


def keep(
    out: Path,
    evaluation: Evaluation,
    summaries: Sequence[Summary],
    scores: Scores,
    *,
    held_out: bool,
) -> None:
    """Write everything to `results.json`, and the picture of it to `policies.png`."""
    document = {
        "benchmark": "policies",
        "machine": machine(),
        "codec": "libx264",
        "preset": evaluation.preset,
        "crfs": evaluation.crfs,
        "held_out": held_out,
        "scores": "means over frames; PSNR and SSIM of luma",
        "summaries": [asdict(summary) for summary in summaries],
        "videos": [
            {"set": name, "policy": entry.label, **asdict(each)}
            for (name, entry), some in scores.items()
            for each in some
        ],
    }
    (out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw_chart(summaries, out / "policies.png")
