"""The safetensors format: named arrays in a file that holds nothing else, and cannot run code.

Eight bytes give the length of a header, the header is a JSON object, and the rest are the arrays:
https://github.com/huggingface/safetensors#format. Only 32-bit floats are read and written here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.document import DocumentError, Fields, parse

MAX_HEADER = 2**20
"""Bytes of the longest header that is read."""
MAX_AXES, MAX_NAME = 8, 64
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_DTYPE = np.dtype("<f4")
_ALIGNMENT = 8


def unpack(data: bytes) -> tuple[dict[str, str], dict[str, NDArray[np.float32]]]:
    """The texts and the arrays of a safetensors file; the arrays cannot be written to.

    Raises:
        DocumentError: it is none, or not all of one, or it is laid out in any but the one way that
            leaves no byte without a meaning.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if length > MAX_HEADER or len(data) < _LENGTH_BYTES:
        raise DocumentError(f"is no safetensors file{_what_else(data)}")
    begin = _LENGTH_BYTES + length
    if begin > len(data):
        raise DocumentError(f"is truncated: its header has {length} bytes")
    header = parse(data[_LENGTH_BYTES:begin])
    fields = Fields(header)
    assert isinstance(header, dict)
    places = {name: _place(fields, name) for name in header if name != _METADATA}
    arrays, end = {}, 0
    for name, (shape, first, last) in sorted(places.items(), key=lambda each: each[1][1:]):
        if first != end or last - first != math.prod(shape) * _DTYPE.itemsize:
            raise DocumentError(
                f"{name}: {shape} at bytes {first} to {last} does not fit: the array before ends "
                f"at {end}"
            )
        if begin + last > len(data):
            raise DocumentError(f"is truncated: {name} ends at byte {last} of {len(data) - begin}")
        flat = np.frombuffer(data, _DTYPE, math.prod(shape), begin + first)
        arrays[name], end = flat.reshape(shape), last
    if begin + end != len(data):
        raise DocumentError(f"has {len(data) - begin - end} bytes that belong to no array")
    texts = fields.optional(_METADATA, dict)
    return ({} if texts is None else fields.dict_of(_METADATA, str, longest=MAX_HEADER)), arrays


def pack(texts: Mapping[str, str], arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """A safetensors file of `texts` and `arrays`: the same for the same content."""
    header: dict[str, Any] = {_METADATA: dict(sorted(texts.items()))}
    parts, end = [], 0
    for name, array in sorted(arrays.items()):
        part = np.ascontiguousarray(array, _DTYPE).tobytes()
        place = [end, end + len(part)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": place}
        parts.append(part)
        end += len(part)
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, *parts])


def _place(header: Fields, name: str) -> tuple[tuple[int, ...], int, int]:
    """Shape, first byte and end of an array, as the header says them."""
    if len(name) > MAX_NAME:
        raise DocumentError(f"an array's name has {len(name)} characters: the limit is {MAX_NAME}")
    entry = header.fields(name)
    dtype = entry.take("dtype", str)
    if dtype != "F32":
        raise DocumentError(f"{name}.dtype is {dtype!r}, and not 'F32'")
    shape, span = entry.list_of("shape", int), entry.list_of("data_offsets", int)
    if len(span) != 2:
        raise DocumentError(f"{name}.data_offsets has {len(span)} values, and not 2")
    if len(shape) > MAX_AXES:
        raise DocumentError(f"{name}.shape has {len(shape)} axes: at most {MAX_AXES} are possible")
    return shape, span[0], span[1]


def _what_else(data: bytes) -> str:
    # Python's pickles begin with a byte of 128 and their protocol; torch.save wraps one in a ZIP
    if data[:1] == b"\x80" or data[:4] == b"PK\x03\x04":
        return ", but what Python or torch pickled, which can run code and is never read"
    return ""
