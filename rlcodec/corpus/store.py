"""The store: one SQLite file that keeps what was measured, and so what need not be done again.

A source is known by the digest of its content. A picture is a source at one size and length; every
encode belongs to a picture and to what it was made with. One transaction holds one encode: what was
committed survives whatever ends a run, and several runs may write to one store.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.errors import StoreError
from rlcodec.settings import Settings

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x726C6364  # "rlcd": tells a store from any other SQLite file
_WAIT_S = 60.0
"""How long a writer waits for another one, which holds the file for some milliseconds at a time."""

_SCHEMA = """
CREATE TABLE source (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, family TEXT NOT NULL
) STRICT;
CREATE TABLE picture (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES source,
    scale TEXT NOT NULL, max_frames INTEGER NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, frames INTEGER NOT NULL, rate TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    UNIQUE (source, scale, max_frames)
) STRICT;
CREATE TABLE analysis (
    picture INTEGER NOT NULL REFERENCES picture, version INTEGER NOT NULL,
    measured BLOB NOT NULL, cuts BLOB NOT NULL,
    PRIMARY KEY (picture, version)
) STRICT;
CREATE TABLE encode (
    picture INTEGER NOT NULL REFERENCES picture,
    codec TEXT NOT NULL, preset TEXT NOT NULL, options TEXT NOT NULL, threads INTEGER NOT NULL,
    libraries TEXT NOT NULL, crf REAL NOT NULL, delay INTEGER NOT NULL,
    bytes BLOB NOT NULL, qp BLOB NOT NULL, psnr BLOB NOT NULL, ssim BLOB NOT NULL,
    reported_psnr BLOB NOT NULL, vmaf BLOB,
    PRIMARY KEY (picture, codec, preset, options, threads, libraries, crf)
) STRICT;
"""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a source is used: `scale` as it was asked for, and frames at most (0: all)."""

    scale: str
    max_frames: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an encode was made with, its CRF aside. `libraries` names the versions."""

    codec: str
    preset: str
    options: str
    threads: int
    libraries: str

    @classmethod
    def of(cls, settings: Settings, threads: int, libraries: str) -> Self:
        """The recipe of an encode by `settings`."""
        options = json.dumps(dict(sorted(settings.encoder_options.items())))
        return cls(settings.codec, settings.preset, options, threads, libraries)


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A source at one size: `group` names the sources that stay together in a split."""

    id: int
    name: str
    group: str
    digest: str
    cut: Cut
    width: int
    height: int
    frames: int
    rate: Fraction


@dataclass(frozen=True, slots=True)
class StoredEncode:
    """What was measured of one encode, one value for each frame in display order.

    `bytes` of the packets; `qp`; `psnr` in dB and `ssim`, of luma; `reported_psnr` in dB by the
    encoder; `vmaf` where it was measured; `delay` in frames.
    """

    crf: float
    delay: int
    bytes: NDArray[np.uint32]
    qp: Floats
    psnr: Floats
    ssim: Floats
    reported_psnr: Floats
    vmaf: Floats | None


