"""The choices that `transcode` and `plan` share: how to encode, as options and as `Settings`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import click
from click.core import ParameterSource

from rlcodec.errors import SettingsError
from rlcodec.plans.reading import load_plan
from rlcodec.settings import (
    CODECS,
    CRF_RANGE,
    DEFAULT_POLICY,
    DEINTERLACE,
    MAX_PIXELS,
    POLICIES,
    SCOPES,
    Choices,
    Settings,
    parse_fps,
    parse_scale,
)

ENCODER_OPTIONS = (
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
)
"""What says which encoder, and how it is set up."""
_OPTIONS = (
    click.option(
        "--crf",
        type=float,
        default=Settings.crf,
        show_default=True,
        help=f"Base CRF, {CRF_RANGE[0]:g} to {CRF_RANGE[1]:g}; the policy moves every shot "
        "from it.",
    ),
    *ENCODER_OPTIONS,
    click.option(
        "--policy",
        metavar="NAME|FILE",
        show_default=f"{DEFAULT_POLICY}, and rule where that does not fit",
        help=f"{', '.join(POLICIES)}, or a policy file; see `rlcodec policy`.",
    ),
    click.option(
        "--scope",
        default=Settings.scope,
        show_default=True,
        metavar="|".join(SCOPES),
        help="Move bytes between the shots of this file, or take it for one of a library, which "
        "may get more bytes than another.",
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
    *("crf", "codec", "preset", "encoder_options", "policy", "scope", "max_offset", "pix_fmt"),
    *("scale", "fps", "deinterlace", "max_pixels", "allow_truncated", "no_audio", "no_subtitles"),
)


def with_options(
    command: Callable[..., Any], options: Sequence[Callable[..., Any]]
) -> Callable[..., Any]:
    """Give a command some options, shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def encoder_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `ENCODER_OPTIONS`."""
    return with_options(command, ENCODER_OPTIONS)


def encoding_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options; it is called with `settings` in their place.

    Where it has an option `plan` of its own and that is given, it gets the plan that was read, and
    what is not on the command line comes from there.
    """

    @functools.wraps(command)
    def with_settings(**arguments: Any) -> Any:  # noqa: ANN401 # click's own types
        context = click.get_current_context()
        values = {name: arguments.pop(name) for name in _CHOICES}
        choices = _choices(
            {
                name: value
                for name, value in values.items()
                if context.get_parameter_source(name) is not ParameterSource.DEFAULT
            }
        )
        if arguments.get("plan") is None:
            settings = Settings(**choices)
        else:
            arguments["plan"] = load_plan(arguments["plan"])
            settings = arguments["plan"].settings(**choices)
        return command(settings=settings, **arguments)

    return with_options(with_settings, _OPTIONS)


def _choices(given: dict[str, Any]) -> Choices:
    """The options that were given, as fields of `Settings`, whose defaults stand for the others."""
    readers: dict[str, Callable[[Any], Any]] = {
        "encoder_options": pairs,
        "scale": parse_scale,
        "fps": parse_fps,
    }
    fields = {name: readers.get(name, lambda value: value)(value) for name, value in given.items()}
    for kind in ("audio", "subtitles"):
        if fields.pop(f"no_{kind}", False):
            fields[kind] = False
    return cast(Choices, fields)


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE arguments as a dictionary."""
    pairs = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise SettingsError(f"--encoder-option {text!r}: give KEY=VALUE")
        pairs[key] = value
    return pairs
