"""What one process does with one video: decode it, look at it, encode it, keep what came of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis import state
from rlcodec.corpus.crew import OnFrame
from rlcodec.corpus.duplicates import near_duplicate
from rlcodec.corpus.manifest import Entry, show_scale
from rlcodec.corpus.store import Cut, Recipe, Store, StoredEncode, StoredPicture
from rlcodec.engine.analyst import Analyst
from rlcodec.errors import EncodeError, InputError
from rlcodec.media.fingerprint import fingerprint
from rlcodec.media.reference import Reference
from rlcodec.media.source import Source
from rlcodec.media.trial import LIBRARIES, trial
from rlcodec.settings import MAX_PIXELS, Settings

THREADS = 1
"""Of every encode. More of them change the bytes, and by how much depends on the machine."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of every video, as plain values that go from process to process."""

    store: Path
    codec: str
    preset: str
    encoder_options: Mapping[str, str]
    max_frames: int
    vmaf: bool

    def settings(self, crf: float) -> Settings:
        """How to encode at one CRF."""
        return Settings(
            codec=self.codec, preset=self.preset, encoder_options=self.encoder_options, crf=crf
        )

    def recipe(self) -> Recipe:
        """What all encodes have in common."""
        return Recipe.of(self.settings(crf=0), THREADS, LIBRARIES)

    def cut(self, entry: Entry) -> Cut:
        """How much of a video is used."""
        return Cut(show_scale(entry.scale), self.max_frames)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first look at a video tells: its content's digest, and about how many frames."""

    digest: str
    frames: int


@dataclass(frozen=True, slots=True)
class Task:
    """One video at some CRFs: what one process does in one go.

    `frames` is about how many it has; `analyse` is whether its frames are to be measured too.
    """

    order: Order
    entry: Entry
    digest: str
    frames: int
    crfs: tuple[float, ...]
    analyse: bool


def survey(entry: Entry, on_frame: OnFrame) -> Survey:  # noqa: ARG001 # nothing is encoded
    """Look at a video for the first time.

    Raises:
        InputError: it cannot be used.
    """
    with Source(
        str(entry.path), max_pixels=MAX_PIXELS, audio=False, subtitles=False, allow_truncated=True
    ) as source:
        frames = source.frames or 1
    return Survey(entry.digest(), frames)


def work(task: Task, on_frame: OnFrame) -> int:
    """Encode a video as far as the store has not, and keep it there; how many encodes were made.

    Raises:
        InputError: it cannot be used, or another group has it or a near duplicate of it.
        EncodeError: the encoder failed.
        OutputError: there is no room for its frames.
        StoreError: the store cannot be used.
    """
    order, entry = task.order, task.entry
    recipe = order.recipe()
    with (
        Store(order.store) as store,
        closing(
            Reference(str(entry.path), scale=entry.scale, max_frames=order.max_frames or None)
        ) as reference,
    ):
        picture = store.picture(task.digest, order.cut(entry)) or _add(store, reference, task)
        if task.analyse:
            store.add_analysis(picture.id, state.VERSION, *_analyse(reference))
        made = 0
        # Another run may be at it as well: each in an order of its own, they hardly meet
        for crf in random.sample(task.crfs, len(task.crfs)):
            if crf not in store.crfs(picture.id, recipe, vmaf=order.vmaf):
                store.add_encode(picture.id, recipe, _encode(reference, task, crf, on_frame))
                made += 1
        return made


def _encode(reference: Reference, task: Task, crf: float, on_frame: OnFrame) -> StoredEncode:
    order = task.order
    try:
        result = trial(
            reference, order.settings(crf), threads=THREADS, vmaf=order.vmaf, on_frame=on_frame
        )
    except EncodeError as error:
        raise EncodeError(f"{task.entry.path}: at CRF {crf:g}: {error}") from error
    return StoredEncode(
        crf=crf,
        delay=result.delay,
        bytes=result.bytes,
        qp=result.qp,
        psnr=result.psnr,
        ssim=result.ssim,
        reported_psnr=result.reported_psnr,
        vmaf=result.vmaf,
    )


def _analyse(reference: Reference) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What a transcode would measure on every frame, and which frames it would see begin a shot."""
    analyst = Analyst(reference.picture)
    rows, verdicts = [], list[bool]()
    for frame in reference:
        analysed = analyst.push(frame)
        rows.append(analysed.row)
        verdicts += analysed.verdicts
    cuts = np.array(verdicts + analyst.finish(), np.bool_)
    cuts[0] = True
    return np.stack(rows), cuts


def _add(store: Store, reference: Reference, task: Task) -> StoredPicture:
    """Put a picture into the store, unless one of another group shows the same."""
    entry, shown = task.entry, reference.picture
    seen = fingerprint(reference)
    picture = StoredPicture(
        id=0,
        name=entry.name,
        group=entry.group,
        digest=task.digest,
        cut=task.order.cut(entry),
        width=shown.width,
        height=shown.height,
        frames=reference.frames,
        rate=shown.rate,
    )
    compared = 0
    added = None
    # Comparing takes long: others may add theirs in the meantime, and are then compared too
    while added is None:
        for other in store.fingerprints(after=compared):
            compared = other.picture
            values = other.fingerprint.reshape(-1, seen.shape[1])
            if other.group != entry.group and (
                other.digest == task.digest or near_duplicate(seen, values)
            ):
                raise InputError(
                    f"{entry.path}: shows what {other.name} of the group {other.group!r} shows, "
                    f"and is named as of {entry.group!r}; a policy would be tested on what it was "
                    "trained with: give both one group, or leave one out"
                )
        added = store.add_picture(picture, seen, compared=compared)
    return added
