"""Fingerprints of videos: tiny pictures that survive scaling and compression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rlcodec.media.graphs import chain
from rlcodec.media.luma import as_array
from rlcodec.media.reference import Reference

WIDTH, HEIGHT = 32, 18
INTERVAL = 4
"""Every this many frames one is taken."""


def fingerprint(reference: Reference) -> NDArray[np.float32]:
    """Luma of some frames, (taken frames, WIDTH * HEIGHT), in 8-bit levels."""
    picture = reference.picture
    shape = (picture.width, picture.height, picture.pix_fmt, picture.time_base)
    shrink = chain(*shape, ("scale", f"{WIDTH}:{HEIGHT}:flags=area"), ("format", "gray"))
    taken = []
    for number, frame in enumerate(reference):
        if number % INTERVAL == 0:
            shrink.vpush(frame)
            taken.append(as_array(shrink.vpull()).astype(np.float32).ravel())
    return np.stack(taken)
