"""A file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from rlcodec.errors import OutputError, OutputExistsError

# Hidden files that this process has made and neither published nor discarded yet
_PENDING: set[Path] = set()


def discard_pending() -> None:
    """Remove every unfinished file of this process: for those who end it at once."""
    for path in tuple(_PENDING):
        path.unlink(missing_ok=True)


class PendingFile:
    """A hidden file beside `target` that takes its name once it is complete.

    The name on disk never holds anything but the old file or the whole new one.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        """Create the hidden file.

        Raises:
            OutputExistsError: `target` exists and `overwrite` is False.
            OutputError: its folder cannot be written, or it is no regular file.
        """
        self.target = Path(os.path.realpath(target))
        self.label = target
        self._overwrite = overwrite
        try:
            mode = self.target.stat().st_mode
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"{target}: cannot be written: {error.strerror}") from error
        else:
            if not stat.S_ISREG(mode):
                raise OutputError(f"{target}: is not a regular file; choose another name")
            if not overwrite:
                raise self._taken()
        # A name may have 255 bytes, and a character four of them
        self.path = self.target.with_name(f".{self.target.stem[:40]}.{secrets.token_hex(4)}.part")
        _PENDING.add(self.path)
        try:
            # Exclusive, and with the permissions that the finished file shall have
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            _PENDING.discard(self.path)
            raise OutputError(f"{target}: cannot be written: {error.strerror}") from error

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
            raise OutputError(f"{self.label}: cannot be written: {error.strerror}") from error
        # The file has its name by now; some network file systems cannot sync a folder
        with suppress(OSError):
            _sync(self.target.parent)

    def discard(self) -> None:
        """Remove what is there of the file; harmless once it is published."""
        self.path.unlink(missing_ok=True)
        _PENDING.discard(self.path)

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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
