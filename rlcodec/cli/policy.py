"""`rlcodec policy`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rlcodec.cli.exits import one_line, print_result
from rlcodec.cli.main import examples
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.shipped import load_policy, policies

_HEADINGS = ("name", "objective", "codec", "presets", "pixels", "scores")
# What is written in code fits everything
_IN_CODE = (
    ("rule", "written by hand", "any", "any", "any", ""),
    ("fixed", "no offsets", "any", "any", "any", ""),
)


@click.group(name="policy")
def command() -> None:
    """List policies, show one, or export it to ONNX."""


@command.command(name="list", short_help="List the policies that come with rlcodec.")
@examples("rlcodec policy list")
def list_command() -> None:
    """List the policies that come with rlcodec: what for, and what each one earned.

    The first decides where no other is named, and `rule` where that does not fit. Scores are
    BD-rates against fixed CRF, in percent: negative is better.
    """
    rows = [_HEADINGS, *(_row(policy.facts) for policy in policies()), *_IN_CODE]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print_result(
        "\n".join(
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
    )


@command.command(name="show", short_help="Show what a policy is for, and its model card.")
@click.argument("policy", metavar="POLICY")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as one JSON document.")
@examples("rlcodec policy show balanced", "rlcodec policy show mine.safetensors --json")
def show_command(policy: str, *, as_json: bool) -> None:
    """Show what POLICY, a name or a file, is for, and its model card."""
    shown = load_policy(policy)
    print_result(json.dumps(shown.as_dict()) if as_json else _page(shown))


@command.command(name="export", short_help="Write a policy as an ONNX model.")
@click.argument("policy", metavar="POLICY")
@click.option(
    "-o",
    "output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.onnx",
    help="File to write.",
)
@click.option("-y", "overwrite", is_flag=True, help="Replace an existing file.")
@examples("rlcodec policy export balanced -o balanced.onnx")
def export_command(policy: str, *, output: Path, overwrite: bool) -> None:
    """Write POLICY, a name or a file, as an ONNX model, and check that it says the same."""
    from rlcodec.policy.export import export_policy  # noqa: PLC0415 # needs an extra

    export_policy(policy, output, overwrite=overwrite)
    print_result(f"{one_line(str(output))}: {output.stat().st_size} bytes, checked")


def _row(facts: PolicyFacts) -> tuple[str, ...]:
    smallest, largest = facts.pixels_range
    cells = (
        facts.name,
        facts.objective,
        facts.codec,
        ", ".join(facts.presets),
        f"{smallest} to {largest}",
        _scores(facts),
    )
    return tuple(one_line(cell) for cell in cells)


def _page(policy: PolicyFile) -> str:
    facts = policy.facts
    low, high = facts.crf_range
    lines = {
        "objective": facts.objective,
        "scope": ", ".join(facts.scopes),
        "codec": f"{facts.codec}, preset {', '.join(facts.presets)}",
        "base CRF": f"{low:g} to {high:g}",
        "pixels": "{} to {}".format(*facts.pixels_range),
        "offsets": ", ".join(f"{each:g}" for each in facts.offsets),
        "inputs": f"{len(facts.inputs)}, of version {facts.state_version} of the state",
        "network": _network(policy),
        "scores": _scores(facts),
        "corpus": facts.corpus_digest,
        "seed": str(facts.seed),
        "made by": facts.created_with,
        "digest": policy.digest,
    }
    page = [f"{facts.name} ({policy.label})"]
    page += [f"  {name:10}{text}" for name, text in lines.items()]
    page += ["", *facts.card.splitlines()] if facts.card else []
    return "\n".join(one_line(line) for line in page)


def _network(policy: PolicyFile) -> str:
    members, hidden = policy.network.members, policy.network.hidden
    heads = ", ".join(policy.network.heads)
    return f"{members} of {' and '.join(map(str, hidden))} hidden units; predicts {heads}"


def _scores(facts: PolicyFacts) -> str:
    return ", ".join(f"{name} {value:+.2f}" for name, value in facts.scores.items())
