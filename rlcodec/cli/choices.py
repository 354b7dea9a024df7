"""The choices that `transcode` and `plan` share: how to encode, as options and as `Settings`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rlcodec.errors import SettingsError
from rlcodec.settings import (
    CODECS,
    CRF_RANGE,
    DEINTERLACE,
    MAX_PIXELS,
    POLICIES,
    Settings,
    parse_fps,
    parse_scale,
)

_OPTIONS = (
    click.option(
        "--crf",
        type=float,
        default=Settings.crf,
        show_default=True,
        help=f"Base CRF, {CRF_RANGE[0]:g} to {CRF_RANGE[1]:g}; the policy moves every shot "
        "from it.",
    ),
    click.option(
        "--codec", default=Settings.codec, show_default=True, help=f"{', '.join(CODECS)}."
    ),
    click.option(
        "--preset", default=Settings.preset, show_default=True, help="The encoder's preset."
    ),
    click.option(
        "--encoder-option",
        "encoder_options",
        multiple=True,
        metavar="KEY=VALUE",
        help="A further option of the encoder, such as tune=film; may be given again.",
    ),
    click.option(
        "--policy", default=Settings.policy, show_default=True, help=f"{', '.join(POLICIES)}."
    ),
    click.option(
        "--max-offset",
        type=float,
        default=Settings.max_offset,
        show_default=True,
        help="How far a policy may leave the base CRF.",
    ),
    click.option("--pix-fmt", metavar="F", help="Pixel format of the output, such as yuv420p."),
    click.option("--scale", metavar="WxH", help="Size of the output; -1x720 keeps the shape."),
    click.option("--fps", metavar="F", help="Constant frame rate, such as 25 or 30000/1001."),
    click.option(
        "--deinterlace",
        default=Settings.deinterlace,
        show_default=True,
        metavar="|".join(DEINTERLACE),
        help="Interlaced frames become whole ones: where they say so, never, or all.",
    ),
    click.option(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        show_default=True,
        help="Refuse larger pictures.",
    ),
    click.option(
        "--allow-truncated",
        is_flag=True,
        help="Take what can be decoded of a truncated or damaged input.",
    ),
    click.option("--no-audio", is_flag=True, help="Leave audio out."),
    click.option("--no-subtitles", is_flag=True, help="Leave subtitles out."),
)
_CHOICES = (
    *("crf", "codec", "preset", "encoder_options", "policy", "max_offset", "pix_fmt", "scale"),
    *("fps", "deinterlace", "max_pixels", "allow_truncated", "no_audio", "no_subtitles"),
)


def encoding_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options; it is called with `settings` in their place."""

    @functools.wraps(command)
    def with_settings(**arguments: Any) -> Any:  # noqa: ANN401 # click's own types
        chosen = {name: arguments.pop(name) for name in _CHOICES}
        return command(settings=_settings(**chosen), **arguments)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings


def _settings(
    *,
    encoder_options: tuple[str, ...],
    scale: str | None,
    fps: str | None,
    no_audio: bool,
    no_subtitles: bool,
    **others: Any,  # noqa: ANN401 # passed on by name to the record that checks them
) -> Settings:
    return Settings(
        encoder_options=_pairs(encoder_options),
        scale=None if scale is None else parse_scale(scale),
        fps=None if fps is None else parse_fps(fps),
        audio=not no_audio,
        subtitles=not no_subtitles,
        **others,
    )


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE arguments as a dictionary."""
    pairs = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise SettingsError(f"--encoder-option {text!r}: give KEY=VALUE")
        pairs[key] = value
    return pairs
