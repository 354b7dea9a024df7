"""All measurements that the README tells of, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

NAMES = (
    *("startup", "decisions", "sample", "memory", "grid", "scaling", "shots", "overhead"),
    "policies-titles",
)
_ALONE = ("startup", "decisions", "sample")
"""Those that need no videos."""


@click.command(name="all")
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where all is kept.")
@click.option(
    "--only", multiple=True, type=click.Choice(NAMES), metavar="NAME", help=", ".join(NAMES)
)
@click.option("--again", is_flag=True, help="Measure what is there already, too.")
@click.option(
    "--held-out",
    type=click.Path(exists=True, path_type=Path),
    help="Groups or paths of the manifest, one per line: measure policies on these alone.",
)
def everything(
    corpus: Path, *, out: Path, only: tuple[str, ...], again: bool, held_out: Path | None
) -> None:
    """Run all measurements on CORPUS, a folder of videos with a manifest.csv.

    Each keeps its figures in the folder --out, and `readme` writes them into the README. Policies
    are measured on edited titles alone: reels, single shots and the optimum take hours. What
    `policies CORPUS --out OUT/policies-reels --set reels` finds is written into the README too.
    """
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in only or NAMES:
        target, arguments = _measurement(name, corpus, out, held_out)
        if target.exists() and not again:
            click.echo(f"{name}: is there", err=True)
            continue
        click.echo(f"\n{name}", err=True)
        command = [sys.executable, "-m", "benchmarks", *arguments]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 # our own commands
            failed.append(name)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


def _measurement(
    name: str, corpus: Path, out: Path, held_out: Path | None
) -> tuple[Path, list[str]]:
    """Where a measurement is kept, and the arguments that make it."""
    if name == "policies-titles":
        folder = out / name
        chosen = ["--set", "titles", "--policy", "balanced", "--no-optimum"]
        unseen = [] if held_out is None else ["--held-out", str(held_out)]
        arguments = ["policies", str(corpus), "--out", str(folder), *chosen, *unseen]
        return folder / "results.json", arguments
    target = out / f"{name}.json"
    videos = [] if name in _ALONE else [str(corpus)]
    return target, [name, *videos, "--json", str(target)]
