"""Numbers with their units, as people read them."""

from __future__ import annotations


def size(count: float) -> str:
    """A number of bytes, in decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.2f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
