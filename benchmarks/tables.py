"""How measurements are shown: a table on the terminal, JSON in a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import click

from rlcodec.version import __version__

Row = Mapping[str, object]


def report(name: str, rows: Sequence[Row], json_path: Path | None) -> None:
    """Print rows of one shape as a Markdown table, and write them with the machine to a file."""
    columns = list(rows[0])
    click.echo(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        click.echo(f"| {' | '.join(str(row[column]) for column in columns)} |")
    if json_path is not None:
        document = {"benchmark": name, "machine": machine(), "rows": [dict(row) for row in rows]}
        json_path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, object]:
    """What the figures were measured on and with."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "rlcodec": __version__,
        "av": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
    }
