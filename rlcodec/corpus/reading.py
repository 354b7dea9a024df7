"""From a store to the table that policies learn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlcodec.analysis import state
from rlcodec.corpus.store import Recipe, Store, StoredEncode, StoredPicture
from rlcodec.corpus.table import Clip, Table
from rlcodec.errors import StoreError


def load_table(path: Path, *, codec: str | None = None, preset: str | None = None) -> Table:
    """The table of a store (`.db`), or one that was saved (`.npz`).

    Args:
        path: the file.
        codec: whose encodes are meant, where the store has those of several encoders.
        preset: likewise.

    Raises:
        StoreError: the store cannot be used, is not complete, or has encodes of several kinds.
        InputError: the saved table cannot be used.
    """
    if path.suffix == ".npz":
        saved = Table.load(path)
        if not _is_of(saved, codec, preset):
            raise StoreError(f"{path}: is of {saved.codec} at preset {saved.preset}, and no other")
        return saved
    with Store(path) as store:
        recipe = _recipe(path, store, codec, preset)
        found = [(each, store.encodes(each.id, recipe)) for each in store.pictures()]
        clips = tuple(_clip(path, store, *each) for each in found if len(each[1]) > 1)
    return Table(
        clips=clips,
        codec=recipe.codec,
        preset=recipe.preset,
        options=recipe.encoder_options,
        state_version=state.VERSION,
    )


def _recipe(path: Path, store: Store, codec: str | None, preset: str | None) -> Recipe:
    recipes = [each for each in store.recipes() if _is_of(each, codec, preset)]
    if not recipes:
        raise StoreError(f"{path}: holds no such encodes; rlcodec corpus add makes them")
    if len(recipes) > 1:
        kinds = "; ".join(
            f"{each.codec} {each.preset} {each.options} with {each.libraries}" for each in recipes
        )
        raise StoreError(
            f"{path}: holds encodes of several kinds, which are not to be mixed ({kinds}); "
            "name one with --codec and --preset, or make a store for each"
        )
    return recipes[0]


def _is_of(encoded: Recipe | Table, codec: str | None, preset: str | None) -> bool:
    return codec in {None, encoded.codec} and preset in {None, encoded.preset}


def _clip(
    path: Path, store: Store, picture: StoredPicture, encodes: Sequence[StoredEncode]
) -> Clip:
    if not store.has_analysis(picture.id, state.VERSION):
        raise StoreError(
            f"{path}: {picture.name} was measured by another version of rlcodec; "
            "run rlcodec corpus add once more, which encodes nothing anew"
        )
    measured, cuts = store.analysis(picture.id, state.VERSION)
    vmafs = [each.vmaf for each in encodes if each.vmaf is not None]
    return Clip(
        name=picture.name,
        group=picture.group,
        digest=picture.digest,
        width=picture.width,
        height=picture.height,
        rate=picture.rate,
        measured=measured,
        cuts=cuts,
        crfs=np.array([each.crf for each in encodes], np.float32),
        bytes=np.stack([each.bytes for each in encodes]),
        psnr=np.stack([each.psnr for each in encodes]),
        ssim=np.stack([each.ssim for each in encodes]),
        reported_psnr=np.stack([each.reported_psnr for each in encodes]),
        vmaf=np.stack(vmafs) if len(vmafs) == len(encodes) else None,
        delay=max(each.delay for each in encodes),
    )
