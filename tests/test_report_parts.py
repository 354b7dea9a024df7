"""What pages are put together from: numbers, charts, columns, stills and colours."""

from __future__ import annotations

import fnmatch
import io
import json
import re
import tomllib
from dataclasses import replace
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcodec.media.graphs import chain
from rlcodec.media.picture import Colour, Picture
from rlcodec.media.stills import StillMaker
from rlcodec.report import charts, words
from rlcodec.report.charts import Series, axis_for, chart, timeline
from rlcodec.report.frames import APART_S, how_shown, lowest
from rlcodec.report.scores import COLUMNS, columns
from tests.pages import Page

REPORT = Path(str(files("rlcodec.report")))
SD = Picture(
    width=64,
    height=48,
    pix_fmt="yuv420p",
    sample_aspect_ratio=Fraction(1),
    colour=Colour(),
    time_base=Fraction(1, 25),
    rate=Fraction(25),
)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (words.size(999), "999 B"),
        (words.size(1234), "1.23 kB"),
        (words.size(2.5e9), "2.50 GB"),
        (words.size(7.1e12), "7100.00 GB"),
        (words.rate(812_400), "812 kbit/s"),
        (words.rate(2.5e6), "2.50 Mbit/s"),
        (words.clock(0), "0:00.0"),
        (words.clock(59.96), "1:00.0"),
        (words.clock(3723.04), "1:02:03.0"),
        (words.change(-1.234), "\N{MINUS SIGN}1.23 %"),
        (words.change(1.0), "+1.00 %"),
        (words.change(-0.004), "0.00 %"),
        (words.score("ssim_y", 0.98765), "0.9877"),
        (words.score("psnr", 41.234), "41.23 dB"),
        (words.score("vmaf", 93.5), "93.50"),
        (words.number(23.0), "23"),
        (words.count(1, "shot"), "1 shot"),
        (words.count(1200, "shot"), "1,200 shots"),
        (words.text("a<b>\"'&"), "a&lt;b&gt;&quot;&#x27;&amp;"),
        (words.text("\x1b[31m\udcff"), "\\x1b[31m\\udcff"),
    ],
)
def test_numbers_have_units_and_text_is_text(made: str, said: str) -> None:
    assert made.replace("\N{NO-BREAK SPACE}", " ") == said


@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=20), st.booleans())
@settings(deadline=None)
def test_axes_hold_their_values(values: list[float], from_zero: bool) -> None:
    axis = axis_for(values, from_zero=from_zero)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= min(values)
    assert max(values) <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 7
    if from_zero:
        assert axis.low <= 0


def test_a_chart_says_in_words_what_it_draws() -> None:
    series = [
        Series("one & only", [(0, 1.0), (0.5, 3.0), (1, 2.0)], marked=True),
        Series("two", [(0, 2.0), (1, 2.0)], 1, steps=True, band=[(1, 3), (1, 3)], area=True),
    ]
    drawn = chart("Bits <per> second", series, says="1 to 3", feet=[(0, "0:00"), (1, "0:10")])
    page = Page(drawn)
    (plot,) = page.all("div", "plot")
    assert plot["role"] == "img"
    assert plot["aria-label"] == "Bits <per> second: 1 to 3"
    assert "one & only" in page.words
    # Each series differs from the other in more than its colour
    assert len(page.all("path", "mark")) == 3 + 1
    numbers = re.findall(r"\d+", " ".join(each["d"] for each in page.all("path")))
    assert max(map(int, numbers)) <= 1000


def test_readings_of_a_timeline_cannot_leave_their_script() -> None:
    said = "</script><script>alert(1)</script>"
    page = Page(timeline("Read", ["<p></p>"], [(0.25, said), (0.75, "b")]))
    ((kind, content),) = page.scripts
    assert kind == "application/json"
    assert json.loads(content) == [[0.25, said], [0.75, "b"]]
    assert page.all("input")[0]["max"] == "1"


def test_the_lowest_frames_lie_apart() -> None:
    values = np.full(200, 50.0)
    values[[20, 21, 22, 60, 150]] = [3, 1, 2, 9, 4]
    times = [place / 25 for place in range(200)]
    places = lowest(values, times, 3)
    assert places == [21, 150, 60]
    assert lowest([1.0], [0.0], 6) == [0]
    everything = lowest(np.arange(200.0), times, 100)
    assert min(np.diff(sorted(times[place] for place in everything))) >= APART_S


