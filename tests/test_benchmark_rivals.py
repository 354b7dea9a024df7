"""Every rival against the formula that its source publishes, on numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rlcodec.analysis import state
from rlcodec.benchmark.clips import Clip, Look, look
from rlcodec.benchmark.methods import SOURCES
from rlcodec.benchmark.rivals import boost, crf_search, rates, scene_search
from rlcodec.benchmark.rivals.oracle import best_plan, episode_of, grid_for
from rlcodec.benchmark.rivals.recipe import ByPolicy, FixedCrf, Recipe
from rlcodec.benchmark.rivals.supervised import BySupervised, Training, training_for
from rlcodec.benchmark.studio import Made, Piece, Studio
from rlcodec.corpus.collect import GRID
from rlcodec.corpus.manifest import Entry
from rlcodec.corpus.table import Table
from rlcodec.errors import SettingsError
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.curves import Encodes
from rlcodec.learn.objective import OBJECTIVES
from rlcodec.media.readback import packets_of
from rlcodec.media.reference import Reference
from rlcodec.settings import Settings
from tests.clips import filmed, write
from tests.tables import clip as table_clip

FAST = Settings(preset="superfast")
LENGTHS = (16, 14, 12, 14)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A clip of four shots, looked at."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    photographs = ("camera", "cat", "coffee", "astronaut")
    pictures = [
        frame
        for name, length in zip(photographs, LENGTHS, strict=True)
        for frame in filmed(name, length, width=192, height=108)
    ]
    write(path, pictures, options={"crf": "6"})
    entry = Entry(path, path.name, path.stem, None)
    return look(Look(entry, ("psnr_y", "ssim_y", "xpsnr_y")), lambda: None)


@pytest.fixture
def studio(film: Clip, tmp_path: Path) -> Iterator[Studio]:
    """What encodes it."""
    with closing(Reference(str(film.entry.path), scale=None, max_frames=None)) as reference:
        yield Studio(reference, film, FAST, tmp_path, lambda: None)


def size_of(made: Made) -> int:
    """Bytes of a file's packets."""
    return sum(packet.bytes for packet in packets_of(made.path))


def noted(probe: Callable[[float], float]) -> tuple[list[float], Callable[[float], float]]:
    """A probe, and the CRFs that it is asked for."""
    asked: list[float] = []

    def ask(crf: float) -> float:
        asked.append(crf)
        return probe(crf)

    return asked, ask


def test_the_boost_formula() -> None:
    # 19 frames each: their 15th percentile is the third smallest
    dear, cheap = [36.0] * 3 + [40.0] * 16, [44.0] * 19
    # The average is 1584 / 38 = 41.684: (1 - 36 / 41.684) * 80 = 10.9, and 11 / 4 = 2.75;
    # (1 - 44 / 41.684) * 80 = -4.4, and -4 / 4 = -1
    assert boost.boosted([*dear, *cheap], [0, 19], 28.0) == [25.25, 29.0]
    # A scene of one frame is its own percentile; no step is larger than 5; -1.6 rounds up to -1
    assert boost.boosted([10.0] + [44.0] * 38, [0, 1], 28.0) == [23.0, 28.25]
    assert boost.boosted([90.0] + [30.0] * 38, [0, 1], 28.0)[0] == 33.0
    assert boost.boosted([90.0] + [30.0] * 38, [0, 1], 50.0)[0] == 51.0


def test_two_passes_and_the_repicked_crf_go_by_a_size() -> None:
    assert rates.bitrate_for(1_000_000, 4.0) == 2_000_000
    known = [(20.0, 4000), (26.0, 2000), (32.0, 1000)]
    # Halfway in the logarithm: 2000 / sqrt 2
    assert rates.repicked_crf(known, 1414) == 29.0
    assert rates.repicked_crf(known, 2828) == 23.0
    assert rates.repicked_crf(known, 4000) == 20.0
    assert rates.repicked_crf(known, 8000) == 14.0  # beyond both ends along the same line
    assert rates.repicked_crf(known, 500) == 38.0
    assert rates.repicked_crf(known, 1) == 51.0


