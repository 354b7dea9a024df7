"""The videos that policies are measured on: reels, edited titles and single shots of a corpus."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import click

from benchmarks.reels import pictures, write
from benchmarks.shots import ours
from rlcodec.corpus.manifest import entries

MANIFEST = "manifest.csv"
SIZE = (640, 360)
EDITED = 4
"""Shots from which a clip counts as an edited title."""
_NEARLY_LOSSLESS = 6


@dataclass(frozen=True)
class Clip:
    """A line of a corpus's `manifest.csv`: a video, and the family that it comes from."""

    name: str
    path: Path
    group: str


@dataclass(frozen=True)
class Video:
    """One video that is encoded and scored.

    Attributes:
        name: its file is called so.
        group: the source that it stands for in statistics; a reel is one of its own.
        path: of the file.
        digest: SHA-256 of the file.
        frames, shots: how many it has.
        parts: what it was made of.
    """

    name: str
    group: str
    path: str
    digest: str
    frames: int
    shots: int
    parts: tuple[str, ...]


def clips_of(corpus: Path, held_out: Path | None) -> list[Clip]:
    """The clips of a manifest; with a file of groups or paths, one per line, those alone.

    Raises:
        click.UsageError: a line of the file names nothing in the manifest.
    """
    clips = [Clip(each.name, each.path, each.group) for each in entries([corpus / MANIFEST], None)]
    if held_out is None:
        return clips
    wanted = set(filter(None, map(str.strip, held_out.read_text("utf-8").splitlines())))
    unknown = wanted - {name for clip in clips for name in (clip.name, clip.group)}
    if unknown:
        raise click.UsageError(f"{held_out}: not in the manifest: {', '.join(sorted(unknown))}")
    return [clip for clip in clips if {clip.name, clip.group} & wanted]


def draw(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """`count` clips by `seed`: one of every group before the second of any."""
    groups: dict[str, list[Clip]] = {}
    shuffled = random.Random(seed).sample(clips, len(clips))  # noqa: S311 # a draw
    for clip in shuffled:
        groups.setdefault(clip.group, []).append(clip)
    ranks = {clip.path: rank for group in groups.values() for rank, clip in enumerate(group)}
    return sorted(shuffled, key=lambda clip: ranks[clip.path])[:count]


class Workshop:
    """Writes videos into a folder, nearly lossless, and keeps what is there already."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def reel(self, clips: Sequence[Clip], *, frames: int, rate: Fraction) -> Video:
        """The first `frames` of every clip, joined at one rate."""
        paths = [clip.path for clip in clips]
        said = json.dumps([[str(path) for path in paths], frames, str(rate)])
        name = f"reel-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        return self._made(name, name, paths, limit=frames, rate=rate)

    def title(self, clip: Clip) -> Video:
        """A whole clip at its own average rate."""
        with av.open(str(clip.path)) as container:
            # As other rates do not fit the time bases that files have room for
            rate = (container.streams.video[0].average_rate or Fraction(25)).limit_denominator(1001)
        return self._made(clip.path.stem, clip.group, [clip.path], limit=None, rate=rate)

    def _made(
        self, name: str, group: str, paths: Sequence[Path], *, limit: int | None, rate: Fraction
    ) -> Video:
        facts, target = self._folder / f"{name}.json", self._folder / f"{name}.mp4"
        if not facts.exists():
            width, height = SIZE
            sources = (pictures(path, width, height, limit=limit) for path in paths)
            write(target, sources, width=width, height=height, rate=rate, crf=_NEARLY_LOSSLESS)
            with av.open(str(target)) as container:
                frames = container.streams.video[0].frames
            video = Video(
                name=name,
                group=group,
                path=str(target),
                digest=hashlib.sha256(target.read_bytes()).hexdigest(),
                frames=frames,
                shots=1 + len(ours(target)),
                parts=tuple(path.name for path in paths),
            )
            facts.write_text(json.dumps(asdict(video), indent=1), encoding="utf-8")
        known = json.loads(facts.read_text(encoding="utf-8"))
        return Video(**{**known, "path": str(target), "parts": tuple(known["parts"])})


def edited(videos: Iterable[Video]) -> list[Video]:
    """Those that are edited titles."""
    return [video for video in videos if video.shots >= EDITED]


def single(videos: Iterable[Video]) -> list[Video]:
    """Those that are a single shot."""
    return [video for video in videos if video.shots == 1]
