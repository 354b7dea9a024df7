"""Pages in headless Chromium: nothing complains, nothing is fetched, every control works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rlcodec
from rlcodec.report.benchmark import benchmark_page
from rlcodec.settings import Settings
from tests.browser import CHROMIUM, Browser, NoBrowserError
from tests.clips import shots, write
from tests.findings import findings, pictures_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ARROW_RIGHT = ("ArrowRight", 39)
END = ("End", 35)
LONG = "a_clip_whose_name_goes_on_for_longer_than_any_phone_is_wide__part_1.mkv"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        opened = Browser(tmp_path_factory.mktemp("profile"))
    except NoBrowserError:
        pytest.skip("Chromium does not start here")
    with opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a transcode, of a file that would like to run something."""
    folder = tmp_path_factory.mktemp("<img src=x onerror=document.title=1>")
    source = write(folder / "in.mkv", shots([30, 34], width=320, height=192))
    settings = Settings(preset="superfast", crf=33)
    result = rlcodec.transcode(source, folder / "out.mp4", settings)
    target = folder.parent / "page.html"
    target.write_text(rlcodec.transcode_page(result, settings), encoding="utf-8")
    return target


@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_fits_and_is_quiet(browser: Browser, page: Path, width: int) -> None:
    browser.show(page, width=width)
    assert not browser.complaints
    assert browser.requests[0] == page.as_uri()
    assert all(each.startswith("data:") for each in browser.requests[1:])
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("[...document.images].every(each => each.complete && each.naturalWidth)")
    assert browser.run("document.title").startswith("out.mp4, made of")


def test_a_page_follows_the_colour_scheme(browser: Browser, page: Path) -> None:
    backs = []
    for dark in (False, True):
        browser.show(page, dark=dark)
        backs.append(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert backs == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


def test_the_border_moves_by_keyboard_and_pointer(browser: Browser, page: Path) -> None:
    browser.show(page)
    border = "document.querySelector('.stage').style.getPropertyValue('--border')"
    assert browser.run(border) == "50%"
    browser.run("document.querySelector('.border input').focus()")
    browser.press(*ARROW_RIGHT)
    assert browser.run(border) == "51%"
    browser.press(*END)
    assert browser.run(border) == "100%"
    shown = browser.run("getComputedStyle(document.querySelector('.over')).clipPath")
    assert shown == "inset(0px 0px 0px 100%)"
    browser.run("document.querySelector('.stage').scrollIntoView()")
    box = browser.run("document.querySelector('.stage').getBoundingClientRect().toJSON()")
    where = {"x": box["x"] + box["width"] / 4, "y": box["y"] + box["height"] / 2}
    for kind in ("mousePressed", "mouseReleased"):
        browser.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)
    assert browser.run(border) == "25%"


def test_a_timeline_is_read_out(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.run("document.querySelector('.reader input').focus()")
    browser.press(*ARROW_RIGHT)
    said = browser.run("document.querySelector('output').textContent")
    assert said.startswith("2 of 2, ")
    assert browser.run("document.activeElement.getAttribute('aria-valuetext')") == said
    cursor = "getComputedStyle(document.querySelector('.cursor')).visibility"
    assert browser.run(cursor) == "visible"


def test_pictures_can_be_seen_pixel_by_pixel(browser: Browser, page: Path) -> None:
    browser.show(page, width=390)
    width = "document.querySelector('.stage img').getBoundingClientRect().width"
    before = browser.run(width)
    browser.run("document.querySelector('.actual input').click()")
    assert browser.run(width) == 320
    assert before <= 390
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_a_clip_of_a_benchmark_is_chosen(browser: Browser, tmp_path: Path) -> None:
    results = findings(["a.mkv", "b.mkv", LONG], {"rule": 0.01}, frames=60, segments=4)
    target = tmp_path / "report.html"
    target.write_text(benchmark_page(results, pictures_of(results)), encoding="utf-8")
    for width in (390, 1280):
        browser.show(target, width=width)
        assert not browser.complaints
        assert browser.run("document.documentElement.scrollWidth") <= width
    shown = (
        "[...document.querySelectorAll('[data-panel] > h3')].filter(each => each.offsetParent)"
        ".map(each => each.textContent)"
    )
    assert browser.run(shown) == ["a.mkv"]
    browser.run("document.querySelector('select').focus()")
    browser.press("ArrowDown", 40)
    assert browser.run(shown) == ["b.mkv"]
    # Its pictures are there too, though they were not when the page was
    natural = "document.querySelector('[data-panel]:not([hidden]) .over').naturalWidth"
    assert browser.run(natural) == 640