def test_the_crf_search_takes_the_published_steps() -> None:
    # The middle of 10 to 46, then 80 % of the range, then by a line, then one step better
    asked, probe = noted(lambda crf: 100 - crf)
    assert crf_search.search(probe, 70.0) == 29.9
    assert asked == [28.0, 38.8, 30.0, 29.9]
    # Not good enough in the middle: 20 % of the range
    asked, probe = noted(lambda crf: 100 - crf)
    assert crf_search.search(probe, 79.95) == 20.0
    assert asked == [28.0, 17.2, 20.0]
    # The tolerance above the target doubles: 0.1, 0.2, 0.4
    asked, probe = noted({28.0: 80.09}.__getitem__)
    assert crf_search.search(probe, 80.0) == 28.0
    asked, probe = noted({28.0: 80.11, 38.8: 80.19}.__getitem__)
    assert crf_search.search(probe, 80.0) == 38.8
    # Where nothing is good enough, or all is, an end of the range
    asked, probe = noted(lambda _: 50.0)
    assert crf_search.search(probe, 80.0) == 10.0
    assert asked == [28.0, 17.2, 10.0]
    asked, probe = noted(lambda _: 95.0)
    assert crf_search.search(probe, 80.0) == 46.0
    assert asked == [28.0, 38.8, 46.0]


def test_the_crf_search_samples_20_seconds_of_every_12_minutes() -> None:
    assert crf_search.samples(250, 10.0) == [Piece(0, 250)]
    assert crf_search.samples(25 * 23, 23.0) == [Piece(0, 25 * 23)]
    # Half an hour: three samples, with (45000 - 1500) / 4 frames between them
    found = crf_search.samples(45_000, 1800.0)
    assert found == [Piece(10_875, 500), Piece(22_250, 500), Piece(33_625, 500)]


def test_the_scene_search_takes_the_published_steps() -> None:
    # The middle of 15 to 35, in quarters; then of what is left; 90 +/- 1 % is reached there
    asked, probe = noted(lambda crf: 110 - crf)
    assert scene_search.search(probe, 90.0, (15.0, 35.0)) == 19.75
    assert asked == [25.0, 19.75]
    # The third by a line through (75, 25) and (64, 30): 31.8, of which 31.75 is the nearest step
    asked, probe = noted(lambda crf: 100 - (crf / 5) ** 2)
    assert scene_search.search(probe, 60.0, (15.0, 35.0)) == 31.75
    assert asked == [25.0, 30.0, 31.75]
    # Four probes, then the nearest; in the middle where scores do not rise
    asked, probe = noted(lambda crf: 97.0 if crf < 22 else 93.9)
    assert scene_search.search(probe, 95.0, (15.0, 35.0)) == 25.0
    assert asked == [25.0, 19.75, 23.25, 21.5]
    # Bounds follow base CRFs that lie beyond the usual range
    assert scene_search.bounds_for([20.0, 36.0]) == (15.0, 41.0)
    assert scene_search.bounds_for([18.0, 28.0]) == (13.0, 35.0)


def test_the_scene_search_bends_its_fourth_guess() -> None:
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0])
    # The second derivative in the middle is -3: x (3 - x^2) / 2
    assert scene_search.natural_spline(x, y, 0.5) == pytest.approx(0.6875)
    assert scene_search.natural_spline(x, y, 1.5) == pytest.approx(0.6875)
    assert scene_search.line(x, y, 0.25) == 0.25
    values = np.arange(201.0) / 2
    assert scene_search.statistic(values, "vmaf") == 1.0
    assert scene_search.statistic(values, "xpsnr_y") == 50.0


def test_the_optimum_gives_to_the_segment_where_bytes_buy_more() -> None:
    assert grid_for((20.0, 24.0, 28.0, 32.0, 36.0)) == GRID
    crfs = np.array(grid_for((28.0, 32.0)), np.float32)
    steps = (crfs[:, None] - 28) * np.ones(48, np.float32)
    # Two shots of the same cost; one loses a dB a step of CRF, the other next to nothing
    lost = np.repeat([1.0, 0.1], 24).astype(np.float32)
    unknown = np.full(steps.shape, np.nan, np.float32)
    encodes = Encodes(
        crfs=crfs,
        bytes=(1e4 * 2 ** (-steps / 6)).astype(np.uint32),
        psnr=38 - lost * steps,
        ssim=np.full(steps.shape, 0.95, np.float32),
        reported_psnr=unknown,
        vmaf=unknown,
    )
    psnr = OBJECTIVES["psnr"]
    episode = episode_of("two", (640, 360), [(24, True), (24, True)], encodes, psnr.psnr_cap)
    (frames, first), (others, second) = best_plan(episode, 28.0, psnr, None)
    assert (frames, others) == (24, 24)
    assert first < 26
    assert second > 30


def test_two_passes_meet_the_size(studio: Studio) -> None:
    wanted = size_of(studio.fixed(26.0))
    assert size_of(rates.TwoPass(crf=26.0, bytes=wanted).make(studio)) == pytest.approx(
        wanted, rel=0.25
    )
    # The clip once at fixed CRF, then twice
    assert studio.encoded == 3 * studio.clip.frames


