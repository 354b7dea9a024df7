"""The `rlcodec` command: sub-commands are imported when used, so that `--help` answers at once."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import click

from rlcodec.cli.exits import exit_codes

# name: module and one line of help. The modules import av and numpy, which --help does not need.
_COMMANDS = {
    "transcode": (
        "rlcodec.cli.transcode",
        "Transcode a video with a CRF chosen for every shot.",
    ),
    "plan": (
        "rlcodec.cli.plan",
        "Decide about the CRF of every shot and write it down, without encoding.",
    ),
    "compare": (
        "rlcodec.cli.compare",
        "Score a video against the one it was made from.",
    ),
    "benchmark": (
        "rlcodec.cli.benchmark",
        "Measure what policies are worth on your videos, beside other tools' rules.",
    ),
    "corpus": (
        "rlcodec.cli.corpus",
        "Measure videos, for policies to be trained on.",
    ),
    "train": (
        "rlcodec.cli.train",
        "Train a policy on a corpus.",
    ),
    "policy": (
        "rlcodec.cli.policy",
        "List policies, show one, or export it to ONNX.",
    ),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when one is run or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: rlcodec transcode holiday.mov holiday.mp4",
)
@click.version_option(package_name="rlcodec")
def main() -> None:
    """A video encoder that decides for itself: the CRF of every shot, in one running encode."""


def run() -> None:
    """The installed command."""
    with exit_codes():
        main()


def examples(*lines: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Append an `Examples` block to a command's help text."""

    def append(function: Callable[..., Any]) -> Callable[..., Any]:
        block = "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{block}"
        return function

    return append
