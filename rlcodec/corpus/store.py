"""The store: one SQLite file that keeps what was measured, and so what need not be done again.

A source is known by the digest of its content. A picture is a source at one size and length; every
encode belongs to a picture and to what it was made with. One transaction holds one encode: what was
committed survives whatever ends a run, and several runs may write to one store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.corpus.database import Database
from rlcodec.settings import Settings

SCHEMA_VERSION = 1

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

    @property
    def encoder_options(self) -> dict[str, str]:
        """The `options`, which are kept as JSON."""
        return dict(json.loads(self.options))


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
class Seen:
    """What a picture, given by its id, shows: tiny pictures, one after the other."""

    picture: int
    name: str
    group: str
    digest: str
    fingerprint: Floats


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
        self._database = Database(path, _SCHEMA, SCHEMA_VERSION, create=create)

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
        row = self._database.one("SELECT family FROM source WHERE digest = ?", digest)
        return None if row is None else str(row[0])

    def fingerprints(self, *, after: int) -> list[Seen]:
        """What every picture that came after the one with this id shows, in that order."""
        rows = self._database.all(
            "SELECT picture.id, name, family, digest, fingerprint FROM picture "
            "JOIN source ON source.id = source WHERE picture.id > ? ORDER BY 1",
            after,
        )
        return [
            Seen(number, name, group, digest, _floats(blob))
            for number, name, group, digest, blob in rows
        ]

    def picture(self, digest: str, cut: Cut) -> StoredPicture | None:
        """The picture of a source, None where it was not made yet."""
        found = self._pictures("digest = ? AND scale = ? AND max_frames = ?", digest, *_of(cut))
        return found[0] if found else None

    def pictures(self) -> list[StoredPicture]:
        """Every picture, in the order in which they came."""
        return self._pictures("TRUE")

    def add_picture(
        self, picture: StoredPicture, fingerprint: Floats, *, compared: int
    ) -> StoredPicture | None:
        """Keep a picture, and its source if that is new; it then has an id.

        One that is there already, since another run was faster, stays as it is. Nothing is kept,
        and None returned, if there are pictures that came after the one with the id `compared`.
        """
        with self._database.transaction():
            if self._database.one("SELECT 1 FROM picture WHERE id > ?", compared):
                return None
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
        return self.picture(picture.digest, picture.cut)

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
        with self._database.transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO analysis VALUES (?, ?, ?, ?)",
                (picture, version, measured.tobytes(), cuts.tobytes()),
            )

    def crfs(self, picture: int, recipe: Recipe, *, vmaf: bool = False) -> set[float]:
        """The CRFs at which a picture was encoded by `recipe`, with `vmaf` if that is wanted."""
        rows = self._database.all(
            "SELECT crf FROM encode WHERE picture = ? AND codec = ? AND preset = ? AND options = ? "
            "AND threads = ? AND libraries = ? AND (vmaf IS NOT NULL OR NOT ?)",
            picture,
            *_with(recipe),
            vmaf,
        )
        return {float(row[0]) for row in rows}

    def encodes(self, picture: int, recipe: Recipe) -> list[StoredEncode]:
        """The encodes of a picture by `recipe`, by rising CRF."""
        rows = self._database.all(
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
        with self._database.transaction():
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
        rows = self._database.all(
            "SELECT codec, preset, options, threads, libraries, count(*) FROM encode "
            "GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4, 5"
        )
        return {Recipe(*row[:-1]): row[-1] for row in rows}

    def grid(self, recipe: Recipe) -> dict[float, int]:
        """How many pictures were encoded by `recipe` at every CRF."""
        rows = self._database.all(
            "SELECT crf, count(*) FROM encode WHERE codec = ? AND preset = ? AND options = ? "
            "AND threads = ? AND libraries = ? GROUP BY 1 ORDER BY 1",
            *_with(recipe),
        )
        return dict(rows)

    def _pictures(self, where: str, *values: object) -> list[StoredPicture]:
        rows = self._database.all(
            "SELECT picture.id, name, family, digest, scale, max_frames, width, height, frames,"  # noqa: S608 # the conditions are this module's own
            f" rate FROM picture JOIN source ON source.id = source WHERE {where} ORDER BY 1",
            *values,
        )
        return [
            StoredPicture(
                number, name, group, digest, Cut(scale, most), width, height, frames, rate
            )
            for number, name, group, digest, scale, most, width, height, frames, rate in (
                (*row[:-1], Fraction(row[-1])) for row in rows
            )
        ]

    def _analysis(self, picture: int, version: int) -> tuple[bytes, bytes] | None:
        row = self._database.one(
            "SELECT measured, cuts FROM analysis WHERE picture = ? AND version = ?",
            picture,
            version,
        )
        return None if row is None else (row[0], row[1])


def _floats(blob: object) -> Floats:
    assert isinstance(blob, bytes)
    return np.frombuffer(blob, np.float32)


def _of(cut: Cut) -> tuple[str, int]:
    return cut.scale, cut.max_frames


def _with(recipe: Recipe) -> tuple[str, str, str, int, str]:
    return recipe.codec, recipe.preset, recipe.options, recipe.threads, recipe.libraries
