"""What is known of one frame: a row of numbers, each with a name and a fixed place."""

from __future__ import annotations

FEATURES = (
    "luma_mean",
    "luma_std",
    "dark_share",
    "flat_share",
    "spatial",
    "temporal",
    "detail",
    "grain",
)
"""Of the picture, as `features` measures them."""
PROBES = ("probe", "fine")
"""Tiny encodes beside the real one, as `media.probe` runs them."""
READINGS = ("bpp", "qp", "psnr")
"""Of each probe: bits per pixel, mean QP, and PSNR of luma in dB."""

FRAME_INPUTS: tuple[str, ...] = (
    *FEATURES,
    *(f"{probe}_{reading}" for probe in PROBES for reading in READINGS),
)
"""The columns measured for every frame."""
COLUMN = {name: place for place, name in enumerate(FRAME_INPUTS)}
"""The place of each."""
