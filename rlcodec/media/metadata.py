"""Tags of files and streams: those that still hold for another file, under the names it knows."""

from __future__ import annotations

from collections.abc import Mapping

from rlcodec.media.containers import ISO_MUXERS

# What the container or the encoder of the source says of itself
_OF_THE_FILE = {"compatible_brands", "encoder", "major_brand", "minor_version"}
_OF_THE_STREAM = ("_statistics", "bps", "duration", "encoder", "number_of_", "rotate", "vendor_id")
_TS_TAG = 252
# Phones write their own names for what every other program looks for under these
_COMMON_NAMES = {
    "com.apple.quicktime.creationdate": "date",
    "com.apple.quicktime.location.iso6709": "location",
    "com.apple.quicktime.make": "make",
    "com.apple.quicktime.model": "model",
}


def file_tags(tags: Mapping[str, str], muxer: str) -> dict[str, str]:
    """A file's own tags for a file of `muxer`, without those that describe how it was written."""
    kept = {key: value for key, value in tags.items() if key.lower() not in _OF_THE_FILE}
    for key, value in tags.items():
        common = _COMMON_NAMES.get(key.lower())
        if common is not None:
            kept.setdefault(common, value)
    if muxer == "mpegts":
        # A service has a byte for the length of its name (ETSI EN 300 468, 6.2.33)
        return {
            key: value.encode()[:_TS_TAG].decode(errors="ignore") for key, value in kept.items()
        }
    return kept


def stream_tags(tags: Mapping[str, str], muxer: str) -> dict[str, str]:
    """A stream's tags for a file of `muxer`, without those that describe how it was written."""
    kept = {key: value for key, value in tags.items() if not key.lower().startswith(_OF_THE_STREAM)}
    # What Matroska calls the title of a stream is its name in MP4, or what handles it
    handler = kept.pop("handler_name", "")
    title = kept.get("title") or kept.pop("name", "")
    if not title and "handler" not in handler.lower():
        title = handler
    if title:
        # FFmpeg would write both of MP4's places for it, and stumble over one when it reads them
        kept.pop("title", None)
        kept["handler_name" if muxer in ISO_MUXERS else "title"] = title
    return kept
