"""A file that appears whole or not at all, and that one run at a time writes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from rlcodec.errors import OutputError, OutputExistsError

# Hidden files that this process has made and neither published nor discarded yet
_PENDING: set[Path] = set()

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file grew beyond what a file may have here; see ulimit -f, or write to "
    "another disk",
    errno.EROFS: "the disk is read-only; write to another folder",
    errno.EACCES: "its folder may not be written; check its permissions, or write to another one",
    errno.EPERM: "its folder may not be written; check its permissions, or write to another one",
    errno.ENOENT: "its folder does not exist; make it first",
    errno.ENOTDIR: "what should be its folder is a file; write to another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk fails; write to another one",
}


def refusal(label: str | Path, number: int | None, reason: str | None) -> OutputError:
    """What to raise where the system refuses to write: the cause, and what can be done.

    `number` and `reason` are the `errno` and the `strerror` of the system's error, or of FFmpeg's.
    """
    return OutputError(f"{label}: cannot be written: {_ADVICE.get(number or 0, reason)}")


def discard_pending() -> None:
    """Remove every unfinished file of this process: for those who end it at once."""
    for path in tuple(_PENDING):
        path.unlink(missing_ok=True)


def write_whole(target: str | Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file that is made of `data` and nothing else, whole or not at all.

    Raises:
        OutputExistsError: `target` exists and `overwrite` is False.
        OutputError: it cannot be written.
    """
    pending = PendingFile(Path(target), overwrite=overwrite)
    try:
        pending.fill(data)
    finally:
        pending.discard()


class PendingFile:
    """A hidden file beside `target` that takes its name once it is complete.

    The name on disk never holds anything but the old file or the whole new one. A second run that
    wants to write `target` meanwhile is refused, whether it may overwrite or not, before it has
    done any work. Where the file system cannot tell (some network ones have no locks), both run:
    the first one to finish gets the name, or the last one where both may overwrite.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        """Create the hidden file.

        Raises:
            OutputExistsError: `target` exists and `overwrite` is False.
            OutputError: its folder cannot be written, it is no regular file, or another run is
                writing it.
        """
        self.target = Path(os.path.realpath(target))
        self.label = target
        self._overwrite = overwrite
        self._check_target()
        self._claim = _Claim(self.target, target)
        try:
            # Once more: whoever held the claim a moment ago has finished
            self._check_target()
            self.path = self._create()
        except BaseException:
            self._claim.release()
            raise

    def fill(self, data: bytes) -> None:
        """Write `data`, all that the file shall hold, and publish it.

        Raises:
            OutputError: as `publish` does, or the data cannot be written.
        """
        try:
            self.path.write_bytes(data)
        except OSError as error:
            raise refusal(self.label, error.errno, error.strerror) from error
        self.publish()

    def publish(self) -> None:
        """Flush the file to disk and give it its name.

        Raises:
            OutputExistsError: another file took the name meanwhile.
            OutputError: the disk refused.
        """
        try:
            _sync(self.path)
            if self._overwrite:
                self.path.replace(self.target)
            else:
                self._link_or_rename()
        except FileExistsError as error:
            raise self._taken() from error
        except OSError as error:
            raise refusal(self.label, error.errno, error.strerror) from error
        # The file has its name by now; some network file systems cannot sync a folder
        with suppress(OSError):
            _sync(self.target.parent)

    def discard(self) -> None:
        """Remove what is there of the file; harmless once it is published."""
        self.path.unlink(missing_ok=True)
        _PENDING.discard(self.path)
        self._claim.release()

    def _check_target(self) -> None:
        try:
            mode = self.target.stat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise refusal(self.label, error.errno, error.strerror) from error
        if not stat.S_ISREG(mode):
            raise OutputError(f"{self.label}: is not a regular file; choose another name")
        if not self._overwrite:
            raise self._taken()

    def _create(self) -> Path:
        path = _hidden(self.target, secrets.token_hex(4), "part")
        _PENDING.add(path)
        try:
            # Exclusive, and with the permissions that the finished file shall have
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            _PENDING.discard(path)
            raise refusal(self.label, error.errno, error.strerror) from error
        return path

    def _link_or_rename(self) -> None:
        # A link fails where the name is taken; a rename would replace what another run put there
        try:
            os.link(self.path, self.target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if self.target.exists():
                raise FileExistsError from None
            self.path.replace(self.target)
        else:
            self.path.unlink()

    def _taken(self) -> OutputExistsError:
        return OutputExistsError(f"{self.label}: exists already; give -y to replace it")


class _Claim:
    """A hidden file beside `target` that is locked for as long as this process writes `target`.

    The lock ends with the process, however that ends: a file left behind claims nothing. The
    claim only saves a second run its work. That no file is ever mixed or lost is due to the names
    of the pending files and to how they are published, and so a claim that cannot be made is done
    without.
    """

    def __init__(self, target: Path, label: Path) -> None:
        """Make the claim.

        Raises:
            OutputError: another run holds it.
        """
        # By the whole name, of which the readable part has only the beginning
        digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
        self._path = _hidden(target, digest, "lock")
        self._descriptor: int | None = None
        try:
            while self._descriptor is None:
                self._descriptor = self._lock()
        except BlockingIOError as error:
            raise OutputError(
                f"{label}: another run is writing it; wait for it, or choose another name"
            ) from error
        except OSError:  # no locks here, or no writing, which the pending file says better
            return
        _PENDING.add(self._path)

    def release(self) -> None:
        """Give the claim up; harmless if it was given up before."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            _PENDING.discard(self._path)
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self) -> int | None:
        """The descriptor of the locked file; None where it was removed before it was locked."""
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            self._path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _hidden(target: Path, mark: str, suffix: str) -> Path:
    """A hidden name beside `target`."""
    # A name may have 255 bytes, and a character four of them
    return target.with_name(f".{target.stem[:40]}.{mark}.{suffix}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
