"""The page of a benchmark: what it claims, what it owns up to, what it weighs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlcodec.benchmark.results import Results
from rlcodec.benchmark.run import run_benchmark
from rlcodec.events import Event, Notice
from rlcodec.report import frames
from rlcodec.report.benchmark import benchmark_page
from rlcodec.report.gallery import ROOM, room_for
from tests.clips import decoded
from tests.findings import findings, pictures_of
from tests.pages import Page, read
from tests.reels import CRFS, reel

HOSTILE = "<script>alert(1)</script>.mkv"
GAIN, LOSS, NEITHER = 0.03, -0.02, 0.004


@pytest.fixture(scope="module")
def results() -> Results:
    saves = {"gains": GAIN, "loses": LOSS, "neither": NEITHER}
    return findings([HOSTILE, "b.mkv"], saves, rivals=["re-picked gains", "two-pass"])


def said(page: Page) -> str:
    return " ".join(page.words.replace("\N{NO-BREAK SPACE}", " ").split())


def test_gains_and_losses_are_said_alike(results: Results) -> None:
    words = said(Page(benchmark_page(results, {})))
    minus = "\N{MINUS SIGN}"
    assert (
        "On 2 clips, edited titles (clips of at least 4 shots, each by itself), gains needs 3.00 % "
        f"fewer bytes than fixed CRF for equal PSNR (95 % interval {minus}4.00 to {minus}2.00 %)"
    ) in words
    assert "loses needs 2.00 % more bytes than fixed CRF for equal PSNR" in words
    assert (
        f"neither needs about as many bytes as fixed CRF for equal PSNR ({minus}0.40 %, not told "
        f"from 0: 95 % interval {minus}1.40 to +0.60 %)"
    ) in words


def test_colour_never_stands_without_its_sign(results: Results) -> None:
    document = benchmark_page(results, {})
    minus = "\N{MINUS SIGN}"
    for kind, sign in (("good", minus), ("bad", "+")):
        cells = document.split(f'<span class="{kind}">')[1:]
        assert cells
        assert all(each.startswith(sign) for each in cells)


def test_a_page_holds_everything(results: Results, tmp_path: Path) -> None:
    command = "rlcodec benchmark '<a>.mkv' -o out"
    target = tmp_path / "report.html"
    target.write_text(benchmark_page(results, pictures_of(results), command=command), "utf-8")
    page = read(target)
    words = said(page)
    for each in (command, "PyAV 0, FFmpeg 0", "a note <b>of</b> the run", "no such file", HOSTILE):
        assert each in words
    # Of 2 clips and 3 policies: 4 frames each, of 3 pictures, and the thumbnails
    assert len(page.all("figure", "frame")) == 2 * 3 * 4
    assert len(page.all("img")) == 2 * 3 * 4 * 3 + 2
    panels = [each for _, each in page.elements if each.get("data-panel") == "clip"]
    assert ["hidden" in each for each in panels] == [False, True]
    assert len(page.all("option")) == len(panels)
    readings = json.loads(page.scripts[0][1])
    assert len(readings) == 12
    assert "against fixed CRF in %" in words


def test_bytes_beside_fixed_crf_are_drawn(results: Results) -> None:
    page = Page(benchmark_page(results, {}))
    labels = [each["aria-label"] for each in page.all("div", "plot")]
    beside = next(each for each in labels if "at equal PSNR" in each)
    minus = "\N{MINUS SIGN}"
    changes = ", ".join([f"{minus}3.0\N{NO-BREAK SPACE}%"] * len(results.crfs))
    assert f"gains {changes}" in beside


def test_what_is_not_known_is_no_number(results: Results) -> None:
    curves = tuple(
        replace(
            each, bd_rates=dict.fromkeys(each.bd_rates), problems={"psnr_y": "too few <points>"}
        )
        for each in results.sets[1].curves
    )
    broken = replace(
        results,
        sets=(replace(results.sets[1], curves=curves),),
        clips=(replace(results.clips[0], curves=results.clips[0].curves[1:]),),
    )
    words = said(Page(benchmark_page(broken, {})))
    assert "gains needs an unknown number of bytes for equal PSNR" in words
    assert "gains, PSNR: too few <points>" in words
    assert "gains was not measured here at CRF 28." in words
    bare = said(Page(benchmark_page(replace(results, sets=()), {})))
    assert "There is no edited title or single shot to sum up" in bare


def test_pictures_keep_to_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for panels in (1, 6, 60, 400):
        room = room_for(panels)
        assert 1 <= room.frames <= 4
        assert 320 <= room.longest <= frames.LONGEST
        assert panels * room.frames * room.most_bytes <= ROOM * 1.001
    # Noise takes more than the best quality has room for
    monkeypatch.setattr("tests.findings.room_for", lambda _: room_for(60))
    noisy = pictures_of(findings(["a.mkv"], {"rule": 0.0}), noise=90)
    (contrast,) = noisy["a.mkv"].frames["rule"]
    assert 0 < contrast.pair.bytes <= room_for(60).most_bytes


def test_a_benchmark_is_reported(tmp_path: Path) -> None:
    source = reel(tmp_path / HOSTILE.replace("/", "_"))
    events: list[Event] = []
    results = run_benchmark(
        [source],
        tmp_path / "bench",
        policies=["rule"],
        crfs=CRFS,
        preset="superfast",
        rivals=["fixed"],
        jobs=1,
        on_progress=events.append,
    )
    page = read(tmp_path / "bench" / "report.html")
    assert not any("pictures" in each.message for each in events if isinstance(each, Notice))
    assert source.name in page.words
    assert page.all("figure", "frame")
    titles = [each["aria-label"] for each in page.all("div", "window")]
    places = [int(each.split()[1].replace(",", "")) for each in titles]
    assert len(set(places)) == len(places) >= 1
    assert max(places) < len(decoded(source))
    (clip,) = results.clips
    assert np.isfinite([point.bytes for curve in clip.curves for point in curve.points]).all()


def test_a_benchmark_without_the_extra_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.delitem(sys.modules, "skimage.metrics", raising=False)
    events: list[Event] = []
    run_benchmark(
        [reel(tmp_path / "film.mkv")],
        tmp_path / "bench",
        policies=["rule"],
        crfs=CRFS,
        preset="superfast",
        rivals=["fixed"],
        jobs=1,
        on_progress=events.append,
    )
    assert (tmp_path / "bench" / "results.json").exists()
    assert not (tmp_path / "bench" / "report.html").exists()
    told = [each.message for each in events if isinstance(each, Notice)]
    assert any("report.html is not written" in each and "[report]" in each for each in told)
