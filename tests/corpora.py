"""Stores made for the tests, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rlcodec.analysis import state
from rlcodec.corpus.store import Store
from tests.clips import Picture, filmed, write

GRID = (20.0, 28.0, 36.0, 44.0)
FAST = ("--preset", "superfast", "--crf", "20,28,36,44")
FRAMES = 16


def film(path: Path, photograph: str, count: int = FRAMES, *, crf: int = 8) -> Path:
    """A clip of a photograph's own, 192x108."""
    return write(path, pictures(photograph, count), options={"crf": str(crf)})


def pictures(photograph: str, count: int = FRAMES) -> list[Picture]:
    """What `film` shows."""
    return filmed(photograph, count, width=192, height=108)


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """A store, every encode and analysis of which has a finite value for every frame."""
    with Store(path) as store:
        for picture in store.pictures():
            for recipe in store.recipes():
                for encode in store.encodes(picture.id, recipe):
                    for values in (encode.bytes, encode.qp, encode.psnr, encode.ssim):
                        assert len(values) == picture.frames
                        assert np.isfinite(values).all()
            if store.has_analysis(picture.id, state.VERSION):
                measured, cuts = store.analysis(picture.id, state.VERSION)
                assert len(measured) == len(cuts) == picture.frames
                assert np.isfinite(measured).all()
        yield store


def encodes_in(path: Path) -> dict[str, set[float]]:
    """The CRFs of every video of a store that was made with one recipe, by name."""
    with opened(path) as store:
        recipes = store.recipes()
        assert len(recipes) <= 1
        return {
            picture.name: {crf for recipe in recipes for crf in store.crfs(picture.id, recipe)}
            for picture in store.pictures()
        }
