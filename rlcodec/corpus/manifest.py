"""Which videos go into a store: named one by one, or by a manifest."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlcodec.errors import InputError, SettingsError

Scale = tuple[int, int] | int | None
"""Width and height to be filled, a short side to shrink to, or the size as it is; in pixels."""

_SIDES = range(16, 16385)


@dataclass(frozen=True, slots=True)
class Entry:
    """One video, the group of sources that it belongs to, and the size it is used at.

    `name` is what its maker calls it, where `path` says where it lies on this machine.
    """

    path: Path
    name: str
    group: str
    scale: Scale

    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal.

        Raises:
            InputError: it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from error


def entries(paths: Sequence[Path], scale: Scale) -> list[Entry]:
    """What `paths` name: videos, and manifests.

    A manifest is a CSV file with a column `path`, relative to its own folder, and where wanted
    `group` (sources that belong to one family) and `scale` (instead of `scale`). A video that is
    not said to be of a group is one of its own, which has the name of the file.

    Raises:
        SettingsError: a manifest cannot be read, or a video is named twice with different groups.
    """
    found: dict[Entry, None] = {}
    groups: dict[Path, str] = {}
    for path in paths:
        is_manifest = path.suffix.lower() == ".csv"
        for entry in (
            _read(path, scale) if is_manifest else [Entry(path, path.name, path.stem, scale)]
        ):
            group = groups.setdefault(entry.path.absolute(), entry.group)
            if group != entry.group:
                raise SettingsError(
                    f"{entry.path}: is named with two groups, {group!r} and {entry.group!r}; "
                    "give it one"
                )
            found[entry] = None
    return list(found)


def parse_scale(text: str) -> Scale:
    """Read `640x360` or `360`: a size to be filled, or a short side; empty keeps the size.

    Raises:
        SettingsError: the text has another form, or a side is too small, too large or odd.
    """
    match = re.fullmatch(r"(?:(\d{1,5})x)?(\d{1,5})", text.strip())
    if not text.strip():
        return None
    sides = [int(side) for side in match.groups() if side] if match else []
    if not sides or any(side not in _SIDES or side % 2 for side in sides):
        raise SettingsError(
            f"scale is {text!r}: give a size to be filled like 640x360, or a short side like 360, "
            f"of even numbers from {_SIDES[0]} to {_SIDES[-1]}"
        )
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


def show_scale(scale: Scale) -> str:
    """The text that `parse_scale` reads."""
    return "x".join(map(str, scale)) if isinstance(scale, tuple) else str(scale or "")


def _read(manifest: Path, scale: Scale) -> list[Entry]:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise SettingsError(f"{manifest}: cannot be read as a manifest: {error}") from error
    found = []
    for number, row in enumerate(rows, start=1):
        path = row.get("path")
        if not path:
            raise SettingsError(
                f"{manifest}: row {number} names no video; a manifest needs a column `path`"
            )
        try:
            own = parse_scale(row.get("scale") or "")
        except SettingsError as error:
            raise SettingsError(f"{manifest}: row {number}: {error}") from error
        group = row.get("group") or Path(path).stem
        found.append(Entry(manifest.parent / path, path, group, own or scale))
    return found
