"""From a store to a table, and all the way from clips to a transcode with a policy of one's own."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlcodec import StoreError, Table, add_videos, load_table
from rlcodec.analysis import state
from rlcodec.corpus.manifest import entries
from rlcodec.corpus.store import Store
from tests.clips import video_stamps
from tests.conftest import Command
from tests.corpora import FRAMES, film

GRID = (12.0, 23.0, 34.0, 45.0)
FAST = ("--preset", "superfast")
FILMS = ("camera", "cat", "coffee")
QUICK = """
hidden = [16]
members = 2
steps = 20
episodes_per_round = 2
updates_per_round = 10
warm_up_rounds = 1
batch_size = 8
validation_interval = 1
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three videos, and the store that the command made of them."""
    folder = tmp_path_factory.mktemp("corpus")
    paths = [film(folder / f"{name}.mkv", name) for name in FILMS]
    add_videos(folder / "s.db", entries(paths, None), crfs=GRID, preset="superfast", jobs=1)
    return folder


@pytest.fixture
def store(corpus: Path, tmp_path: Path) -> Path:
    """A copy of the store that a test may change."""
    return Path(shutil.copy(corpus / "s.db", tmp_path / "s.db"))


def change(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store)) as database, database:
        database.execute(statement)


def test_a_table_holds_what_the_store_does(corpus: Path, tmp_path: Path) -> None:
    table = load_table(corpus / "s.db")
    assert (table.codec, table.preset, dict(table.options)) == ("libx264", "superfast", {})
    assert table.state_version == state.VERSION
    assert [each.name for each in table.clips] == [f"{name}.mkv" for name in FILMS]
    with Store(corpus / "s.db") as held:
        (recipe,) = held.recipes()
        for clip, picture in zip(table.clips, held.pictures(), strict=True):
            assert (clip.name, clip.group, clip.digest) == (
                *(picture.name, picture.group, picture.digest),
            )
            assert (clip.width, clip.height, clip.frames) == (192, 108, FRAMES)
            assert clip.rate == picture.rate
            measured, cuts = held.analysis(picture.id, state.VERSION)
            assert np.array_equal(clip.measured, measured)
            assert np.array_equal(clip.cuts, cuts)
            assert clip.crfs.tolist() == list(GRID)
            assert clip.vmaf is None
            for place, encode in enumerate(held.encodes(picture.id, recipe)):
                assert clip.delay == encode.delay
                for name in ("bytes", "psnr", "ssim", "reported_psnr"):
                    assert np.array_equal(getattr(clip, name)[place], getattr(encode, name)), name
    table.save(tmp_path / "table.npz")
    assert load_table(tmp_path / "table.npz").digest == Table.load(tmp_path / "table.npz").digest


def test_a_video_without_encodes_is_left_out(store: Path) -> None:
    change(store, "DELETE FROM encode WHERE picture = 2")
    assert [each.name for each in load_table(store).clips] == ["camera.mkv", "coffee.mkv"]


def test_encodes_of_several_kinds_are_told_apart_by_name(store: Path) -> None:
    with Store(store) as held:
        (recipe,) = held.recipes()
        for other in (replace(recipe, preset="slow"), replace(recipe, codec="libx265")):
            for encode in held.encodes(1, recipe):
                held.add_encode(1, other, encode)
    with pytest.raises(StoreError, match=r"several kinds.*superfast.*slow.*libx265") as refused:
        load_table(store)
    assert str(refused.value).startswith(str(store))
    assert len(load_table(store, codec="libx264", preset="superfast").clips) == 3
    assert [each.name for each in load_table(store, preset="slow").clips] == ["camera.mkv"]
    with pytest.raises(StoreError, match="holds no such encodes; rlcodec corpus add"):
        load_table(store, preset="fast")


def test_the_command_trains_on_the_encoder_that_is_named(
    rlcodec: Command, store: Path, tmp_path: Path
) -> None:
    refused = rlcodec("train", store, "-o", "mine.safetensors", "--preset", "fast")
    assert refused.returncode == 1
    assert "holds no such encodes" in refused.stderr
    load_table(store).save(tmp_path / "table.npz")
    assert load_table(tmp_path / "table.npz", codec="libx264", preset="superfast").clips
    refused = rlcodec("train", "table.npz", "-o", "mine.safetensors", "--codec", "libx265")
    assert refused.returncode == 1
    assert "is of libx264 at preset superfast, and no other" in refused.stderr


def test_what_is_not_measured_is_named_and_made_by_the_same_command(
    corpus: Path, store: Path
) -> None:
    change(store, "DELETE FROM analysis WHERE picture = 2")
    says = "cat.mkv was measured by another version"
    with pytest.raises(StoreError, match=rf"{says}.* run rlcodec corpus add once more"):
        load_table(store)
    videos = entries([corpus / f"{name}.mkv" for name in FILMS], None)
    add_videos(store, videos, crfs=GRID, preset="superfast", jobs=1)
    assert load_table(store).digest == load_table(corpus / "s.db").digest


def test_every_clip_keeps_the_crfs_that_it_was_encoded_at(store: Path) -> None:
    change(store, "DELETE FROM encode WHERE picture = 3 AND crf = 34")
    change(store, "DELETE FROM encode WHERE picture = 2 AND crf > 12")
    clips = load_table(store).clips
    assert [(each.name, each.crfs.tolist()) for each in clips] == [
        ("camera.mkv", list(GRID)),
        ("coffee.mkv", [12.0, 23.0, 45.0]),
    ]


def test_vmaf_is_measured_where_it_is_asked_for(rlcodec: Command, tmp_path: Path) -> None:
    film(tmp_path / "cat.mkv", "cat")
    choices = ("--preset", "superfast", "--crf", "20,26,32,40")
    done = rlcodec("corpus", "add", "s.db", "cat.mkv", *choices, "--vmaf")
    assert done.returncode == 0, done.stderr
    (clip,) = load_table(tmp_path / "s.db").clips
    assert clip.vmaf is not None
    assert clip.vmaf.shape == clip.psnr.shape
    good, _, _, bad = clip.vmaf.mean(axis=1)
    assert 100 >= good > bad > 0
    # A clip is scored by VMAF as a pair of files is
    transcoded = rlcodec(
        "transcode", "cat.mkv", "out.mkv", "--crf", "40", "--policy", "fixed", *FAST
    )
    assert transcoded.returncode == 0, transcoded.stderr
    compared = rlcodec("compare", "cat.mkv", "out.mkv", "--metric", "vmaf", "--json")
    mean = json.loads(compared.stdout)["metrics"]["vmaf"]["mean"]
    assert bad == pytest.approx(mean, abs=0.5)


def test_clips_become_a_policy_and_the_policy_a_transcode(rlcodec: Command, tmp_path: Path) -> None:
    for name in FILMS:
        film(tmp_path / f"{name}.mkv", name)
    (tmp_path / "quick.toml").write_text(QUICK)
    for arguments in (
        ("corpus", "add", "s.db", *(f"{name}.mkv" for name in FILMS), *FAST, "--crf", "12-45/11"),
        ("train", "s.db", "-o", "mine.safetensors", "--config", "quick.toml"),
        ("transcode", "cat.mkv", "out.mp4", "--policy", "mine.safetensors", *FAST),
    ):
        done = rlcodec(*arguments)
        assert done.returncode == 0, done.stderr
    assert "policy mine" in done.stdout
    assert len(video_stamps(tmp_path / "out.mp4")) == FRAMES
