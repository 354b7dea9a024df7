"""Pages through the installed command: what they say, what they refuse, what they leave alone."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import rlcodec
from rlcodec.errors import InputError
from rlcodec.report import transcode as transcode_report
from rlcodec.settings import Settings
from tests.clips import Picture, moving, shots, write
from tests.conftest import Command
from tests.folder import assert_refused, contents
from tests.pages import Page, read

FAST = ("--preset", "superfast")
HOSTILE = "<script>alert(1)</script> \"&'.mkv"
"""A file in a folder, as paths go: names hold everything but a slash."""

WITHOUT_EXTRA = """
import sys
sys.modules["skimage"] = None
from rlcodec.cli.main import run
run()
"""
FAILING = """
import rlcodec.report.transcode
from rlcodec.cli.main import run
from rlcodec.errors import InputError

def fail(*arguments):
    raise InputError("clip.mkv: only 3 of its 12 frames can be decoded")

rlcodec.report.transcode.measure = fail
run()
"""
"""The command where the input is damaged once the encode is done."""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two shots of a second and more."""
    return write(tmp_path / "film.mkv", shots([30, 34], width=128, height=96))


def pictures(page: Page) -> list[Picture]:
    """The pictures of a page, decoded: luma as shown."""
    found = []
    for each in page.all("img"):
        kind, _, data = each["src"].partition(",")
        assert kind == "data:image/webp;base64"
        with av.open(io.BytesIO(base64.b64decode(data)), "r") as file:
            (frame,) = file.decode(video=0)
        assert (str(frame.width), str(frame.height)) == (each["width"], each["height"])
        found.append(frame.to_ndarray(format="gray").astype(np.uint8))
    return found


