from __future__ import annotations

import json
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis import state
from rlcodec.corpus.table import Clip, Table
from rlcodec.errors import InputError
from tests.tables import clip


def table(*clips: Clip) -> Table:
    return Table(clips, "libx264", "medium", {"aq-mode": "1"}, state.VERSION)


@st.composite
def odd_clips(draw: st.DrawFn) -> Clip:
    """A clip with the values that are hard to keep: none, all, unknown, worse than nothing."""
    made = clip(draw(st.integers(0, 99)), draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    shape = made.psnr.shape
    vmaf = random.uniform(0, 100, shape).astype(np.float32) if draw(st.booleans()) else None
    return replace(
        made,
        name=draw(st.text(max_size=9)),
        rate=draw(st.fractions(Fraction(1), Fraction(1000), max_denominator=1001)),
        bytes=random.integers(0, 2**32, shape, np.uint32),
        psnr=random.choice([0.0, 33.3333, 100.0], shape).astype(np.float32),
        ssim=random.choice([-0.02, 0.5, 0.99999, 1.0], shape).astype(np.float32),
        reported_psnr=random.choice([np.nan, 41.987, 100.0], shape).astype(np.float32),
        vmaf=vmaf,
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(odd_clips(), max_size=3))
def test_a_table_is_what_it_was_after_saving(clips: list[Clip]) -> None:
    made = table(*clips)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        made.save(path)
        first = path.read_bytes()
        loaded = Table.load(path)
        loaded.save(path)
        assert path.read_bytes() == first
    assert loaded.digest == made.digest
    assert (loaded.codec, loaded.preset, dict(loaded.options)) == (
        "libx264",
        "medium",
        made.options,
    )
    for old, new in zip(clips, loaded.clips, strict=True):
        for name in ("name", "group", "digest", "width", "height", "rate", "delay"):
            assert getattr(new, name) == getattr(old, name)
        for name in ("cuts", "crfs", "bytes"):
            assert np.array_equal(getattr(new, name), getattr(old, name))
        assert np.allclose(new.psnr, old.psnr, rtol=0, atol=0.0051)
        assert np.allclose(
            new.reported_psnr, old.reported_psnr, rtol=0, atol=0.0051, equal_nan=True
        )
        assert np.allclose(1 - new.ssim, 1 - old.ssim, rtol=1e-3, atol=1e-6)
        assert np.allclose(new.measured, old.measured, rtol=1e-3, atol=1e-6)
        assert (new.vmaf is None) == (old.vmaf is None)
        if new.vmaf is not None and old.vmaf is not None:
            assert np.allclose(new.vmaf, old.vmaf, rtol=0, atol=0.0051)
        types = {each.name: getattr(new, each.name) for each in fields(Clip)}
        assert all(
            value.dtype == getattr(old, name).dtype
            for name, value in types.items()
            if isinstance(value, np.ndarray)
        )


def test_the_digest_tells_tables_apart() -> None:
    made = clip(1)
    more = made.bytes.copy()
    more[3, 5] += 1
    tables = [
        table(made),
        table(replace(made, bytes=more)),
        table(replace(made, group="other")),
        replace(table(made), preset="slow"),
    ]
    assert len({each.digest for each in tables}) == len(tables)
    assert table(clip(1)).digest == tables[0].digest


def test_a_frame_takes_little_room(tmp_path: Path) -> None:
    clips = [clip(seed) for seed in range(4)]
    table(*clips).save(tmp_path / "table.npz")
    assert (tmp_path / "table.npz").stat().st_size < 170 * sum(each.frames for each in clips)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cuts": np.zeros(230, bool)}, "begin with a shot"),
        ({"crfs": np.arange(12, 0, -1, dtype=np.float32)}, "rising"),
        ({"psnr": np.zeros((2, 230), np.float32)}, "belong together"),
        ({"measured": np.zeros((230, 3), np.float32)}, "another version"),
    ],
)
def test_a_clip_that_contradicts_itself_is_refused(
    change: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], named: str
) -> None:
    with pytest.raises(InputError, match=f"clip 1.*{named}"):
        replace(clip(1), **change)  # type: ignore[arg-type] # each is an array


def test_what_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    table(clip(1)).save(path)
    whole = path.read_bytes()
    facts = {"format": "rlcodec-table", "version": 9}
    for content in (b"", b"no table", whole[:-400], whole[:500] + b"?" * 40 + whole[540:], None):
        if content is None:
            np.savez(path, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8))
        else:
            path.write_bytes(content)
        with pytest.raises(InputError, match=r"table\.npz"):
            Table.load(path)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(InputError, match=r"table\.npy"):
        Table.load(path.with_suffix(".npy"))
    with pytest.raises(InputError, match=r"nothing\.npz"):
        Table.load(tmp_path / "nothing.npz")
