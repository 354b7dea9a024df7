"""What the structure of a file says of it: that its end is missing, or a piece in the middle."""

from __future__ import annotations

import struct
import sys
from io import FileIO
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
# Elements of Matroska's first two levels: the header, the segment and what stands in it
_ELEMENTS = {
    *(0x1A45DFA3, _SEGMENT, 0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B),
    *(0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF),
}
_IN_CLUSTERS = {0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0x5854}
_BOXES = {
    *(b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"emsg"),
    *(b"free", b"skip", b"wide", b"uuid", b"meta", b"pnot", b"PICT", b"udta"),
}
_OGG_PAGE = 65307  # bytes at most
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))
"""Bytes of a packet of a transport stream, and where its first byte of synchronisation stands."""


def missing_end(path: Path) -> str | None:
    """How much of a file is there, in words, where that is less than its structure declares.

    Known are Matroska, MP4 and its kin, AVI, Ogg, and transport streams that begin with a whole
    packet. What stands behind the last thing known does not count: junk there is no fault.
    """
    size = path.stat().st_size
    whole, declared = _measure(path, size) or (size, size)
    if whole >= declared:
        return None
    return f"only the first {whole:,} of at least {declared:,} bytes are there"


def _measure(path: Path, size: int) -> tuple[int, int] | None:
    """Bytes that are whole, from the beginning on, and bytes that there should be."""
    with path.open("rb") as file:
        head = _at(file, 0, 5 * 204)
        if head.startswith(_EBML):
            return _elements(file, size)
        if head[4:8] in _BOXES:
            return size, _end_of_boxes(file, size)
        if head.startswith(b"RIFF"):
            return size, _end_of_chunks(file, size)
        if head.startswith(b"OggS"):
            return size, _end_of_pages(file, size)
        for length, offset in _TS_PACKETS:
            if len(head) > 4 * length and set(head[offset : 5 * length : length]) == {0x47}:
                return size, -(-size // length) * length
    return None


def _at(file: BinaryIO | FileIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


class Blocks:
    """The elements of a Matroska file, followed from block to block as far as it was read.

    Where a block makes no sense FFmpeg goes on at the next cluster, and says nothing.
    """

    def __init__(self, path: Path) -> None:
        """Follow the file at `path`; of other formats nothing is ever said."""
        self._file = path.open("rb", buffering=0)
        self._at = 0 if self._file.read(4) == _EBML else sys.maxsize
        self._segment_end = sys.maxsize

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def are_whole(self, until: int | None) -> bool:
        """Whether elements follow each other without a gap to a position; None is their end."""
        if until is None:
            until = self._segment_end - 1 if self._segment_end < sys.maxsize else -1
        while self._at <= until:
            element = _element(self._file, self._at)
            if element is None:
                return self._at >= self._segment_end
            number, start, end = element
            is_further = number > 2**24 and end is not None and end <= self._segment_end
            if number not in _ELEMENTS | _IN_CLUSTERS and not is_further:
                return self._at >= self._segment_end
            if number == _SEGMENT and end is not None:
                self._segment_end = end
            self._at = start if end is None or number in {_SEGMENT, _CLUSTER} else end
        return True


def _element(file: BinaryIO | FileIO, at: int) -> tuple[int, int, int | None] | None:
    """Number of an element (RFC 8794), and where its content begins and ends; None at nonsense.

    The end is None where the element does not say it.
    """
    head = _at(file, at, 12)
    id_bytes = 9 - head[0].bit_length() if head else 12
    count = 9 - head[id_bytes].bit_length() if len(head) > id_bytes else 9
    if count > 8:
        return None
    unknown = (1 << 7 * count) - 1
    length = int.from_bytes(head[id_bytes : id_bytes + count]) & unknown
    start = at + id_bytes + count
    return int.from_bytes(head[:id_bytes]), start, None if length == unknown else start + length


def _elements(file: BinaryIO, size: int) -> tuple[int, int]:
    """Go from element to element, and through the segment from cluster to cluster."""
    at, segment_end = 0, 0
    while at < size:
        element = _element(file, at)
        if element is None:
            break
        number, start, end = element
        # Matroska may get further elements; what stands behind the segment is junk
        is_further = number > 2**24 and end is not None and end <= min(size, segment_end)
        if number not in _ELEMENTS and not is_further:
            break
        if number == _SEGMENT:
            at, segment_end = start, end or 0
        elif end is None:
            return size, segment_end  # a live cluster, whose end only its content tells
        else:
            at = end
    return min(at, size), max(at, segment_end)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box of the first level ends (ISO/IEC 14496-12, 4.2)."""
    end = 0
    while end + 8 <= size:
        head = _at(file, end, 16)
        length, kind = struct.unpack_from(">I4s", head)
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:])
        if length == 0 and kind in _BOXES:
            return size  # it goes on to the end of the file
        if length < 8 or kind not in _BOXES:
            break
        end += length
    return end


def _end_of_chunks(file: BinaryIO, size: int) -> int:
    """Where the last RIFF chunk ends; large AVI files have several."""
    end = 0
    while end + 8 <= size:
        kind, length = struct.unpack("<4sI", _at(file, end, 8))
        if kind != b"RIFF":
            break
        if length in (0, 0xFFFFFFFF):
            return size  # written to a pipe
        # Some writers count the eight bytes of the header too
        end += length
    return end


def _end_of_pages(file: BinaryIO, size: int) -> int:
    """Where the last Ogg page ends (RFC 3533, 6)."""
    start = max(0, size - _OGG_PAGE)
    tail = _at(file, start, _OGG_PAGE)
    page = tail.rfind(b"OggS")
    if page < 0:
        return size
    head = tail[page : page + 27]
    segments = head[26] if len(head) == 27 else 255
    return start + page + 27 + segments + sum(tail[page + 27 : page + 27 + segments])
