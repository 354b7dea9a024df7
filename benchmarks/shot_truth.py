"""Videos with known cuts: marked by eye, joined from clips, and altered to mislead a detector."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.reels import draw, pictures, write

WIDTH, HEIGHT = 320, 176
MARKED = Path(__file__).with_name("data") / "shot_truth.csv"

Clip = NDArray[np.uint8]
"""Frames as FFmpeg's yuv420p in one array each (frames, 3/2 height, width)."""


@dataclass(frozen=True)
class Case:
    """A video with known cuts: the frame with which each new shot begins.

    `unscored` are ranges of frames, ends included, in which a report counts neither way: fades,
    dissolves, wipes and changing pages.
    """

    kind: str
    path: Path
    cuts: frozenset[int]
    unscored: tuple[tuple[int, int], ...] = field(default=())


def marked(corpus: Path, folder: Path) -> Iterator[Case]:
    """The clips of `corpus` that were marked by eye, at a small size in `folder`."""
    by_path: dict[str, list[dict[str, str]]] = {}
    with MARKED.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            by_path.setdefault(row["path"], []).append(row)
    for number, (name, rows) in enumerate(by_path.items()):
        target = folder / f"marked{number}.mp4"
        _save(target, [_load(corpus / name)], Fraction(25))
        cuts = frozenset(int(row["start"]) for row in rows if row["kind"] == "cut")
        unscored = tuple(
            (int(row["start"]) - 2, int(row["end"]) + 2)
            for row in rows
            if row["kind"] not in {"cut", "none"}
        )
        kind = "edited" if name.startswith("titles/") else "clips with cuts" if cuts else "one shot"
        yield Case(kind, target, cuts, unscored)


def joined(corpus: Path, folder: Path) -> Iterator[Case]:
    """Reels of twelve clips each, at 24 and, every frame shown twice or more, at 60 per second."""
    # A clip with cuts of its own would add some that the joins do not tell of
    with MARKED.open(newline="", encoding="utf-8") as lines:
        changing = {row["path"] for row in csv.DictReader(lines) if row["kind"] != "none"}
    for seed in range(8):
        drawn = draw(corpus / "clips", 24, seed)
        whole = [path for path in drawn if f"clips/{path.name}" not in changing][:12]
        clips = [_load(path, limit=20 + 7 * place % 40) for place, path in enumerate(whole)]
        repeats = (1, 1, 1, 1, 2, 2, 3, 3)[seed]
        clips = [clip.repeat(repeats, axis=0) for clip in clips]
        rate = Fraction(24 * repeats if repeats < 3 else 60)
        target = folder / f"joined{seed}.mp4"
        cuts = _save(target, clips, rate)
        yield Case("joined reels", target, frozenset(cuts))


def altered(corpus: Path, folder: Path) -> Iterator[Case]:
    """Pairs of clips with flashes, fades, dissolves, darkness and noise."""
    random = np.random.default_rng(7)
    quiet = [path for path in draw(corpus / "clips", 60, 99) if path.stat().st_size < 2_000_000]
    makers: dict[str, Callable[[Clip, Clip], tuple[list[Clip], bool]]] = {
        "flash 1": lambda a, _: ([_flash(a, 1, random)], False),
        "flash 2": lambda a, _: ([_flash(a, 2, random)], False),
        "flash 3": lambda a, _: ([_flash(a, 3, random)], False),
        "black frame": lambda a, _: ([_replace(a, 16)], False),
        "white frame": lambda a, _: ([_replace(a, 235)], False),
        "dissolve": lambda a, b: ([_dissolve(a, b, 16)], False),
        "fade": lambda a, b: ([_fade(a, b, 12)], False),
        "dark": lambda a, b: ([_dim(a), _dim(b)], True),
        "noise": lambda a, b: ([_noise(a, random), _noise(b, random)], True),
    }
    for number in range(6):
        a, b = (_load(quiet[2 * number + place], limit=40) for place in (0, 1))
        for kind, make in makers.items():
            target = folder / f"{kind.replace(' ', '')}{number}.mp4"
            parts, is_cut = make(a, b)
            cuts = _save(target, parts, Fraction(25))
            yield Case(kind, target, frozenset(cuts if is_cut else ()))


def _load(path: Path, limit: int | None = None) -> Clip:
    frames = pictures(path, WIDTH, HEIGHT, limit=limit)
    return np.stack([frame.to_ndarray().astype(np.uint8) for frame in frames])


def _save(target: Path, clips: list[Clip], rate: Fraction) -> list[int]:
    sources = ((av.VideoFrame.from_ndarray(each, "yuv420p") for each in clip) for clip in clips)
    return write(target, sources, width=WIDTH, height=HEIGHT, rate=rate)


def _levels(values: NDArray[np.floating]) -> Clip:
    levels: Clip = np.clip(values, 16, 235).astype(np.uint8)
    return levels


def _flash(clip: Clip, length: int, random: np.random.Generator) -> Clip:
    middle = len(clip) // 2
    lit = clip.copy()
    lit[middle : middle + length, :HEIGHT] = _levels(
        lit[middle : middle + length, :HEIGHT] + random.uniform(60, 200)
    )
    return lit


def _replace(clip: Clip, level: int) -> Clip:
    replaced = clip.copy()
    replaced[len(clip) // 2, :HEIGHT] = level
    return replaced


def _dissolve(a: Clip, b: Clip, length: int) -> Clip:
    share = np.linspace(0, 1, length)[:, None, None]
    mixed = (1 - share) * a[-length:] + share * b[:length]
    return np.concatenate([a[:-length], mixed.astype(np.uint8), b[length:]])


def _fade(a: Clip, b: Clip, length: int) -> Clip:
    share = np.linspace(1, 0, length)[:, None, None]
    out, into = a.astype(float), b.astype(float)
    out[-length:, :HEIGHT] = 16 + share * (out[-length:, :HEIGHT] - 16)
    into[:length, :HEIGHT] = 16 + share[::-1] * (into[:length, :HEIGHT] - 16)
    return np.concatenate([out, into]).astype(np.uint8)


def _dim(clip: Clip) -> Clip:
    dark = clip.copy()
    dark[:, :HEIGHT] = 16 + (dark[:, :HEIGHT].astype(float) - 16) * 0.15
    return dark


def _noise(clip: Clip, random: np.random.Generator) -> Clip:
    noisy = clip.copy()
    dimmed = 16 + (clip[:, :HEIGHT].astype(float) - 16) * 0.4
    noisy[:, :HEIGHT] = _levels(dimmed + random.normal(0, 12, dimmed.shape))
    return noisy
