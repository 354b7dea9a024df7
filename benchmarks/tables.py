"""How measurements are shown: a table on the terminal, JSON in a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import av
import click

from rlcodec.version import __version__

Row = Mapping[str, object]


def report(name: str, rows: Sequence[Row], json_path: Path | None, **facts: object) -> None:
    """Print rows of one shape as a Markdown table; write them to a file with machine and facts."""
    click.echo("\n" + table(rows))
    if json_path is not None:
        document = {"benchmark": name, "machine": machine(), **facts, "rows": list(map(dict, rows))}
        json_path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Rows of one shape as a Markdown table."""
    columns = list(rows[0])
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    return "\n".join([head, *(f"| {' | '.join(str(row[c]) for c in columns)} |" for row in rows)])


def machine() -> dict[str, object]:
    """What the figures were measured on and with, and on which day."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "rlcodec": __version__,
        "av": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
    }


def _processor() -> str:
    """What Linux calls the processor; elsewhere its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