def test_a_repicked_crf_meets_the_size(studio: Studio) -> None:
    known = tuple((crf, size_of(studio.fixed(crf))) for crf in (20.0, 32.0))
    wanted = size_of(studio.fixed(25.3))
    made = rates.Repicked(crf=28.0, bytes=wanted, known=known).make(studio)
    assert size_of(made) == pytest.approx(wanted, rel=0.01)
    assert made.chosen is not None
    assert made.chosen[0][1] == pytest.approx(25.3, abs=0.2)


@pytest.mark.parametrize(
    "recipe",
    [
        FixedCrf(crf=26.0),
        ByPolicy(crf=26.0, policy="rule", digest="rule", scope="title"),
        boost.Boost(crf=26.0),
        scene_search.SceneSearch(crf=26.0, metric="xpsnr_y", quality=40.0, bounds=(15.0, 35.0)),
    ],
    ids=lambda recipe: type(recipe).__name__,
)
def test_what_is_made_has_every_frame_and_the_crfs_it_was_told(
    studio: Studio, recipe: Recipe
) -> None:
    made = recipe.make(studio)
    assert made.chosen is not None
    assert sum(frames for frames, _ in made.chosen) == studio.clip.frames
    assert len(packets_of(made.path)) == studio.clip.frames
    scores = studio.score(made, ["psnr_y", "ssim_y", "xpsnr_y"]).values
    assert {len(values) for values in scores.values()} == {studio.clip.frames}
    assert scores["psnr_y"].mean() > 30


def test_searches_reach_what_they_aim_at(studio: Studio) -> None:
    scores = studio.score(studio.fixed(27.0), ["xpsnr_y"]).values
    wanted = float(scores["xpsnr_y"].mean())
    search = crf_search.CrfSearch(crf=28.0, metric="xpsnr_y", quality=wanted)
    made = search.make(studio)
    scores = studio.score(made, ["xpsnr_y"]).values
    assert wanted < scores["xpsnr_y"].mean() < wanted + 1.6
    assert search.target == wanted
    scenes = scene_search.SceneSearch(
        crf=28.0, metric="xpsnr_y", quality=wanted, bounds=(15.0, 35.0)
    )
    before = studio.encoded
    made = scenes.make(studio)
    assert made.chosen is not None
    # Every scene has a CRF of its own, after at most four probes
    assert [frames for frames, _ in made.chosen] == list(LENGTHS)
    assert len({crf for _, crf in made.chosen}) > 1
    assert studio.encoded - before <= 5 * studio.clip.frames


def test_two_passes_and_offsets_work_with_x265(film: Clip, tmp_path: Path) -> None:
    with closing(Reference(str(film.entry.path), scale=None, max_frames=None)) as reference:
        settings = Settings(codec="libx265", preset="superfast")
        # Separators of x265's own options
        folder = tmp_path / "a:b=c"
        folder.mkdir()
        studio = Studio(reference, film, settings, folder, lambda: None)
        wanted = size_of(studio.fixed(26.0))
        assert size_of(studio.two_pass(rates.bitrate_for(wanted, film.duration_s))) == (
            pytest.approx(wanted, rel=0.35)
        )


def some_table() -> Table:
    """Six clips of as many groups."""
    clips = tuple(table_clip(seed, (24, 30)) for seed in range(6))
    return Table(clips, "libx264", "superfast", {}, state.VERSION)


def test_the_supervised_rival_decides_by_a_table(studio: Studio) -> None:
    table = some_table()
    config = AgentConfig(
        imagined=0.0, hidden=(8,), members=2, steps=40, updates_per_round=20, episodes_per_round=2
    )
    policy = Training(table, config).model
    made = BySupervised(crf=26.0, digest="", scope="title", policy=policy).make(studio)
    assert made.chosen is not None
    assert {crf - 26 for _, crf in made.chosen} <= set(range(-8, 9))


def test_the_supervised_rival_is_not_trained_on_what_it_is_tested_on() -> None:
    table = some_table()
    tested = table.clips[0]
    left = training_for(table, "libx264", "superfast", {tested.digest}).table
    assert tested.group not in {clip.group for clip in left.clips}
    assert len(left.clips) == 5
    with pytest.raises(SettingsError, match="too few groups"):
        training_for(table, "libx264", "superfast", {clip.digest for clip in table.clips})
    with pytest.raises(SettingsError, match="the table is of libx264"):
        training_for(table, "libx265", "superfast", ())


def test_every_rival_is_named_with_its_source() -> None:
    assert list(SOURCES) == [
        *("fixed", "re-picked", "two-pass", "boost-formula", "crf-search", "scene-search"),
        *("supervised", "oracle"),
    ]