class Store:
    """One open store. Every method is a transaction of its own."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open a store, or with `create` make one where there is no file.

        Raises:
            StoreError: there is no such file, it is no store, or one of another version.
        """
        self.path = path
        if not create and not path.is_file():
            raise StoreError(f"{path}: there is no such store; rlcodec corpus add makes one")
        with self._explained():
            # Transactions are begun and ended by `_transaction` alone
            self._database = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        try:
            with self._explained():
                self._database.execute("PRAGMA foreign_keys = ON")
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def group_of(self, digest: str) -> str | None:
        """The group of the source with this content, None where it is not in the store."""
        row = self._one("SELECT family FROM source WHERE digest = ?", digest)
        return None if row is None else str(row[0])

    def fingerprints(self, *, outside: str) -> list[tuple[str, str, Floats]]:
        """Name, group and fingerprint of every picture that is not of the group `outside`."""
        rows = self._all(
            "SELECT name, family, fingerprint FROM picture JOIN source ON source.id = source "
            "WHERE family <> ? ORDER BY picture.id",
            outside,
        )
        return [(str(name), str(group), _floats(blob)) for name, group, blob in rows]

    def picture(self, digest: str, cut: Cut) -> StoredPicture | None:
        """The picture of a source, None where it was not made yet."""
        found = self._pictures("digest = ? AND scale = ? AND max_frames = ?", digest, *_of(cut))
        return found[0] if found else None

    def pictures(self) -> list[StoredPicture]:
        """Every picture, in the order in which they came."""
        return self._pictures("TRUE")

    def add_picture(self, picture: StoredPicture, fingerprint: Floats) -> StoredPicture:
        """Keep a picture, and its source if that is new; it then has an id.

        One that is there already, say because another run was faster, stays as it is.
        """
        with self._transaction():
            self._database.execute(
                "INSERT OR IGNORE INTO source (digest, name, family) VALUES (?, ?, ?)",
                (picture.digest, picture.name, picture.group),
            )
            self._database.execute(
                "INSERT OR IGNORE INTO picture (source, scale, max_frames, width, height, frames,"
                " rate, fingerprint) VALUES ((SELECT id FROM source WHERE digest = ?),"
                " ?, ?, ?, ?, ?, ?, ?)",
                (
                    picture.digest,
                    *_of(picture.cut),
                    picture.width,
                    picture.height,
                    picture.frames,
                    str(picture.rate),
                    fingerprint.tobytes(),
                ),
            )
        kept = self.picture(picture.digest, picture.cut)
        assert kept is not None
        return kept

    def has_analysis(self, picture: int, version: int) -> bool:
        """Whether a picture has been analysed by this version of the state."""
        return self._analysis(picture, version) is not None

    def analysis(self, picture: int, version: int) -> tuple[Floats, NDArray[np.bool_]]:
        """What was measured (frames, inputs), and which frames begin a shot (frames,)."""
        row = self._analysis(picture, version)
        assert row is not None
        cuts = np.frombuffer(row[1], np.bool_)
        return _floats(row[0]).reshape(len(cuts), -1), cuts

    def add_analysis(
        self, picture: int, version: int, measured: Floats, cuts: NDArray[np.bool_]
    ) -> None:
        """Keep what was measured of a picture's frames."""
        with self._transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO analysis VALUES (?, ?, ?, ?)",
                (picture, version, measured.tobytes(), cuts.tobytes()),
            )

    def crfs(self, picture: int, recipe: Recipe, *, vmaf: bool = False) -> set[float]:
        """The CRFs at which a picture was encoded by `recipe`, with `vmaf` if that is wanted."""
        rows = self._all(
            "SELECT crf FROM encode WHERE picture = ? AND codec = ? AND preset = ? AND options = ? "
            "AND threads = ? AND libraries = ? AND (vmaf IS NOT NULL OR NOT ?)",
            picture,
            *_with(recipe),
            vmaf,
        )
        return {float(row[0]) for row in rows}

    def encodes(self, picture: int, recipe: Recipe) -> list[StoredEncode]:
        """The encodes of a picture by `recipe`, by rising CRF."""
        rows = self._all(
            "SELECT crf, delay, bytes, qp, psnr, ssim, reported_psnr, vmaf FROM encode "
            "WHERE picture = ? AND codec = ? AND preset = ? AND options = ? AND threads = ? "
            "AND libraries = ? ORDER BY crf",
            picture,
            *_with(recipe),
        )
        return [
            StoredEncode(
                crf=crf,
                delay=delay,
                bytes=np.frombuffer(sizes, np.uint32),
                qp=_floats(qp),
                psnr=_floats(psnr),
                ssim=_floats(ssim),
                reported_psnr=_floats(reported),
                vmaf=None if vmaf is None else _floats(vmaf),
            )
            for crf, delay, sizes, qp, psnr, ssim, reported, vmaf in rows
        ]

    def add_encode(self, picture: int, recipe: Recipe, encode: StoredEncode) -> None:
        """Keep an encode."""
        arrays = (encode.bytes, encode.qp, encode.psnr, encode.ssim, encode.reported_psnr)
        with self._transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO encode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    picture,
                    *_with(recipe),
                    encode.crf,
                    encode.delay,
                    *(array.tobytes() for array in arrays),
                    None if encode.vmaf is None else encode.vmaf.tobytes(),
                ),
            )

    def recipes(self) -> Mapping[Recipe, int]:
        """Every recipe that encodes were made with, and how many there are of each."""
        rows = self._all(
            "SELECT codec, preset, options, threads, libraries, count(*) FROM encode "
            "GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4, 5"
        )
        return {Recipe(*row[:-1]): row[-1] for row in rows}

    def _pictures(self, where: str, *values: object) -> list[StoredPicture]:
        rows = self._all(
            "SELECT picture.id, name, family, digest, scale, max_frames, width, height, frames,"  # noqa: S608 # the conditions are this module's own
            f" rate FROM picture JOIN source ON source.id = source WHERE {where} ORDER BY 1",
            *values,
        )
        return [
            StoredPicture(
                row[0],
                row[1],
                row[2],
                row[3],
                Cut(row[4], row[5]),
                row[6],
                row[7],
                row[8],
                Fraction(row[9]),
            )
            for row in rows
        ]

    def _analysis(self, picture: int, version: int) -> tuple[bytes, bytes] | None:
        row = self._one(
            "SELECT measured, cuts FROM analysis WHERE picture = ? AND version = ?",
            picture,
            version,
        )
        return None if row is None else (row[0], row[1])

    def _prepare(self) -> None:
        """See that the file is a store of this version; an empty one becomes one."""
        if self._is_empty():
            with self._transaction():
                # Another run may have been faster
                if self._is_empty():
                    for statement in _SCHEMA.split(";"):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != _APPLICATION_ID:
            raise StoreError(
                f"{self.path}: is a database, but none of rlcodec's; name another file"
            )
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: is a store of version {version}, and this rlcodec reads version "
                f"{SCHEMA_VERSION}; begin a new store, or use the rlcodec that wrote it"
            )

    def _is_empty(self) -> bool:
        ((tables,),) = self._database.execute("SELECT count(*) FROM sqlite_master")
        return not (tables or self._pragma("application_id") or self._pragma("user_version"))

    def _pragma(self, name: str) -> int:
        ((value,),) = self._database.execute(f"PRAGMA {name}")
        return int(value)

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._all(query, *values)
        return rows[0] if rows else None

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_explanation(error)}") from error


def _explanation(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return "no space is left on the disk; what was kept is safe: make room and run it again"
    if code == "SQLITE_NOTADB":
        return "is no store; name another file"
    if code == "SQLITE_BUSY":
        return f"another program has held it for {_WAIT_S:g} s; run it again"
    return f"the store cannot be used: {error}"


def _floats(blob: object) -> Floats:
    assert isinstance(blob, bytes)
    return np.frombuffer(blob, np.float32)


def _of(cut: Cut) -> tuple[str, int]:
    return cut.scale, cut.max_frames


def _with(recipe: Recipe) -> tuple[str, str, str, int, str]:
    return recipe.codec, recipe.preset, recipe.options, recipe.threads, recipe.libraries
