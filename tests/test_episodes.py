from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.analysis import frames as frame_rows
from rlcodec.errors import SettingsError
from rlcodec.learn.episodes import Episodes, Reels, cut, folds, refuse_overlap, split
from tests.tables import clip


def test_a_title_is_its_clip_cut_at_the_shots_and_at_the_lookahead() -> None:
    episode = Episodes([clip(3, (40, 60, 130))]).title(0)
    found = [(each.start_frame, len(each.frames), each.new_shot) for each in episode.segments]
    # 96 frames wait, of which three are not judged yet when the first leaves
    assert found == [(0, 40, True), (40, 60, True), (100, 94, True), (194, 36, False)]


@settings(max_examples=30)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=6), st.sampled_from([12.0, 25.0, 60.0]))
def test_segments_cover_every_frame_once_and_begin_at_the_cuts(
    lengths: list[int], rate: float
) -> None:
    made = clip(1, lengths)
    segments = cut(made.measured, made.cuts, rate)
    assert np.array_equal(np.concatenate([each.frames for each in segments]), made.measured)
    starts = [each.start_frame for each in segments if each.new_shot]
    assert starts == np.flatnonzero(made.cuts).tolist()
    assert [each.index for each in segments] == list(range(len(segments)))


def test_a_reel_is_the_same_for_the_same_seed_and_joins_as_many_groups() -> None:
    clips = [clip(seed, group=f"film {seed % 5}") for seed in range(10)]
    episodes = Episodes(clips, reels=Reels(clips=4))
    names = episodes.reel(7).name.split(" + ")
    assert len(names) == len({int(name.removeprefix("clip ")) % 5 for name in names}) == 4
    again = Episodes(clips, reels=Reels(clips=4)).reel(7)
    assert again.name == episodes.reel(7).name
    assert np.array_equal(again.segments[2].frames, episodes.reel(7).segments[2].frames)
    assert episodes.reel(8).name != again.name


def test_clips_of_other_sizes_are_not_joined() -> None:
    small = [replace(clip(seed), width=320, height=180) for seed in range(3)]
    episodes = Episodes([*small, *(clip(seed) for seed in range(10, 13))])
    for seed in range(6):
        reel = episodes.reel(seed)
        numbers = {int(name.removeprefix("clip ")) // 10 for name in reel.name.split(" + ")}
        assert numbers == ({0} if reel.width == 320 else {1})


def test_whole_clips_are_joined_where_pieces_are_not_wanted() -> None:
    clips = [clip(seed) for seed in range(3)]
    reel = Episodes(clips, reels=Reels(pieces=False)).reel(0)
    order = [clips[int(name.removeprefix("clip "))] for name in reel.name.split(" + ")]
    assert reel.curves.frames.sum() == sum(each.frames for each in clips)
    joined = np.concatenate([segment.frames for segment in reel.segments])
    assert np.array_equal(joined, np.concatenate([each.measured for each in order]))
    starts = [segment.start_frame for segment in reel.segments if segment.new_shot]
    assert {0, order[0].frames, order[0].frames + order[1].frames} <= set(starts)
    at_27 = sum(int(each.bytes[5].sum()) for each in clips)
    assert reel.curves.at(np.array([27.0])).bytes.sum() == pytest.approx(at_27)


def test_a_piece_begins_with_a_frame_that_stands_without_the_others() -> None:
    made = clip(2, (100,))
    made.measured[0, frame_rows.COLUMN["probe_bpp"]] = 9.0
    made.bytes[:, 0] = 1_000_000
    episodes = Episodes([made], reels=Reels(clips=1))
    lengths = set()
    for seed in range(12):
        segment = episodes.reel(seed).segments[0]
        assert segment.new_shot
        assert segment.frames[0, frame_rows.COLUMN["probe_bpp"]] == 9.0
        assert episodes.reel(seed).curves.at(np.array([27.0])).bytes[0, 0] > 1_000_000
        lengths.add(int(episodes.reel(seed).curves.frames.sum()))
    assert min(lengths) >= 24
    assert len(lengths) > 6


def test_a_piece_of_a_long_clip_is_no_longer_than_it_may_be() -> None:
    episodes = Episodes(
        [clip(2, (300, 200))], reels=Reels(clips=1, least_frames=30, most_frames=60)
    )
    lengths = [int(episodes.reel(seed).curves.frames.sum()) for seed in range(40)]
    assert 30 <= min(lengths) < 40
    assert 50 < max(lengths) <= 60


def test_variations_are_pieces_of_one_clip() -> None:
    clips = [clip(seed, (90, 80)) for seed in range(5)]
    episodes = Episodes(clips, reels=Reels(clips=3, least_frames=30, most_frames=60))
    random = np.random.default_rng(0)
    counts, names = set(), set()
    for _ in range(40):
        made = episodes.variation(random)
        pieces = made.name.split(" + ")
        assert len(set(pieces)) == len(set(made.groups)) == 1
        assert 30 * len(pieces) <= made.curves.frames.sum() <= 60 * len(pieces)
        assert sum(each.new_shot for each in made.segments) >= len(pieces)
        counts.add(len(pieces))
        names.update(pieces)
    assert counts == {1, 2, 3}
    assert len(names) == 5
    piece = episodes.piece(4, random)
    assert piece.name == "clip 4"
    assert 30 <= piece.curves.frames.sum() <= 60
    assert piece.segments[0].new_shot


def test_a_group_is_held_out_whole() -> None:
    clips = [clip(seed, group=f"film {seed // 2}") for seed in range(6)]
    learning, judging = split(clips, {"film 1"})
    assert [each.name for each in judging] == ["clip 2", "clip 3"]
    assert len(learning) == 4
    parts = folds(clips, 3, seed=5)
    assert sorted(group for part in parts for group in part) == ["film 0", "film 1", "film 2"]
    assert folds(clips, 3, seed=5) == parts


def test_a_split_that_leaks_is_refused() -> None:
    one, other = clip(1, group="film"), clip(2, group="film")
    with pytest.raises(SettingsError, match="group film stands on both sides"):
        refuse_overlap([one], [other])
    copy = replace(one, group="another", name="copy")
    with pytest.raises(SettingsError, match="copy and clip 1 are the same video"):
        split([one, copy], {"another"})


@pytest.mark.parametrize("held_out", [set(), {"film"}, {"film", "group 2"}])
def test_a_split_without_two_sides_is_refused(held_out: set[str]) -> None:
    with pytest.raises(SettingsError):
        split([clip(1, group="film")], held_out)
    with pytest.raises(SettingsError, match="cannot be split"):
        folds([clip(1)], 2, seed=0)


def test_only_clips_of_one_size_and_grid_are_joined() -> None:
    with pytest.raises(SettingsError, match="no clip"):
        Episodes([])
    small = [clip(number) for number in range(1, 4)]
    other = clip(9)
    odd = [replace(other, crfs=other.crfs + 1), replace(clip(8), width=320, height=180)]
    episodes = Episodes([*odd, *small], reels=Reels(clips=3))
    for seed in range(20):
        assert set(episodes.reel(seed).groups) == {each.group for each in small}
    # Where there are enough of several kinds, each gets its reels
    pairs = Episodes([*odd, *small], reels=Reels(clips=1))
    assert {pairs.reel(seed).width for seed in range(40)} == {320, small[0].width}
