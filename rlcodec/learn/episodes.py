"""Episodes: titles to decide about, segment by segment, made from the clips of a table.

A clip is a title as it is. A reel joins clips that have nothing to do with each other, as a library
has titles; whole ones, or pieces of random length, so that there are always new ones to learn from.
Every join begins a shot.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.segments import Segmenter
from rlcodec.analysis.shots import reach_for
from rlcodec.analysis.state import Segment
from rlcodec.corpus.table import Clip
from rlcodec.errors import SettingsError
from rlcodec.learn.curves import Curves, Encodes

SEEDS = 2**31
"""Seeds are drawn below this."""
LOOKAHEAD_FRAMES = 96
"""As a transcode has them, unless frames are so large that memory lets fewer wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reels:
    """How reels are made.

    Attributes:
        clips: how many are joined, of as many groups, where there are so many of one size and
            encoded at the same CRFs.
        share: probability that an episode is a reel; the others are titles as they are.
        pieces: whether reels are made of pieces instead of whole clips.
        least_frames: of a piece.
        most_frames: of a piece; long clips would outweigh all others.
    """

    clips: int = 12
    share: float = 0.5
    pieces: bool = True
    least_frames: int = 24
    most_frames: int = 120


@dataclass(frozen=True, eq=False)
class Episode:
    """One title: its segments, and what becomes of each at any CRF.

    Attributes:
        name: of the clip, or of all that are joined.
        width, height, rate: of the picture, in pixels and frames per second.
        delay: frames that the encoder holds before it reports, at least one.
        segments: in display order.
        groups: of the clips that the segments come from.
        curves: their outcomes.
    """

    name: str
    width: int
    height: int
    rate: float
    delay: int
    segments: tuple[Segment, ...]
    groups: tuple[str, ...]
    curves: Curves

    @property
    def pixels(self) -> int:
        """Of a frame."""
        return self.width * self.height


@dataclass(frozen=True)
class _Piece:
    """Frames of a clip, by number; the first begins a shot."""

    clip: Clip
    frames: NDArray[np.intp]


class Episodes:
    """All titles of some clips, and reels of them without end, one for each seed."""

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        reels: Reels | None = None,
        psnr_cap: float = 48.0,
    ) -> None:
        """Make episodes of `clips`.

        Raises:
            SettingsError: there is no clip.
        """
        if not clips:
            raise SettingsError("there is no clip to make episodes of: add some to the corpus")
        self.clips = tuple(clips)
        self.reels = reels or Reels()
        self.psnr_cap = psnr_cap
        self._joinable = _joinable(self.clips, self.reels.clips)
        self.title = lru_cache(maxsize=None)(self._title)
        """The clip of this number, as it is."""
        self.reel = lru_cache(maxsize=64)(self._reel)
        """The reel of this seed: always the same one."""

    def draw(self, random: np.random.Generator) -> Episode:
        """A title, or a reel."""
        if random.random() < self.reels.share:
            return self._reel(int(random.integers(SEEDS)))
        return self.title(int(random.integers(len(self.clips))))

    def piece(self, number: int, random: np.random.Generator) -> Episode:
        """A part of the clip of this number."""
        return self._episode([self._piece(self.clips[number], random)])

    def variation(self, random: np.random.Generator) -> Episode:
        """Pieces of one clip, drawn again and again, as if they were the shots of a title."""
        clip = self.clips[int(random.integers(len(self.clips)))]
        count = int(random.integers(1, self.reels.clips + 1))
        return self._episode([self._piece(clip, random) for _ in range(count)])

    def _title(self, number: int) -> Episode:
        clip = self.clips[number]
        return self._episode([_Piece(clip, np.arange(clip.frames))])

    def _reel(self, seed: int) -> Episode:
        random = np.random.default_rng(seed)
        order = [self._joinable[place] for place in random.permutation(len(self._joinable))]
        kind = _kind(order[0])
        chosen: dict[str, Clip] = {}
        for clip in order:
            if _kind(clip) == kind and len(chosen) < self.reels.clips:
                chosen.setdefault(clip.group, clip)
        return self._episode([self._piece(clip, random) for clip in chosen.values()])

    def _piece(self, clip: Clip, random: np.random.Generator) -> _Piece:
        least = min(self.reels.least_frames, clip.frames)
        if not self.reels.pieces:
            return _Piece(clip, np.arange(clip.frames))
        length = int(random.integers(least, min(clip.frames, self.reels.most_frames) + 1))
        begin = int(random.integers(clip.frames - length + 1))
        frames = np.arange(begin, begin + length)
        # A frame inside a shot is coded with reference to those before it. Where it shall begin
        # a shot, the one that began its own stands in for it.
        frames[0] = np.flatnonzero(clip.cuts[: begin + 1])[-1]
        return _Piece(clip, frames)

    def _episode(self, pieces: list[_Piece]) -> Episode:
        first = pieces[0].clip

        def joined(values: list[NDArray[np.float32]]) -> NDArray[np.float32]:
            return np.concatenate(
                [each[:, piece.frames] for each, piece in zip(values, pieces, strict=True)], axis=1
            )

        clips = [piece.clip for piece in pieces]
        unknown = [np.full(clip.bytes.shape, np.nan, np.float32) for clip in clips]
        encodes = Encodes(
            crfs=first.crfs,
            bytes=np.concatenate([piece.clip.bytes[:, piece.frames] for piece in pieces], axis=1),
            psnr=joined([clip.psnr for clip in clips]),
            ssim=joined([clip.ssim for clip in clips]),
            reported_psnr=joined([clip.reported_psnr for clip in clips]),
            vmaf=joined(
                [
                    other if clip.vmaf is None else clip.vmaf
                    for clip, other in zip(clips, unknown, strict=True)
                ]
            ),
        )
        measured = np.concatenate([piece.clip.measured[piece.frames] for piece in pieces])
        cuts = np.concatenate([piece.clip.cuts[piece.frames] for piece in pieces])
        segments = cut(measured, cuts, float(first.rate))
        starts = np.array([segment.start_frame for segment in segments])
        ends = np.cumsum([len(piece.frames) for piece in pieces])
        places = np.searchsorted(ends, starts, side="right")
        return Episode(
            name=" + ".join(clip.name for clip in clips),
            width=first.width,
            height=first.height,
            rate=float(first.rate),
            # What is reported at once would be so before the next decision whatever it is
            delay=max(1, first.delay),
            segments=segments,
            groups=tuple(clips[place].group for place in places),
            curves=Curves.measured(encodes, starts, self.psnr_cap),
        )


