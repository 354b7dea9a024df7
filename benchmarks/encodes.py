"""Encodes with their scores: each done once, kept in a file, and read from there the next time."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

import av

import rlcodec
from benchmarks.kept import Lines, Progress, in_processes
from benchmarks.sets import Video
from rlcodec.analysis import state
from rlcodec.events import Event, SegmentDecided
from rlcodec.policy import fixed, rule
from rlcodec.policy.shipped import load_policy
from rlcodec.settings import Settings

_WRITTEN = {"fixed": fixed.__file__, "rule": rule.__file__}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One encode of one video, and its scores.

    Attributes:
        video: what is encoded.
        policy: by name or file; for a plan, what it is called.
        crf: the base.
        preset: of libx264.
        scope: what `Settings.scope` is.
        metrics: what the file is scored by.
        plan: frames and CRF of every segment; None asks the policy.
    """

    video: Video
    policy: str
    crf: float
    preset: str
    scope: str
    metrics: tuple[str, ...] = ("psnr", "ssim")
    plan: tuple[tuple[int, float], ...] | None = None

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that decides about the encode; what it is scored by does not."""
        said = [
            self.video.digest,
            policy_digest(self.policy) if self.plan is None else self.plan,
            self.crf,
            self.preset,
            # To a policy that changes nothing it makes no difference
            None if self.plan is not None or self.policy == "fixed" else self.scope,
            *(rlcodec.__version__, state.VERSION, av.__version__, av.ffmpeg_version_info),
            # As many threads as x264 takes by itself: they change what it writes
            os.cpu_count(),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Encode:
    """What came of a job.

    Attributes:
        key: of the job.
        video, policy, crf, preset, scope: as in the job.
        bytes: of the video's packets.
        scores: the mean over frames of every metric; of luma, PSNR in dB between 0 and 100.
            lengths, crfs, new_shots: of every segment: frames, CRF, whether it begins a shot.
        frame_bytes, frame_psnr, frame_ssim: of every frame, in display order.
        notices: what rlcodec said.
        seconds: how long it took to encode and score.
    """

    key: str
    video: str
    policy: str
    crf: float
    preset: str
    scope: str
    bytes: int
    scores: Mapping[str, float]
    lengths: Sequence[int]
    crfs: Sequence[float]
    new_shots: Sequence[bool]
    frame_bytes: Sequence[int]
    frame_psnr: Sequence[float]
    frame_ssim: Sequence[float]
    notices: Sequence[str]
    seconds: float


@cache
def policy_digest(policy: str) -> str:
    """SHA-256 of the file that a policy is in."""
    if policy in _WRITTEN:
        return hashlib.sha256(Path(_WRITTEN[policy]).read_bytes()).hexdigest()
    return load_policy(policy).digest


def encode(job: Job) -> Encode:
    """Do a job: transcode the video with the library, compare it with what came out."""
    began = time.monotonic()
    source = job.video.path
    settings = Settings(preset=job.preset, crf=job.crf)
    decided: list[SegmentDecided] = []

    def note(event: Event) -> None:
        if isinstance(event, SegmentDecided):
            decided.append(event)

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "encoded.mp4")
        if job.plan is None:
            settings = replace(settings, policy=job.policy, scope=job.scope)
            result = rlcodec.transcode(source, target, settings, on_progress=note)
        else:
            flat = rlcodec.plan(source, settings, policy="fixed")
            planned = replace(flat, segments=tuple(_segments(job.plan, flat.input.rate)))
            result = rlcodec.transcode(source, target, plan=planned, on_progress=note)
        scores = rlcodec.compare(source, target, job.metrics).metrics
        sizes = frame_bytes(target)
    return Encode(
        key=job.key,
        video=job.video.name,
        policy=job.policy,
        crf=job.crf,
        preset=job.preset,
        scope=job.scope,
        bytes=sum(sizes),
        scores={metric: scores[metric].mean for metric in job.metrics},
        lengths=[each.frames for each in decided],
        crfs=[each.crf for each in decided],
        new_shots=[each.new_shot for each in decided],
        frame_bytes=sizes,
        frame_psnr=[round(value, 3) for value in scores["psnr"].values],
        frame_ssim=[round(value, 6) for value in scores["ssim"].values],
        notices=result.notices,
        seconds=round(time.monotonic() - began, 2),
    )


def _segments(
    plan: Iterable[tuple[int, float]], rate: Fraction
) -> Iterator[rlcodec.PlannedSegment]:
    start = 0
    for frames, crf in plan:
        yield rlcodec.PlannedSegment(
            start_frame=start,
            frames=frames,
            start_s=float(start / rate),
            crf=crf,
            new_shot=start == 0,
        )
        start += frames


def frame_bytes(path: Path) -> list[int]:
    """The size of every frame of a video, in display order."""
    with av.open(str(path)) as container:
        packets = [(packet.pts, packet.size) for packet in container.demux(video=0) if packet.size]
    return [size for _, size in sorted(packets, key=lambda each: each[0] or 0)]


class Store:
    """Encodes by the keys of their jobs, in a file of JSON lines that only grows."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or begin it.

        A line that has other fields than an encode is passed over.
        """
        self._lines = Lines(path)
        self._known: dict[str, Encode] = {}
        for line in self._lines.read():
            try:
                self._note(Encode(**line))
            except TypeError:
                continue

    def find(self, job: Job) -> Encode | None:
        """What came of a job, if it was done, and scored by all that it asks for."""
        found = self._known.get(job.key)
        return found if found and set(job.metrics) <= set(found.scores) else None

    def add(self, encode: Encode) -> None:
        """Keep an encode."""
        self._lines.add(vars(encode))
        self._note(encode)

    def _note(self, encode: Encode) -> None:
        self._known[encode.key] = encode

    def __getitem__(self, job: Job) -> Encode:
        return self._known[job.key]

    def do(self, jobs: Iterable[Job], workers: int) -> None:
        """Do those jobs that were not done, in `workers` processes, and say how it goes."""
        left: dict[str, Job] = {}
        for job in jobs:
            if self.find(job) is None:
                other = left.get(job.key)
                metrics = dict.fromkeys((*job.metrics, *(other.metrics if other else ())))
                left[job.key] = replace(job, metrics=tuple(metrics))
        if not left:
            return
        progress = Progress(len(left), sum(job.video.frames for job in left.values()), "encodes")
        for job, found in in_processes(encode, list(left.values()), workers):
            self.add(found)
            progress.step(job.video.frames, f"{job.video.name} {job.policy} {job.crf:g}")
        progress.end()
