"""What is known of one frame: a row of numbers, each with a name and a fixed place."""

from __future__ import annotations

FEATURES = ("flat_share", "spatial", "temporal", "detail", "grain")
"""Of the picture, as `features` measures them."""
READINGS = ("bpp", "psnr")
"""Of the probe, a tiny encode beside the real one: bits per pixel, and PSNR of luma in dB."""

FRAME_INPUTS: tuple[str, ...] = (*FEATURES, *(f"probe_{reading}" for reading in READINGS))
"""The columns measured for every frame."""
COLUMN = {name: place for place, name in enumerate(FRAME_INPUTS)}
"""The place of each."""
