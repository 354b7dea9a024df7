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
from rlcodec.benchmark.methods import FIXED, Candidate, Line, Program
from rlcodec.benchmark.rivals.recipe import FixedCrf, Recipe
from rlcodec.benchmark.studio import Studio
from rlcodec.benchmark.summary import Findings
from rlcodec.corpus.crew import OnFrame
from rlcodec.media.readback import frames_of
from rlcodec.media.reference import Reference
from rlcodec.media.stills import StillMaker
from rlcodec.report.benchmark import middle
from rlcodec.report.frames import lowest, picked
from rlcodec.report.gallery import ClipPictures, Contrast, Room, room_for
from rlcodec.settings import Settings

METRIC = "ssim_y"
"""By whose difference frames are chosen."""
_SCOPE = "title"
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


def _wanted(  # noqa: PLR0917 # two of them are of one kind, and stand in the usual order
    clip: Clip, candidate: Candidate, fixed: Measured, own: Measured, room: Room, crf: float
) -> Wanted:
    """The frames that a policy made most differently, for better or worse."""
    times = [place / clip.rate for place in range(clip.frames)]
    places = lowest(-np.abs(own.scores[METRIC] - fixed.scores[METRIC]), times, room.frames)
    scores = [
        tuple({name: float(each[place]) for name, each in made.scores.items()} for place in places)
        for made in (fixed, own)
    ]
    return Wanted(candidate.name, candidate.recipe(crf, _SCOPE), tuple(places), *scores)


def sittings(program: Program, findings: Findings, work: Path) -> list[Sitting]:
    """What is to be pictured of every clip: policies in scope `title`, at the middle base CRF.

    `work` is a folder for what is made meanwhile.
    """
    crf = middle(program.crfs)
    found = []
    for clip in findings.clips:
        fixed = findings.points(clip, Line(FIXED)).get(crf)
        made = [
            (each, fixed, own)
            for each in program.candidates
            if fixed and (own := findings.points(clip, Line(each.name, _SCOPE)).get(crf))
        ]
        if made:
            found.append((clip, made))
    room = room_for(max(1, sum(len(made) for _, made in found)))
    return [
        Sitting(
            clip=clip,
            crf=crf,
            wanted=tuple(_wanted(clip, *each, room, crf) for each in made),
            room=room,
            codec=program.settings.codec,
            preset=program.settings.preset,
            work=work,
        )
        for clip, made in found
    ]


def sit(sitting: Sitting, on_frame: OnFrame) -> ClipPictures:  # noqa: ARG001 # nothing is measured
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
        studio = Studio(reference, clip, settings, Path(name), lambda: None)
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
