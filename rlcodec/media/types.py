"""The objects of av that pass through the rest of the code, which does not import av itself."""

from __future__ import annotations

from typing import TypeAlias

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

VideoFrame = av.VideoFrame
VideoPacket: TypeAlias = "av.Packet[VideoStream]"

__all__ = ["OutputContainer", "Stream", "VideoFrame", "VideoPacket", "VideoStream"]
