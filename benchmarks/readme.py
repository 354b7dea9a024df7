"""The README's figures: written into it from the files that measurements keep, never by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.chart import draw_chart
from benchmarks.paragraphs import PARAGRAPHS, Document
from benchmarks.policy_paragraphs import PICTURE, of_policies, picture, summaries_of

README = Path(__file__).parents[1] / "README.md"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--readme",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=README,
    help="Which to write, if not that of this checkout; pictures go into docs/ beside it.",
)
def readme(folder: Path, path: Path) -> None:
    """Write what is in FOLDER, where `all` keeps it, into the README.

    Every measurement has its place between two comments there. A place stays as it is where FOLDER
    has nothing for it. Results of `policies` may lie in several folders, FOLDER/policies*.
    """
    found = {
        name: paragraph(_read(folder / f"{name}.json"))
        for name, paragraph in PARAGRAPHS.items()
        if (folder / f"{name}.json").exists()
    }
    results = [_read(each) for each in sorted(folder.glob("policies*/results.json"))]
    for document in results:
        for name, paragraph in of_policies(document).items():
            if name in found:
                raise click.UsageError(f"{folder}: more than one of its folders has {name}")
            found[name] = paragraph
    if results:
        summaries = summaries_of(results)
        found[PICTURE] = picture(summaries)
        target = path.parent / "docs" / "policies.png"
        target.parent.mkdir(exist_ok=True)
        draw_chart(summaries, target)
    path.write_text(filled(path.read_text(encoding="utf-8"), found), encoding="utf-8")
    click.echo(f"{path}: {', '.join(found) or 'nothing'} written")


def filled(text: str, paragraphs: Mapping[str, str]) -> str:
    """`text` with `paragraphs` in their places.

    Raises:
        click.UsageError: there is not exactly one place for a paragraph.
    """
    for name, paragraph in paragraphs.items():
        pieces = re.split(
            rf"(?<=<!-- measured: {name} -->\n)(?:(?!<!--).)*(?=<!-- end -->)",
            text,
            flags=re.DOTALL,
        )
        if len(pieces) != 2:
            raise click.UsageError(
                f"the README has {len(pieces) - 1} places for {name}: it needs one, between "
                f"<!-- measured: {name} --> and <!-- end -->"
            )
        text = f"{paragraph}\n".join(pieces)
    return text


def _read(path: Path) -> Document:
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document
