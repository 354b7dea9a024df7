"""Chains of FFmpeg's filters."""

from __future__ import annotations

from fractions import Fraction

import av
from av.filter import Graph


def chain(
    width: int,
    height: int,
    pix_fmt: str,
    time_base: Fraction,
    *filters: tuple[str, str | None],
    threads: int = 1,
) -> Graph:
    """A graph that takes frames of this shape through `filters`, given as names and arguments.

    It keeps `threads` threads for as long as it lives; 0 stands for one for each core.
    """
    graph = Graph()
    graph.threads = threads
    nodes = [
        graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(pix_fmt), time_base=time_base
        )
    ]
    nodes += [graph.add(name, arguments) for name, arguments in filters]
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    return graph
