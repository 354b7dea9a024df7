"""Pictures for the report: the frames of a clip that a policy and fixed CRF make most differently.

Finished files are not kept, and are made once more for their pictures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.benchmark.clips import Clip
from rlcodec.benchmark.measured import Measured
from rlcodec.benchmark.rivals.recipe import FixedCrf, Recipe
from rlcodec.benchmark.studio import Studio
from rlcodec.corpus.crew import OnFrame
from rlcodec.media.readback import frames_of
from rlcodec.media.reference import Reference
from rlcodec.media.stills import StillMaker
from rlcodec.report.frames import lowest, picked
from rlcodec.report.gallery import ClipPictures, Contrast, Room
from rlcodec.settings import Settings

METRIC = "ssim_y"
"""By whose difference frames are chosen."""
_THUMBNAIL = (160, 70)
"""Longest side, in pixels, and WebP's quality."""


@dataclass(frozen=True)
class Wanted:
    """One policy's frames of a clip.

    Attributes:
        policy: its name.
        recipe: how it encodes.
        places: the numbers of the frames.
        fixed, own: the scores of these frames by metric, of fixed CRF and of the policy.
    """

    policy: str
    recipe: Recipe
    places: tuple[int, ...]
    fixed: tuple[Mapping[str, float], ...]
    own: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Sitting:
    """One clip to be pictured, as `worker.Order` says it; `crf` is the base."""

    clip: Clip
    crf: float
    wanted: tuple[Wanted, ...]
    room: Room
    codec: str
    preset: str
    work: Path


def wanted_of(
    clip: Clip, policy: str, recipe: Recipe, fixed: Measured, own: Measured, most: int
) -> Wanted:
    """The frames, `most` at most, that a policy made most differently, for better or worse."""
    times = [place / clip.rate for place in range(clip.frames)]
    places = lowest(-np.abs(own.scores[METRIC] - fixed.scores[METRIC]), times, most)
    scores = [
        tuple({name: float(each[place]) for name, each in made.scores.items()} for place in places)
        for made in (fixed, own)
    ]
    return Wanted(policy, recipe, tuple(places), *scores)


def sit(sitting: Sitting, on_frame: OnFrame) -> ClipPictures:
    """Decode the clip, make its files once more, and take the pictures.

    Raises:
        RlcodecError: the clip cannot be used any more.
    """
    clip = sitting.clip
    with (
        closing(
            Reference(str(clip.entry.path), scale=clip.entry.scale, max_frames=None)
        ) as reference,
        tempfile.TemporaryDirectory(dir=sitting.work) as name,
    ):
        settings = Settings(codec=sitting.codec, preset=sitting.preset)
        studio = Studio(reference, clip, settings, Path(name), on_frame)
        (middle,) = reference.piece(clip.frames // 2, 1)
        thumbnail = StillMaker(reference.picture, *_THUMBNAIL).make(middle)
        fixed = FixedCrf(crf=sitting.crf).make(studio).path
        return ClipPictures(
            thumbnail,
            {
                each.policy: _contrasts(
                    reference, each, fixed, each.recipe.make(studio).path, sitting.room
                )
                for each in sitting.wanted
            },
        )


def _contrasts(
    reference: Reference, wanted: Wanted, fixed: Path, own: Path, room: Room
) -> Sequence[Contrast]:
    pairs = picked(
        zip(frames_of(fixed), frames_of(own), strict=True),
        reference.picture,
        wanted.places,
        longest=room.longest,
        most_bytes=room.most_bytes,
    )
    return [
        Contrast(pair, *scores)
        for pair, *scores in zip(pairs, wanted.fixed, wanted.own, strict=True)
    ]