def test_columns_keep_the_extremes() -> None:
    values = np.full(3 * COLUMNS + 7, 40.0)
    values[777] = 5.0
    times = [place / 25 for place in range(len(values) + 1)]
    found = columns(values.tolist(), times)
    assert len(found.means) == COLUMNS
    assert found.lows.min() == 5
    assert found.means.min() > 5
    assert 0 < found.middles[0] < found.middles[-1] < 1
    assert found.series("x").band
    few = columns([1.0, 2.0], [0, 1, 3])
    assert few.means.tolist() == [1, 2]
    assert few.middles.tolist() == pytest.approx([1 / 6, 4 / 6])
    assert not few.series("x").band


def shown(
    picture: Picture, rgb: tuple[int, int, int], matrix: str, longest: int = 1280
) -> av.VideoFrame:
    """The still of a frame of one colour, decoded."""
    flat = np.full((picture.height, picture.width, 3), rgb, np.uint8)
    scale = f"out_color_matrix={matrix}:out_range=limited"
    graph = chain(
        picture.width,
        picture.height,
        "rgb24",
        picture.time_base,
        ("scale", scale),
        ("format", picture.pix_fmt),
    )
    frame = av.VideoFrame.from_ndarray(flat, format="rgb24")
    frame.pts, frame.time_base = 0, picture.time_base
    graph.vpush(frame)
    still = StillMaker(picture, longest, 95).make(graph.vpull())
    with av.open(io.BytesIO(still.data), "r") as file:
        (decoded,) = file.decode(video=0)
    assert (decoded.width, decoded.height) == (still.width, still.height)
    return decoded


@pytest.mark.parametrize(
    ("picture", "matrix", "size"),
    [
        (SD, "bt601", (64, 48)),
        (replace(SD, colour=Colour(matrix=1)), "bt709", (64, 48)),
        (replace(SD, width=1280, height=720), "bt709", (320, 180)),
        (replace(SD, sample_aspect_ratio=Fraction(4, 3)), "bt601", (86, 48)),
        (replace(SD, pix_fmt="yuv420p10le"), "bt601", (64, 48)),
    ],
)
def test_stills_have_the_colours_and_the_shape_of_the_video(
    picture: Picture, matrix: str, size: tuple[int, int]
) -> None:
    decoded = shown(picture, (200, 40, 90), matrix, 320)
    assert (decoded.width, decoded.height) == size
    # WebP is BT.601 by its standard
    rgb = decoded.reformat(format="rgb24", src_colorspace="itu601").to_ndarray()
    assert np.abs(rgb.reshape(-1, 3).mean(0) - (200, 40, 90)).max() < 5


def test_how_pictures_are_shown_is_said() -> None:
    said = how_shown(
        replace(SD, width=3840, height=2160, pix_fmt="yuv420p10le", colour=Colour(transfer=16))
    )
    assert "1280x720 pixels for frames of 3840x2160" in said
    assert "8 bits deep for frames of 10" in said
    assert "HDR (PQ)" in said
    assert "HDR" not in how_shown(SD)


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_can_be_told_from_the_page() -> None:
    style = (REPORT / "report.css").read_text()
    light, dark = re.findall(r":root \{([^}]*)\}", style)
    for scheme in (light, dark):
        names = {
            name: f"#{''.join(2 * each for each in value) if len(value) == 3 else value}"
            for name, value in re.findall(r"--([a-z0-9]+): #([0-9a-f]+);", scheme)
        }
        series = [f"s{each}" for each in range(charts.STYLES)]
        for name in ("ink", "quiet", "accent", "warn", *series):
            for back in ("page", "raised"):
                high, low = sorted((luminance(names[name]), luminance(names[back])), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (name, back, scheme)


def test_style_and_script_are_installed() -> None:
    project = tomllib.loads((REPORT.parent.parent / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["rlcodec"]
    for path in REPORT.iterdir():
        if path.suffix not in {".py", ""}:
            assert any(fnmatch.fnmatch(f"report/{path.name}", each) for each in patterns), path
    assert "eval" not in (REPORT / "report.js").read_text()
