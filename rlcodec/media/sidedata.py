"""What a decoder attaches to a frame beside its pixels."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction

import av
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType

from rlcodec.media.graphs import chain

# Kinds that FFmpeg has added since PyAV listed them, which fails on a frame that has one
_UNLISTED = range(len(SideDataType), len(SideDataType) + 8)


def side_data(frame: av.VideoFrame) -> dict[SideDataType, bytes]:
    """The side data of a decoded frame, by kind; kinds that PyAV does not know are left out."""
    # Not `frame.side_data`: frame and container then hold each other, and frames with all their
    # pixels pile up until Python looks for such circles
    try:
        attached = SideDataContainer(frame)  # type: ignore[call-arg] # left out of the stubs
    except ValueError:
        attached = SideDataContainer(_listed_only(frame))  # type: ignore[call-arg]
    # Asked for kind by kind: iterating gives the data in PyAV 18 and the kinds in 19
    return {kind: bytes(attached[kind]) for kind in SideDataType if kind in attached}


def _listed_only(frame: av.VideoFrame) -> av.VideoFrame:
    time_base = Fraction(frame.time_base or 1)
    deletions = [("sidedata", f"mode=delete:type={kind}") for kind in _UNLISTED]
    graph = chain(frame.width, frame.height, frame.format.name, time_base, *deletions)
    graph.vpush(frame)
    return graph.vpull()


def display_axes(attached: Mapping[SideDataType, bytes]) -> tuple[int, int, int, int]:
    """Signs of a, b, c, d of a display matrix (libavutil/display.h), 1, 0, 0, 1 if none."""
    matrix = attached.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return 1, 0, 0, 1
    values = struct.unpack("<9i", matrix)
    a, b, c, d = (values[i] for i in (0, 1, 3, 4))
    largest = max(map(abs, (a, b, c, d))) or 1
    signs = [(round(value / largest)) for value in (a, b, c, d)]
    return signs[0], signs[1], signs[2], signs[3]
