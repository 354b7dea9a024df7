"""The store: what goes in comes out."""

from __future__ import annotations

import sqlite3
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rlcodec.corpus.store import Cut, Recipe, Store, StoredEncode, StoredPicture
from rlcodec.errors import StoreError
from rlcodec.settings import Settings

RECIPE = Recipe.of(Settings(), 1, "some libraries")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)

SCHEMA = {
    "source": ["id", "digest", "name", "family"],
    "picture": [
        *("id", "source", "scale", "max_frames", "width", "height", "frames", "rate"),
        "fingerprint",
    ],
    "analysis": ["picture", "version", "measured", "cuts"],
    "encode": [
        *("picture", "codec", "preset", "options", "threads", "libraries", "crf", "delay"),
        *("bytes", "qp", "psnr", "ssim", "reported_psnr", "vmaf"),
    ],
}
"""Of version 1: stores are kept for long, and another schema needs another version."""


def a_picture(*, name: str = "clip", group: str = "group", digest: str = "d") -> StoredPicture:
    return StoredPicture(0, name, group, digest, Cut("64x48", 0), 64, 48, 3, Fraction(25))


def an_encode(crf: float, frames: int = 3, *, vmaf: bool = False) -> StoredEncode:
    values = np.linspace(20, 50, frames, dtype=np.float32)
    return StoredEncode(
        crf, 7, values.astype(np.uint32), values, values, values, values, values if vmaf else None
    )


def added(store: Store, picture: StoredPicture) -> StoredPicture:
    kept = store.add_picture(picture, np.ones(6, np.float32), compared=2**31)
    assert kept is not None
    return kept


def values_of(count: int) -> st.SearchStrategy[NDArray[np.float32]]:
    """Any numbers, infinite ones and others that are none among them."""
    return st.binary(min_size=4 * count, max_size=4 * count).map(
        lambda data: np.frombuffer(data, np.float32)
    )


@st.composite
def stored_encodes(draw: st.DrawFn) -> StoredEncode:
    floats = values_of(draw(st.integers(1, 20)))
    return StoredEncode(
        crf=draw(st.floats(0, 51)),
        delay=draw(st.integers(0, 300)),
        bytes=draw(floats).view(np.uint32),
        qp=draw(floats),
        psnr=draw(floats),
        ssim=draw(floats),
        reported_psnr=draw(floats),
        vmaf=draw(st.none() | floats),
    )


@settings(max_examples=25)
@given(
    encodes=st.lists(stored_encodes(), max_size=3, unique_by=lambda each: each.crf),
    name=NAMES,
    group=NAMES,
    options=st.dictionaries(NAMES, NAMES, max_size=3),
    rate=st.fractions(Fraction(1, 100), 1000),
    measured=values_of(12).map(lambda values: values.reshape(4, 3)),
)
def test_what_goes_in_comes_out(
    *,
    encodes: list[StoredEncode],
    name: str,
    group: str,
    options: dict[str, str],
    rate: Fraction,
    measured: NDArray[np.float32],
) -> None:
    picture = StoredPicture(0, name, group, "d", Cut("360", 9), 640, 360, len(measured), rate)
    recipe = Recipe.of(Settings(encoder_options=options), 1, "libraries")
    cuts = np.arange(len(measured)) % 2 == 0
    with TemporaryDirectory() as folder:
        path = Path(folder, "s.db")
        with Store(path, create=True) as store:
            number = added(store, picture).id
            store.add_analysis(number, 1, measured, cuts)
            for encode in encodes:
                store.add_encode(number, recipe, encode)
        with Store(path) as store:
            (kept,) = store.pictures()
            assert kept == StoredPicture(
                number, name, group, "d", Cut("360", 9), 640, 360, len(measured), rate
            )
            assert store.picture("d", Cut("360", 9)) == kept
            assert store.picture("d", Cut("360", 10)) is None
            assert store.group_of("d") == group
            for stored, wanted in zip(store.analysis(number, 1), (measured, cuts), strict=True):
                assert stored.shape == wanted.shape
                assert stored.tobytes() == wanted.tobytes()
            assert not store.has_analysis(number, 2)
            assert recipe.encoder_options == options
            assert store.crfs(number, recipe) == {encode.crf for encode in encodes}
            found = store.encodes(number, recipe)
            for back, gone in zip(found, sorted(encodes, key=lambda each: each.crf), strict=True):
                assert (back.crf, back.delay) == (gone.crf, gone.delay)
                for field in ("bytes", "qp", "psnr", "ssim", "reported_psnr", "vmaf"):
                    one, other = getattr(back, field), getattr(gone, field)
                    assert (one is None) == (other is None)
                    assert one is None or one.tobytes() == other.tobytes()