def _kind(clip: Clip) -> Hashable:
    """What clips must have in common to be joined."""
    return clip.width, clip.height, tuple(clip.crfs)


def _joinable(clips: Sequence[Clip], count: int) -> list[Clip]:
    """The clips of kinds with `count` groups; where no kind has so many, of that with the most."""
    groups: dict[Hashable, set[str]] = {}
    for clip in clips:
        groups.setdefault(_kind(clip), set()).add(clip.group)
    enough = min(count, max(map(len, groups.values())))
    return [clip for clip in clips if len(groups[_kind(clip)]) >= enough]


def cut(measured: NDArray[np.float32], cuts: NDArray[np.bool_], rate: float) -> tuple[Segment, ...]:
    """The segments of a title, as a transcode makes them.

    `measured` (frames, `FRAME_INPUTS`), `cuts` (frames), `rate` in frames per second.
    """
    segmenter, reach = Segmenter(LOOKAHEAD_FRAMES), reach_for(rate)
    verdicts = cuts.tolist()
    segments = []
    for number, row in enumerate(measured):
        judged = number - reach
        segmenter.push(row, verdicts[judged : judged + 1] if judged >= 0 else ())
        if (segment := segmenter.take()) is not None:
            segments.append(segment)
    segmenter.finish(verdicts[max(0, len(verdicts) - reach) :])
    while (segment := segmenter.take()) is not None:
        segments.append(segment)
    return tuple(segments)


def split(clips: Sequence[Clip], held_out: Collection[str]) -> tuple[list[Clip], list[Clip]]:
    """Clips to learn from, and those of the groups `held_out`, to judge by.

    Raises:
        SettingsError: one side is empty, a group is not there, or a clip stands on both.
    """
    missing = set(held_out) - {clip.group for clip in clips}
    if missing:
        raise SettingsError(f"no clip is of group {', '.join(sorted(missing))}: none is held out")
    learning = [clip for clip in clips if clip.group not in held_out]
    judging = [clip for clip in clips if clip.group in held_out]
    if not learning or not judging:
        raise SettingsError("a split needs clips of two groups: some to learn from, some to judge")
    refuse_overlap(learning, judging)
    return learning, judging


def refuse_overlap(learning: Sequence[Clip], judging: Sequence[Clip]) -> None:
    """See that what is judged by was not learned from.

    Raises:
        SettingsError: a group, or a source, stands on both sides.
    """
    groups = {clip.group for clip in learning} & {clip.group for clip in judging}
    if groups:
        raise SettingsError(
            f"group {', '.join(sorted(groups))} stands on both sides of the split: put all of a "
            "group on one side"
        )
    known = {clip.digest: clip for clip in learning}
    for clip in judging:
        if clip.digest in known:
            raise SettingsError(
                f"{clip.name} and {known[clip.digest].name} are the same video, and stand on both "
                "sides of the split: put them into one group"
            )


def folds(clips: Sequence[Clip], count: int, seed: int) -> list[frozenset[str]]:
    """The groups of `clips` in `count` parts of about as many frames each, drawn by `seed`.

    Raises:
        SettingsError: there are fewer groups than parts.
    """
    frames: dict[str, int] = {}
    for clip in clips:
        frames[clip.group] = frames.get(clip.group, 0) + clip.frames
    if not 2 <= count <= len(frames):
        raise SettingsError(
            f"{len(frames)} groups cannot be split into {count} parts: give 2 to {len(frames)}"
        )
    groups = sorted(frames)
    np.random.default_rng(seed).shuffle(groups)
    parts: list[set[str]] = [set() for _ in range(count)]
    sizes = [0] * count
    for group in sorted(groups, key=lambda each: -frames[each]):
        least = sizes.index(min(sizes))
        parts[least].add(group)
        sizes[least] += frames[group]
    return [frozenset(part) for part in parts]
