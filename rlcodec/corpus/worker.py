"""What one process does with one video: decode it, look at it, encode it, keep what came of it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import connection, parent_process
from multiprocessing.queues import Queue
from pathlib import Path

from rlcodec.corpus.duplicates import near_duplicate
from rlcodec.corpus.manifest import Entry, show_scale
from rlcodec.corpus.store import Cut, Recipe, Store, StoredEncode, StoredPicture
from rlcodec.errors import InputError
from rlcodec.media.fingerprint import fingerprint
from rlcodec.media.reference import Reference
from rlcodec.media.source import Source
from rlcodec.media.trial import LIBRARIES, trial
from rlcodec.settings import MAX_PIXELS, Settings

THREADS = 1
"""Of every encode. More of them change the bytes, and by how much depends on the machine."""
_REPORT_S = 0.3


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


@dataclass(slots=True)
class _Reporter:
    """Tells the main process, now and then, how many frames are through."""

    queue: Queue[int] | None = None
    frames: int = 0
    told: float = field(default_factory=time.monotonic)

    def count(self) -> None:
        self.frames += 1
        if self.queue is not None and time.monotonic() - self.told > _REPORT_S:
            self.queue.put(self.frames)
            self.frames, self.told = 0, time.monotonic()


_reporter = _Reporter()


def begin(queue: Queue[int]) -> None:
    """Prepare a process, which ends at once when the main one does."""
    _reporter.queue = queue
    main = parent_process()
    assert main is not None

    def follow() -> None:
        connection.wait([main.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def survey(path: Path) -> Survey:
    """Look at a video for the first time.

    Raises:
        InputError: it cannot be used.
    """
    with Source(
        str(path), max_pixels=MAX_PIXELS, audio=False, subtitles=False, allow_truncated=True
    ) as source:
        frames = source.frames or 1
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Survey(digest, frames)


def work(order: Order, entry: Entry, digest: str, crfs: tuple[float, ...]) -> int:
    """Encode one video at `crfs`, those that the store has not; how many encodes were made.

    Raises:
        InputError: it cannot be used, or is a near duplicate of a video of another group.
        EncodeError: the encoder failed.
        OutputError: there is no room for its frames.
        StoreError: the store cannot be used.
    """
    path, cut = str(entry.path), order.cut(entry)
    with (
        Store(order.store) as store,
        closing(
            Reference(path, scale=entry.scale, max_frames=order.max_frames or None)
        ) as reference,
    ):
        picture = store.picture(digest, cut)
        if picture is None:
            picture = _add(store, reference, entry, digest, cut)
        made = 0
        for crf in sorted(set(crfs) - store.crfs(picture.id, order.recipe(), vmaf=order.vmaf)):
            result = trial(
                reference,
                order.settings(crf),
                threads=THREADS,
                vmaf=order.vmaf,
                on_frame=_reporter.count,
            )
            encode = StoredEncode(
                crf=crf,
                delay=result.delay,
                bytes=result.bytes,
                qp=result.qp,
                psnr=result.psnr,
                ssim=result.ssim,
                reported_psnr=result.reported_psnr,
                vmaf=result.vmaf,
            )
            store.add_encode(picture.id, order.recipe(), encode)
            made += 1
        return made


def _add(store: Store, reference: Reference, entry: Entry, digest: str, cut: Cut) -> StoredPicture:
    seen = fingerprint(reference)
    for name, group, other in store.fingerprints(outside=entry.group):
        if near_duplicate(seen, other.reshape(-1, seen.shape[1])):
            raise InputError(
                f"{entry.path}: shows what {name} of the group {group!r} shows; a policy would be "
                f"tested on what it was trained with: put both into one group, or leave one out"
            )
    shown = reference.picture
    picture = StoredPicture(
        id=0,
        name=entry.name,
        group=entry.group,
        digest=digest,
        cut=cut,
        width=shown.width,
        height=shown.height,
        frames=reference.frames,
        rate=shown.rate,
    )
    return store.add_picture(picture, seen)
