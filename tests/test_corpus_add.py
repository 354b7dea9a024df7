"""`rlcodec corpus add` and `rlcodec corpus info`, as they are installed."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from skimage.metrics import peak_signal_noise_ratio

from rlcodec.analysis import state
from rlcodec.cli.progress import ProgressDisplay
from rlcodec.corpus.collect import add_videos
from rlcodec.corpus.duplicates import near_duplicate
from rlcodec.corpus.manifest import Entry, entries, parse_scale
from rlcodec.engine.analyst import Analyst
from rlcodec.errors import SettingsError
from rlcodec.events import Collecting, Event, Progress
from rlcodec.media.fingerprint import fingerprint
from rlcodec.media.reference import Reference
from rlcodec.media.trial import trial
from rlcodec.settings import Settings
from tests.clips import moving, write
from tests.conftest import Command, Completed
from tests.corpora import FAST, FRAMES, GRID, encodes_in, film, opened, pictures
from tests.test_quality import luma, ssim


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos, and a store of both."""
    folder = tmp_path_factory.mktemp("corpus")
    film(folder / "camera.mkv", "camera")
    film(folder / "cat.mp4", "cat")
    add_videos(
        folder / "s.db",
        entries([folder / "camera.mkv", folder / "cat.mp4"], None),
        crfs=GRID,
        preset="superfast",
        jobs=2,
    )
    return folder


@pytest.fixture
def folder(corpus: Path, tmp_path: Path) -> Path:
    """A copy of `corpus`, where `rlcodec` runs."""
    shutil.copytree(corpus, tmp_path, dirs_exist_ok=True)
    return tmp_path


def result(done: Completed) -> tuple[int, ...]:
    """Videos added, videos named, encodes made, and encodes that were there."""
    found = re.fullmatch(
        r"s\.db: (\d+) of (\d+) videos, (\d+) encodes made, (\d+) were there\n", done.stdout
    )
    assert found, done
    return tuple(map(int, found.groups()))