def run_with(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter that was tampered with."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_transcode_is_reported(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    done = rlcodec(
        "transcode", *FAST, "--crf", "33", "--report", "page.html", "--json", film.name, "out.mp4"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    page = read(tmp_path / "page.html")
    assert contents(tmp_path).keys() == {film.name, "out.mp4", "page.html"}
    segments = [each for kind, each in page.scripts if kind == "application/json"]
    readings = json.loads(segments[0])
    assert len(readings) == len(result["segments"])
    for (_, words), segment in zip(readings, result["segments"], strict=True):
        assert f"CRF {round(segment['crf'], 2):g}" in words
        assert "SSIM 0." in words
    # One frame for each second, each with both sides and a map
    frames = page.all("figure", "frame")
    assert len(frames) == 3
    assert len(page.all("img")) == 3 * len(frames)
    assert "rlcodec transcode --preset superfast --crf 33" in page.words
    assert "64 frames" in page.words
    assert "cannot be told from one encode" in page.words
    for notice in result["notices"]:
        assert notice in page.words


def test_scores_of_a_page_are_those_of_a_comparison(tmp_path: Path, film: Path) -> None:
    settings = Settings(crf=36, preset="superfast")
    result = rlcodec.transcode(film, tmp_path / "out.mp4", settings)
    found = rlcodec.compare(film, tmp_path / "out.mp4")
    page = Page(rlcodec.transcode_page(result, settings))
    for name, scores in found.metrics.items():
        shown = f"{name.upper()} {scores.mean:.4f}" if name == "ssim" else f"PSNR {scores.mean:.2f}"
        assert shown in page.words
    worst = int(np.argmin(found.metrics["ssim"].values))
    assert f"Frame {worst} at" in page.words
    assert page.words.index(f"Frame {worst} at") == page.words.index("Frame ")


def test_the_worst_frames_of_a_comparison_are_shown(rlcodec: Command, tmp_path: Path) -> None:
    good = moving(60, width=160, height=96)
    bad = [each.copy() for each in good]
    bad[7][:48] //= 2
    bad[40][:, 80:] += 9
    write(tmp_path / "good.mkv", good, codec="ffv1")
    write(tmp_path / "bad.mkv", bad, codec="ffv1")
    done = rlcodec("compare", "good.mkv", "bad.mkv", "--report", "page.html")
    assert done.returncode == 0, done.stderr
    page = read(tmp_path / "page.html")
    titles = [each["aria-label"] for each in page.all("div", "window")]
    assert titles[:2] == ["Frame 7 at 0:00.3, pictures", "Frame 40 at 0:01.6, pictures"]
    left, right, difference = pictures(page)[:3]
    # WebP is of limited range, and av expands it again
    assert np.abs(left.astype(int) - good[7]).mean() < 3
    assert np.abs(right.astype(int) - bad[7]).mean() < 3
    assert difference[:40].mean() > 50
    assert difference[56:].mean() < 5


def test_names_are_text(rlcodec: Command, tmp_path: Path) -> None:
    source = tmp_path / HOSTILE
    source.parent.mkdir()
    write(source, moving(6, width=64, height=48))
    done = rlcodec("transcode", *FAST, HOSTILE, "out.mkv", "--report", "page.html")
    assert done.returncode == 0, done.stderr
    page = read(tmp_path / "page.html")
    assert HOSTILE in page.words
    assert len(page.scripts) == 2
    compared = rlcodec("compare", HOSTILE, "out.mkv", "--report", "other.html")
    assert compared.returncode == 0, compared.stderr
    assert HOSTILE in read(tmp_path / "other.html").words


def test_changes_of_size_and_rate_are_followed(tmp_path: Path, film: Path) -> None:
    settings = Settings(preset="superfast", scale=(64, 48), fps=rlcodec.settings.parse_fps("10"))
    result = rlcodec.transcode(film, tmp_path / "out.mkv", settings)
    page = Page(rlcodec.transcode_page(result, settings))
    assert page.all("img")[0]["width"] == "64"
    assert f"{result.frames} frames" in page.words
    assert "64x48" in page.words
    assert "at SSIM 0.9" in page.words


def test_a_page_is_the_same_each_time(tmp_path: Path, clip: Path) -> None:
    settings = Settings(preset="superfast")
    result = rlcodec.transcode(clip, tmp_path / "out.mkv", settings)
    assert rlcodec.transcode_page(result, settings) == rlcodec.transcode_page(result, settings)
    found = rlcodec.compare(clip, tmp_path / "out.mkv")
    assert rlcodec.comparison_page(found) == rlcodec.comparison_page(found)


def test_what_cannot_be_measured_is_said(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    piped = rlcodec(
        "transcode", *FAST, "-", "out.mkv", "--report", "page.html", stdin=clip.read_bytes()
    )
    assert piped.returncode == 0, piped.stderr
    page = read(tmp_path / "page.html")
    assert "Nothing was measured: the input was a pipe" in page.words
    assert not page.all("img")
    assert "PSNR in dB, as the encoder reports it" in page.words
    dropped = rlcodec(
        *("transcode", *FAST, "--keep-smaller", "--crf", "1", clip.name, "no.mkv"),
        *("--report", "dropped.html"),
    )
    assert dropped.returncode == 0, dropped.stderr
    assert "it was dropped, and the input kept" in read(tmp_path / "dropped.html").words
    assert not (tmp_path / "no.mkv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("out.mkv --report there.html", 1, "there.html: exists already"),
        ("out.mkv --report no/page.html", 1, "its folder does not exist"),
        ("out.mkv --report clip.mkv -y", 2, "is the input itself"),
        ("out.mkv --report ./out.mkv", 2, "is the output itself"),
        ("folder/ --report page.html", 2, "--report is for one video"),
    ],
)
def test_a_report_is_refused_before_the_encode(
    rlcodec: Command, clip: Path, arguments: str, code: int, says: str
) -> None:
    folder = clip.parent
    (folder / "there.html").write_text("mine")
    assert_refused(rlcodec, folder, *FAST, clip.name, *arguments.split(), code=code, says=[says])


def test_reports_replace_others_where_they_may(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "page.html").write_text("old")
    kept = rlcodec("compare", clip.name, clip.name, "--report", "page.html")
    assert kept.returncode == 1
    assert (tmp_path / "page.html").read_text() == "old"
    done = rlcodec("compare", clip.name, clip.name, "--report", "page.html", "-y")
    assert done.returncode == 0, done.stderr
    assert "PSNR 100.00" in read(tmp_path / "page.html").words
    itself = rlcodec("compare", clip.name, clip.name, "--report", clip.name, "-y")
    assert itself.returncode == 2


def test_a_missing_extra_is_named_before_the_encode(tmp_path: Path, clip: Path) -> None:
    done = run_with(
        WITHOUT_EXTRA, tmp_path, "transcode", clip.name, "out.mkv", "--report", "page.html"
    )
    assert done.returncode == 2
    assert "pip install 'rlcodec[report]'" in done.stderr
    assert contents(tmp_path).keys() == {clip.name}
    # Nothing else needs it
    assert run_with(WITHOUT_EXTRA, tmp_path, "compare", clip.name, clip.name).returncode == 0


def test_a_report_that_fails_leaves_the_encode(tmp_path: Path, clip: Path) -> None:
    done = run_with(
        FAILING, tmp_path, "transcode", *FAST, clip.name, "out.mkv", "--report", "page.html"
    )
    assert done.returncode == 1
    assert "page.html: no report was made: clip.mkv: only 3" in done.stderr
    assert done.stdout.startswith("out.mkv: ")
    assert contents(tmp_path).keys() == {clip.name, "out.mkv"}


@pytest.mark.parametrize("frames", [9, 70])
def test_an_output_that_changed_is_found(tmp_path: Path, film: Path, frames: int) -> None:
    settings = Settings(preset="superfast")
    result = rlcodec.transcode(film, tmp_path / "out.mkv", settings)
    write(tmp_path / "out.mkv", moving(frames, width=128, height=96))
    with pytest.raises(InputError, match="holds other frames than were made of"):
        transcode_report.transcode_page(result, settings)
