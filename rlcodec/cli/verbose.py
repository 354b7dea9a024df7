"""`-v`, for every command that opens media."""

from __future__ import annotations

import click

from rlcodec.media.messages import show_messages


def _apply(context: click.Context, option: click.Parameter, value: bool) -> bool:  # noqa: ARG001, FBT001 # click's signature
    if value:
        show_messages()
    return value


verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    callback=_apply,
    help="Show what FFmpeg's libraries have to say.",
)
"""Gives a command the option; it is called with `verbose`, for what it shows itself."""