def test_encodes_of_another_recipe_are_other_encodes(tmp_path: Path) -> None:
    others = [
        Recipe.of(Settings(preset="slow"), 1, "some libraries"),
        Recipe.of(Settings(), 2, "some libraries"),
        Recipe.of(Settings(), 1, "other libraries"),
        Recipe.of(Settings(encoder_options={"tune": "film"}), 1, "some libraries"),
        Recipe.of(Settings(codec="libx265"), 1, "some libraries"),
    ]
    with Store(tmp_path / "s.db", create=True) as store:
        number = added(store, a_picture()).id
        store.add_encode(number, RECIPE, an_encode(20))
        assert store.crfs(number, RECIPE) == {20}
        assert not any(store.crfs(number, other) for other in others)
        for other in others:
            store.add_encode(number, other, an_encode(30))
        assert store.crfs(number, RECIPE) == {20}
        assert store.recipes() == dict.fromkeys([RECIPE, *others], 1)
        assert store.grid(others[0]) == {30: 1}


def test_an_encode_without_vmaf_is_made_again_where_vmaf_is_wanted(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", create=True) as store:
        number = added(store, a_picture()).id
        store.add_encode(number, RECIPE, an_encode(20))
        assert store.crfs(number, RECIPE, vmaf=True) == set()
        store.add_encode(number, RECIPE, an_encode(20, vmaf=True))
        assert store.crfs(number, RECIPE, vmaf=True) == store.crfs(number, RECIPE) == {20}
        assert store.recipes() == {RECIPE: 1}


def test_a_picture_is_not_added_while_there_are_some_it_was_not_compared_with(
    tmp_path: Path,
) -> None:
    shown = np.ones(6, np.float32)
    with Store(tmp_path / "s.db", create=True) as one, Store(tmp_path / "s.db") as other:
        first = one.add_picture(a_picture(), shown, compared=0)
        assert first is not None
        second = a_picture(name="second", digest="e")
        assert other.add_picture(second, shown, compared=0) is None
        (seen,) = other.fingerprints(after=0)
        assert (seen.picture, seen.name, seen.group) == (first.id, "clip", "group")
        assert other.add_picture(second, shown, compared=seen.picture) is not None
        assert [each.name for each in one.fingerprints(after=seen.picture)] == ["second"]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", create=True) as store:
        with pytest.raises(StoreError, match=r"s\.db: the store cannot be used: FOREIGN KEY"):
            store.add_encode(99, RECIPE, an_encode(20))
        assert not store.recipes()
        added(store, a_picture())  # and it goes on


def test_a_killed_writer_leaves_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path, create=True) as store:
        number = added(store, a_picture()).id
        store.add_encode(number, RECIPE, an_encode(20))
    killed = tmp_path / "killed.db"
    database = sqlite3.connect(path, isolation_level=None)
    # A cache of one page has it write into the file before it commits
    database.execute("PRAGMA cache_size = 1")
    database.execute("BEGIN")
    for column in ("qp", "psnr"):
        database.execute(f"UPDATE encode SET crf = 30, {column} = zeroblob(100000)")
    # What lies on the disk now is what a kill leaves
    killed.write_bytes(path.read_bytes())
    journal = path.with_name("s.db-journal").read_bytes()
    killed.with_name("killed.db-journal").write_bytes(journal)
    database.close()
    assert killed.stat().st_size > 100000
    with Store(killed) as store:
        assert store.crfs(number, RECIPE) == {20}
        assert len(store.encodes(number, RECIPE)[0].qp) == 3


def test_the_schema_is_that_of_version_1(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", create=True):
        pass
    database = sqlite3.connect(tmp_path / "s.db")
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    assert database.execute("PRAGMA application_id").fetchone() == (0x726C6364,)
    assert {
        table: [column[1] for column in database.execute(f"PRAGMA table_info({table})")]
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    } == SCHEMA
    database.close()


def test_a_name_that_means_something_to_sqlite_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:s.db?mode=memory"):
        with Store(Path(name), create=True) as store:
            added(store, a_picture())
        with Store(tmp_path / name) as store:
            assert len(store.pictures()) == 1
