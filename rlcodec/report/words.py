"""Numbers with their units, and text that HTML takes for text."""

from __future__ import annotations

from html import escape

from rlcodec import units

_MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NO-BREAK SPACE}"
METRIC_NAMES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "xpsnr": "XPSNR",
    "vmaf": "VMAF",
    "psnr_y": "PSNR",
    "ssim_y": "SSIM",
    "xpsnr_y": "XPSNR",
}
"""What readers call the metrics, by what results call them."""


def text(value: object) -> str:
    """Text for HTML, inside elements and quoted attributes.

    Control characters, and the bytes of file names that are no UTF-8, become visible.
    """
    shown = "".join(
        each if each.isprintable() or each == _SPACE else each.encode("unicode_escape").decode()
        for each in str(value)
    )
    return escape(shown)


def size(count: float) -> str:
    """A number of bytes, in decimal units."""
    return units.size(count).replace(" ", _SPACE)


def rate(bits_per_second: float) -> str:
    """A bit rate, in decimal units."""
    if bits_per_second < 1e6:
        return f"{bits_per_second / 1e3:.0f}{_SPACE}kbit/s"
    return f"{bits_per_second / 1e6:.2f}{_SPACE}Mbit/s"


def clock(seconds: float) -> str:
    """A place in a video: minutes and seconds to a tenth, with hours where there are any."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest / 10:04.1f}"
    return f"{minutes}:{rest / 10:04.1f}"


def change(percent: float, digits: int = 2) -> str:
    """A change in percent, with its sign."""
    return signed(percent, digits) + f"{_SPACE}%"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign."""
    rounded = f"{value:+.{digits}f}"
    if float(rounded) == 0:
        return f"{0:.{digits}f}"
    return minus(rounded)


def score(metric: str, value: float) -> str:
    """A score of a metric, with its unit where it has one."""
    if metric.startswith("ssim"):
        return f"{value:.4f}"
    return f"{value:.2f}" if metric == "vmaf" else f"{value:.2f}{_SPACE}dB"


def number(value: float) -> str:
    """A number as short as it can be told: 23, 23.5."""
    return minus(f"{round(value, 2):g}")


def minus(figures: str) -> str:
    """A written number with the sign that is as wide as a plus."""
    return figures.replace("-", _MINUS)


def count(amount: int, what: str) -> str:
    """A number of things: `1 shot`, `2 shots`."""
    return f"{amount:,} {what}{'' if amount == 1 else 's'}"
