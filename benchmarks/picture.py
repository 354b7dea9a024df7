"""The README's picture: the sample's CRF and bytes, shot by shot, by the policy and at fixed CRF.

`python -m benchmarks.picture` writes `docs/tour.svg`. The thumbnails need Pillow.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import click
from PIL import Image, ImageOps

from benchmarks.demo import CRF, FOLDER, POLICY, SAMPLE, Encode, encode
from rlcodec.units import size

PICTURE = Path("docs/tour.svg")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# Dark on light whatever the page: an image cannot know which theme GitHub shows it in
CARD, EDGE, INK, FAINT, GRID = "#f6f8fa", "#d0d7de", "#1f2328", "#57606a", "#dde2e8"
CHOSEN, TINT, FIXED = "#1a6fd6", "#d9e6f7", "#a3abb5"

WIDTH, HEIGHT = 800, 540
LEFT, RIGHT = 60, 780
STRIP_TOP, STRIP_HEIGHT = 104, 68
CRF_PANEL, BYTES_PANEL = (208, 328), (364, 492)
BAR = 13.0


@dataclass(frozen=True)
class Shot:
    """One segment: its place in the video and on the picture, and what became of it either way."""

    middle_frame: int
    left: float
    middle: float
    right: float
    crf: float
    bytes: int
    fixed_bytes: int


@dataclass(frozen=True)
class Panel:
    """A diagram over the time axis: its place on the picture, and the values it spans."""

    top: int
    bottom: int
    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value lies."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def grid(self, heading: str, unit: str, ticks: Iterable[int]) -> Iterator[str]:
        """What the values are drawn upon."""
        yield _text(LEFT, self.top - 10, heading, 'font-size="13" font-weight="600"')
        middle = (self.top + self.bottom) / 2
        yield _text(22, middle, unit, f'{_label(FAINT)} transform="rotate(-90 22 {middle})"')
        for tick in ticks:
            yield _path(f"M{LEFT},{self.y(tick):.1f}H{RIGHT}", GRID)
            yield _text(LEFT - 8, self.y(tick) + 4, str(tick), _label(FAINT, "end"))


def main() -> None:
    """Transcode the sample by the policy and at fixed CRF, and draw what came of it."""
    FOLDER.mkdir(exist_ok=True)
    chosen, fixed = encode(POLICY, CRF), encode("fixed", CRF)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(chosen, fixed), encoding="utf-8")
    click.echo(f"{PICTURE}: {size(PICTURE.stat().st_size)}")


def draw(chosen: Encode, fixed: Encode) -> str:
    """The picture as an SVG document."""
    shots = list(_shots(chosen, fixed))
    layers = (_strip(shots), _crf_lines(shots), _bytes_bars(shots))
    body = [*_header(chosen, fixed), *chain(*layers), *_time_axis(chosen.result["duration_s"])]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family="{FONT}" font-size="12" fill="{INK}">\n'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="12" fill="{CARD}" '
        f'stroke="{EDGE}"/>\n' + "\n".join([*body, "</svg>\n"])
    )


def _shots(chosen: Encode, fixed: Encode) -> Iterator[Shot]:
    scale = (RIGHT - LEFT) / chosen.result["frames"]
    for ours, theirs in zip(chosen.result["segments"], fixed.result["segments"], strict=True):
        start, frames = ours["start_frame"], ours["frames"]
        assert (start, frames) == (theirs["start_frame"], theirs["frames"])
        left, middle, right = (LEFT + (start + frames * at) * scale for at in (0, 0.5, 1))
        place = (start + frames // 2, left, middle, right)
        yield Shot(*place, ours["crf"], ours["bytes"], theirs["bytes"])


def _header(chosen: Encode, fixed: Encode) -> Iterator[str]:
    result, headline = chosen.result, "A CRF for every shot, beside one for all"
    yield f"<title>{headline}</title>"
    yield _text(20, 34, headline, 'font-size="19" font-weight="600"')
    facts = (
        f"{SAMPLE.name}, {result['duration_s']:.0f} s, {result['codec']} {result['preset']} · "
        f"video {size(chosen.bytes)} against {size(fixed.bytes)} · "
        f"mean PSNR {chosen.psnr:.2f} dB against {fixed.psnr:.2f} dB"
    )
    yield _text(20, 56, facts, f'font-size="13" fill="{FAINT}"')
    for x, colour, label in ((20, CHOSEN, f"policy “{POLICY}”"), (150, FIXED, f"fixed CRF {CRF}")):
        yield _rect(x, 75, 14, 12, colour)
        yield _text(x + 21, 86, label, 'font-size="13"')


def _strip(shots: list[Shot]) -> Iterator[str]:
    wanted = {shot.middle_frame for shot in shots}
    with av.open(str(SAMPLE)) as container:
        numbered = enumerate(container.decode(video=0))
        frames = {at: frame.to_ndarray(format="rgb24") for at, frame in numbered if at in wanted}
    for shot in shots:
        width = shot.right - shot.left - 2  # a hair of card between neighbours
        image = Image.fromarray(frames[shot.middle_frame])
        # Twice the pixels, for screens that have them
        cropped = ImageOps.fit(image, (round(2 * width), 2 * STRIP_HEIGHT))
        # At this quality they stay below 8 kB each, the picture as a whole below 100 kB
        cropped.save(jpeg := io.BytesIO(), "JPEG", quality=80, optimize=True)
        yield (
            f'<image x="{shot.left + 1:.1f}" y="{STRIP_TOP}" width="{width:.1f}" '
            f'height="{STRIP_HEIGHT}" preserveAspectRatio="xMidYMid slice" '
            f'href="data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode("ascii")}"/>'
        )
        for top, bottom in (CRF_PANEL, BYTES_PANEL):
            yield _path(f"M{shot.left:.1f},{top}V{bottom}", GRID)


def _crf_lines(shots: list[Shot]) -> Iterator[str]:
    crfs = [CRF, *(shot.crf for shot in shots)]
    # One beyond either end, for the labels of the highest and the lowest step
    low, high = math.floor(min(crfs)) - 1, math.ceil(max(crfs)) + 1
    panel, ticks = Panel(*CRF_PANEL, low, high), range(low + (CRF - low) % 2, high + 1, 2)
    yield from panel.grid("CRF of every shot (lower CRF = better quality)", "CRF", ticks)
    base, heights = panel.y(CRF), [panel.y(shot.crf) for shot in shots]
    for shot, y in zip(shots, heights, strict=True):
        yield _rect(shot.left, min(y, base), shot.right - shot.left, abs(y - base), TINT)
        yield _text(shot.middle, y + (-6 if y <= base else 15), f"{shot.crf:g}", _label(INK))
    yield _path(f"M{LEFT},{base:.1f}H{RIGHT}", FIXED, 2.5)
    steps = "".join(f"V{y:.1f}H{s.right:.1f}" for s, y in zip(shots, heights, strict=True))
    yield _path(f"M{LEFT},{heights[0]:.1f}{steps}", CHOSEN, 2.5)


def _bytes_bars(shots: list[Shot]) -> Iterator[str]:
    highest = max(max(shot.bytes, shot.fixed_bytes) for shot in shots) / 1000
    panel = Panel(*BYTES_PANEL, 0, highest * 1.15)  # leaves room for labels
    ticks = range(0, math.ceil(panel.high), 10 ** int(math.log10(highest)))
    yield from panel.grid("Kilobytes of every shot (and the change against fixed)", "kB", ticks)
    for shot in shots:
        x, ours, theirs = shot.middle, panel.y(shot.bytes / 1000), panel.y(shot.fixed_bytes / 1000)
        yield _rect(x - BAR - 0.5, ours, BAR, panel.bottom - ours, CHOSEN)
        yield _rect(x + 0.5, theirs, BAR, panel.bottom - theirs, FIXED)
        change = f"{shot.bytes / shot.fixed_bytes - 1:+.0%}".replace("-", "\N{MINUS SIGN}")
        yield _text(x, min(ours, theirs) - 5, change, _label(INK))


def _time_axis(seconds: float) -> Iterator[str]:
    y = BYTES_PANEL[1]
    yield _path(f"M{LEFT},{y}H{RIGHT}", FAINT)
    for second in range(0, math.floor(seconds) + 1, max(1, round(seconds / 10))):
        x = LEFT + second / seconds * (RIGHT - LEFT)
        yield _path(f"M{x:.1f},{y}v5", FAINT)
        yield _text(x, y + 18, str(second), _label(FAINT))
    yield _text((LEFT + RIGHT) / 2, y + 36, "seconds", _label(FAINT))


def _label(colour: str, anchor: str = "middle") -> str:
    return f'font-size="11" text-anchor="{anchor}" fill="{colour}"'


def _path(path: str, colour: str, width: float = 1) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _rect(left: float, top: float, width: float, height: float, fill: str) -> str:
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{fill}"/>'


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{html.escape(text)}</text>'


if __name__ == "__main__":
    main()
