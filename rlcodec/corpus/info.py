"""What a store holds, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlcodec.analysis import state
from rlcodec.corpus.store import SCHEMA_VERSION, Recipe, Store, StoredPicture


@dataclass(frozen=True, slots=True)
class Info:
    """What a store holds.

    Attributes:
        store: the file.
        bytes: its size.
        pictures: sources at a size, in the order in which they came.
        analysed: the ids of those that this version of the state has measured.
        recipes: what encodes were made with, and for each how many pictures were encoded at which
            CRF.
    """

    store: str
    bytes: int
    pictures: tuple[StoredPicture, ...]
    analysed: frozenset[int]
    recipes: Mapping[Recipe, Mapping[float, int]]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, as `rlcodec corpus info --json` prints it."""
        return {
            "store": self.store,
            "bytes": self.bytes,
            "schema": SCHEMA_VERSION,
            "state_version": state.VERSION,
            "sources": len({picture.digest for picture in self.pictures}),
            "groups": len({picture.group for picture in self.pictures}),
            "pictures": [
                {
                    "name": picture.name,
                    "group": picture.group,
                    "digest": picture.digest,
                    "width": picture.width,
                    "height": picture.height,
                    "frames": picture.frames,
                    "rate": str(picture.rate),
                    "analysed": picture.id in self.analysed,
                }
                for picture in self.pictures
            ],
            "recipes": [
                {
                    "codec": recipe.codec,
                    "preset": recipe.preset,
                    "encoder_options": recipe.encoder_options,
                    "threads": recipe.threads,
                    "libraries": recipe.libraries,
                    "encodes": sum(grid.values()),
                    "crfs": [{"crf": crf, "pictures": count} for crf, count in grid.items()],
                }
                for recipe, grid in self.recipes.items()
            ],
        }


def corpus_info(store: str | Path) -> Info:
    """Say what a store holds.

    Raises:
        StoreError: there is no such store, or it cannot be used.
    """
    path = Path(store)
    with Store(path) as opened:
        pictures = tuple(opened.pictures())
        return Info(
            store=str(store),
            bytes=path.stat().st_size,
            pictures=pictures,
            analysed=frozenset(
                picture.id for picture in pictures if opened.has_analysis(picture.id, state.VERSION)
            ),
            recipes={recipe: opened.grid(recipe) for recipe in opened.recipes()},
        )
