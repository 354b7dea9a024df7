"""How fast a corpus is measured, by how many encodes run side by side."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

import click

from benchmarks.processes import RLCODEC, Cost, run
from benchmarks.reels import draw
from benchmarks.tables import report
from rlcodec.corpus.info import corpus_info


@click.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--count", default=8, show_default=True, help="How many clips are drawn.")
@click.option("--frames", default=40, show_default=True, help="How many frames of each.")
@click.option("--runs", default=3, show_default=True)
@click.option("--jobs", "most", default=os.cpu_count() or 1, help="The most; all cores by default.")
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def scaling(
    clips: Path, *, count: int, frames: int, runs: int, most: int, json_path: Path | None
) -> None:
    """Time `rlcodec corpus add` on clips from the folder CLIPS, at 640x360."""
    add = [*map(str, draw(clips, count, 1)), "--scale", "640x360", "--max-frames", str(frames)]
    costs: dict[int, list[Cost]] = {jobs: [] for jobs in steps(most)}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            for jobs, some in costs.items():
                store = Path(folder, f"{number}-{jobs}.db")
                some.append(run([RLCODEC, "corpus", "add", str(store), *add, "--jobs", str(jobs)]))
        info = corpus_info(store)
    (grid,) = info.recipes.values()
    encoded = len(grid) * sum(picture.frames for picture in info.pictures)
    walls = {jobs: statistics.median(cost.wall for cost in some) for jobs, some in costs.items()}
    rows = [
        {
            "jobs": jobs,
            "wall, s": round(wall, 1),
            "encoded frames/s": round(encoded / wall, 1),
            "of one job": round(walls[1] / wall, 2),
        }
        for jobs, wall in walls.items()
    ]
    facts = {"clips": len(info.pictures), "encodes": sum(grid.values()), "runs": runs}
    report("scaling", rows, json_path, **facts, encoded_frames=encoded)


def steps(most: int) -> list[int]:
    """1, 2, 4 and so on, and `most`."""
    return sorted({*(2**power for power in range(most.bit_length())), most})