def plain_encode(source: Path, target: Path, crf: float) -> list[int]:
    """A plain loop of PyAV's with one thread; the bytes of its frames in display order."""
    sizes = {}
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        video = old.streams.video[0]
        stream = new.add_stream("libx264", rate=video.average_rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = video.width, video.height, "yuv420p"
        assert video.time_base is not None
        context.time_base = video.time_base
        context.thread_count = 1
        context.options = {"preset": "superfast", "crf": str(crf)}
        frames = [*old.decode(video), None]
        for frame in frames:
            if frame is not None:
                frame.pict_type = av.video.frame.PictureType.NONE
            for packet in stream.encode(frame):
                sizes[packet.pts] = packet.size
                new.mux(packet)
    return [size for _, size in sorted(sizes.items())]


def test_what_is_kept_is_what_a_plain_encode_gives(corpus: Path, tmp_path: Path) -> None:
    good = luma(corpus / "camera.mkv")
    with opened(corpus / "s.db") as store:
        # Which of two videos is done first is chance
        (picture,) = (each for each in store.pictures() if each.name == "camera.mkv")
        (recipe,) = store.recipes()
        assert (picture.group, picture.frames) == ("camera", FRAMES)
        assert (recipe.codec, recipe.preset, recipe.threads) == ("libx264", "superfast", 1)
        assert av.__version__ in recipe.libraries
        encodes = store.encodes(picture.id, recipe)
    assert [encode.crf for encode in encodes] == list(GRID)
    for encode in encodes:
        target = tmp_path / "out.mkv"
        assert encode.bytes.tolist() == plain_encode(corpus / "camera.mkv", target, encode.crf)
        for number, (one, other) in enumerate(zip(good, luma(target), strict=True)):
            psnr = peak_signal_noise_ratio(one, other, data_range=255)
            assert encode.psnr[number] == pytest.approx(psnr, abs=0.01)
            assert encode.ssim[number] == pytest.approx(ssim(one, other, 255), abs=1e-4)
        # x264's own figure is taken before the last filter on frames that nothing refers to
        assert np.median(np.abs(encode.reported_psnr - encode.psnr)) < 0.3
        assert 0 < encode.delay <= FRAMES
    for better, worse in pairwise(encodes):
        assert better.bytes.sum() > worse.bytes.sum()
        assert better.psnr.mean() > worse.psnr.mean()
        assert better.qp.mean() < worse.qp.mean()


def test_every_frame_is_analysed_as_in_a_transcode(corpus: Path) -> None:
    with opened(corpus / "s.db") as store:
        for picture in store.pictures():
            measured, cuts = store.analysis(picture.id, state.VERSION)
            with closing(
                Reference(str(corpus / picture.name), scale=None, max_frames=None)
            ) as reference:
                analyst = Analyst(reference.picture)
                rows = [analyst.push(frame).row for frame in reference]
            assert np.array_equal(measured, rows)
            assert cuts.tolist() == [True] + [False] * (FRAMES - 1)


def test_a_second_run_makes_only_what_is_missing(rlcodec: Command, folder: Path) -> None:
    clips = ("camera.mkv", "cat.mp4")
    before = (folder / "s.db").read_bytes()
    assert result(rlcodec("corpus", "add", "s.db", *clips, *FAST)) == (2, 2, 0, 8)
    assert (folder / "s.db").read_bytes() == before
    more = rlcodec("corpus", "add", "s.db", *clips, *FAST[:2], "--crf", "20-44/4", "--jobs", "3")
    assert result(more) == (2, 2, 6, 8)
    assert encodes_in(folder / "s.db") == {clip: {20, 24, 28, 32, 36, 40, 44} for clip in clips}


def test_a_clip_that_fails_is_named_at_the_end(rlcodec: Command, folder: Path) -> None:
    (folder / "broken.mkv").write_bytes(b"no video")
    film(folder / "coins.mkv", "coins")
    done = rlcodec("corpus", "add", "s.db", "broken.mkv", "coins.mkv", "gone.mkv", *FAST)
    assert done.returncode == 1
    assert result(done) == (1, 3, 4, 0)
    last = done.stderr.splitlines()[-2:]
    assert all(line.startswith("failed: ") for line in last)
    assert {line.split()[1] for line in last} == {"broken.mkv:", "gone.mkv:"}
    assert encodes_in(folder / "s.db")["coins.mkv"] == set(GRID)


def test_a_manifest_names_videos_groups_and_sizes(rlcodec: Command, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("camera", "cat", "coins"):
        film(tmp_path / "videos" / f"{name}.mkv", name, 8)
    (tmp_path / "videos" / "list.csv").write_text(
        "path,group,scale,remark\ncamera.mkv,pets,,a\ncat.mkv,pets,96x64,b\n"
        "cat.mkv,pets,54,b\ncoins.mkv,,,\n"
    )
    done = rlcodec("corpus", "add", "s.db", "videos/list.csv", "--scale", "72", *FAST)
    assert result(done) == (4, 4, 16, 0)
    asked = rlcodec("corpus", "info", "s.db", "--json")
    info = json.loads(asked.stdout)
    held = {
        (each["name"], each["group"], each["width"], each["height"], each["analysed"])
        for each in info["pictures"]
    }
    assert held == {
        ("camera.mkv", "pets", 128, 72, True),
        ("cat.mkv", "pets", 96, 64, True),
        ("cat.mkv", "pets", 96, 54, True),
        ("coins.mkv", "coins", 128, 72, True),
    }
    assert (info["schema"], info["sources"], info["groups"]) == (1, 3, 2)
    assert info["bytes"] == (tmp_path / "s.db").stat().st_size
    (recipe,) = info["recipes"]
    assert recipe["encodes"] == 16
    assert recipe["crfs"] == [{"crf": crf, "pictures": 4} for crf in GRID]
    table = rlcodec("corpus", "info", "s.db").stdout
    assert re.search(r"coins\.mkv +128x72 +8  coins\n", table)
    assert "20 (4), 28 (4), 36 (4), 44 (4)" in table


def test_the_same_video_in_two_groups_is_refused(rlcodec: Command, folder: Path) -> None:
    shutil.copy(folder / "cat.mp4", folder / "copy.mp4")  # in the store already
    film(folder / "coins.mkv", "coins")
    shutil.copy(folder / "coins.mkv", folder / "money.mkv")  # named in one run
    names = ("copy.mp4", "coins.mkv", "money.mkv")
    done = rlcodec("corpus", "add", "s.db", *names, *FAST)
    assert done.returncode == 1
    assert result(done) == (1, 3, 4, 0)
    copy, money = done.stderr.splitlines()[-2:]
    assert "copy.mp4: has the very content of a video of the group 'cat'" in copy
    assert "money.mkv: has the very content of a video of the group 'coins'" in money
    assert set(encodes_in(folder / "s.db")) == {"camera.mkv", "cat.mp4", "coins.mkv"}


def test_a_near_duplicate_is_refused_in_another_group_alone(rlcodec: Command, folder: Path) -> None:
    shown = pictures("cat", 40)
    write(folder / "long.mkv", shown, options={"crf": "8"})
    write(folder / "worse.mkv", shown[9:], options={"crf": "34"})
    small = [picture[::2, ::2].copy() for picture in shown]
    write(folder / "small.mkv", small, options={"crf": "20"})
    csv = "path,group\nlong.mkv,cats\n"
    (folder / "first.csv").write_text(csv)
    (folder / "same.csv").write_text(csv + "worse.mkv,cats\n")
    (folder / "other.csv").write_text("path,group\nworse.mkv,dogs\nsmall.mkv,dogs\n")
    cut = ("--max-frames", "40")
    (folder / "s.db").unlink()
    assert result(rlcodec("corpus", "add", "s.db", "first.csv", *cut, *FAST)) == (1, 1, 4, 0)
    done = rlcodec("corpus", "add", "s.db", "other.csv", *cut, *FAST)
    assert done.returncode == 1
    assert result(done) == (0, 2, 0, 0)
    for line in done.stderr.splitlines()[-2:]:
        assert "shows what long.mkv of the group 'cats' shows" in line
    assert result(rlcodec("corpus", "add", "s.db", "same.csv", *cut, *FAST)) == (2, 2, 4, 4)


def test_different_videos_are_no_duplicates(tmp_path: Path) -> None:
    clips = [film(tmp_path / f"{name}.mkv", name, 24) for name in ("camera", "cat", "coins")]
    clips += [write(tmp_path / f"{seed}.mkv", moving(24, seed=seed)) for seed in (1, 2)]
    black = [np.zeros((96, 128), np.uint8)] * 24
    clips += [write(tmp_path / f"black{number}.mkv", black) for number in (1, 2)]
    seen = []
    for clip in clips:
        with closing(Reference(str(clip), scale=None, max_frames=None)) as reference:
            seen.append(fingerprint(reference))
    for place, one in enumerate(seen[:-1]):
        assert not any(near_duplicate(one, other) for other in seen[place + 1 :])
    assert all(near_duplicate(one, one) for one in seen[:5])


def test_progress_says_how_long_it_takes(tmp_path: Path, corpus: Path) -> None:
    events: list[Event] = []
    videos = entries([corpus / "camera.mkv"], None)
    found = add_videos(
        tmp_path / "s.db", videos, crfs=GRID, preset="superfast", on_progress=events.append
    )
    assert (found.made, found.kept, found.failures) == (4, 0, ())
    assert events[0] == Collecting(1, 4 * FRAMES)
    assert all(isinstance(event, Progress) for event in events[1:])
    assert events[-1] == Progress(4 * FRAMES)


def test_progress_lines_have_an_eta(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("rlcodec.cli.progress.time.monotonic", lambda: clock[0])
    display = ProgressDisplay(bar=False)
    display(Collecting(2, 400))
    clock[0] = 10
    display(Progress(100))
    assert capsys.readouterr().err == " 25%  100/400 frames  10.0 fps  ETA 0:00:30\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--crf", "20,30"], "too few"),
        (["--crf", "20-60/5"], "crf is"),
        (["--crf", "x"], "give from-to/step"),
        (["--scale", "641x360"], "even numbers"),
        (["--preset", "quick"], "preset 'quick'"),
        (["--codec", "libfoo"], "libfoo"),
        (["--encoder-option", "nonsense=1"], "nonsense"),
    ],
)
def test_wrong_usage_is_refused_before_any_work(
    rlcodec: Command, clip: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    done = rlcodec("corpus", "add", "s.db", clip.name, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "s.db").exists()


def test_manifests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    for text, says in {
        "name\na.mkv\n": "needs a column `path`",
        "path,group\na.mkv,x\na.mkv,y\n": "two groups, 'x' and 'y'",
        "path,scale\na.mkv,7\n": "row 1: scale is '7'",
    }.items():
        manifest.write_text(text)
        with pytest.raises(SettingsError, match=re.escape(says)):
            entries([manifest], None)
    with pytest.raises(SettingsError, match="cannot be read as a manifest"):
        entries([tmp_path / "gone.csv"], None)


def test_videos_have_their_own_names_as_groups(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\nsub/a.mkv\n")
    direct = tmp_path / "sub" / "a.mkv"
    assert entries([manifest, manifest], 360) == [Entry(direct, "sub/a.mkv", "a", 360)]
    assert entries([direct], parse_scale("640x360")) == [Entry(direct, "a.mkv", "a", (640, 360))]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(
    ("count", "pix_fmt", "size"),
    [(1, "yuv420p", (64, 48)), (2, "yuv420p10le", (98, 66)), (9, "yuv444p", (65, 49))],
)
def test_short_deep_and_odd_videos_are_measured(
    tmp_path: Path, codec: str, count: int, pix_fmt: str, size: tuple[int, int]
) -> None:
    shown = moving(count, width=size[0], height=size[1])
    clip = write(tmp_path / "clip.mkv", shown, codec="ffv1", pix_fmt=pix_fmt)
    with closing(Reference(str(clip), scale=None, max_frames=None)) as reference:
        for crf in (0, 51):
            settings = Settings(codec=codec, preset="ultrafast", crf=crf)
            found = trial(reference, settings, threads=1, vmaf=False, on_frame=lambda: None)
            assert len(found.bytes) == len(found.psnr) == len(found.ssim) == count
            assert found.bytes.all()
            lossless = crf == 0 and codec == "libx264"
            assert (found.psnr == 100).all() == lossless
            assert (found.ssim == 1).all() == lossless
            assert np.isnan(found.reported_psnr).all() == (codec == "libx265")
            assert 0 < found.delay <= count
