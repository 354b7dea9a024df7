"""Row 29 of the fault table: policy files that cannot be used, through the installed command."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from rlcodec.analysis import state
from rlcodec.policy.file import MAX_BYTES
from tests.conftest import Command
from tests.folder import assert_refused, contents
from tests.policies import FACTS, Weights, weights, write_policy

NAME = "policy.safetensors"


class Harmful:
    """A pickle of it makes a folder when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pickle-ran",)


def refused(rlcodec: Command, clip: Path, *says: str, policy: str = NAME) -> None:
    """`transcode` wants nothing of the file, and says why."""
    arguments = ["--policy", policy, clip.name, "out.mp4"]
    assert_refused(rlcodec, clip.parent, *arguments, code=2, says=[policy, *says])


@pytest.mark.parametrize("protocol", [2, 5])
def test_row_29_a_pickle_is_refused_and_not_run(
    rlcodec: Command, clip: Path, protocol: int
) -> None:
    (clip.parent / NAME).write_bytes(pickle.dumps(Harmful(), protocol=protocol))
    refused(rlcodec, clip, "is no safetensors file", "pickled", "can run code")


def test_row_29_no_other_command_takes_what_transcode_refuses(rlcodec: Command, clip: Path) -> None:
    (clip.parent / NAME).write_bytes(pickle.dumps(Harmful()))
    before = contents(clip.parent)
    for command in (
        ["plan", clip.name, "--policy", NAME, "-o", "plan.json"],
        ["policy", "show", NAME],
        ["policy", "export", NAME, "-o", "policy.onnx"],
    ):
        done = rlcodec(*command)
        assert done.returncode == 2, done.stderr
        assert not done.stdout
        assert done.stderr.startswith(f"rlcodec: error: {NAME}: is no safetensors file")
        assert len(done.stderr.splitlines()) == 1, done.stderr
    assert contents(clip.parent) == before


def test_row_29_what_torch_saves_is_refused_and_not_run(rlcodec: Command, clip: Path) -> None:
    with zipfile.ZipFile(clip.parent / "policy.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harmful()))
    refused(rlcodec, clip, "is no safetensors file", "can run code", policy="policy.pt")


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.999])
def test_row_29_a_truncated_file_is_refused(rlcodec: Command, clip: Path, kept: float) -> None:
    path = write_policy(clip.parent / NAME)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refused(rlcodec, clip, "truncated" if kept else "is no safetensors file")


def test_row_29_an_oversized_file_is_refused(rlcodec: Command, clip: Path) -> None:
    path = write_policy(clip.parent / NAME)
    with path.open("ab") as file:
        file.truncate(MAX_BYTES + 1)
    refused(rlcodec, clip, f"is larger than any policy: the limit is {MAX_BYTES} bytes")


def test_row_29_an_oversized_header_is_refused(rlcodec: Command, clip: Path) -> None:
    text = json.dumps({"__metadata__": {"rlcodec": " " * 2**21}}).encode()
    (clip.parent / NAME).write_bytes(len(text).to_bytes(8, "little") + text)
    refused(rlcodec, clip, "is no safetensors file")


def tensors_with(name: str, change: Any) -> Weights:  # noqa: ANN401
    tensors = weights()
    tensors[name] = change(tensors[name])
    return tensors


def nan(tensor: Any) -> Any:  # noqa: ANN401
    return np.where(np.arange(tensor.size).reshape(tensor.shape) == 5, np.nan, tensor).astype("f4")


@pytest.mark.parametrize(
    ("tensors", "facts", "says"),
    [
        (tensors_with("hidden.1.weight", lambda old: old[:, :, 1:].copy()), {}, "has shape"),
        (tensors_with("advantage.bias", lambda old: old[:, 1:].copy()), {}, "has shape (3, 16)"),
        (weights(3), {}, "has shape (3, 16, 3), and not"),
        (
            tensors_with("hidden.0.weight", nan),
            {},
            "hidden.0.weight holds values that are no finite",
        ),
        (tensors_with("value.bias", lambda old: old.astype("f8")), {}, "dtype is 'F64'"),
        (weights(), {"state_version": state.VERSION - 1}, f"sees version {state.VERSION - 1}"),
        (weights(), {"state_version": state.VERSION + 1}, "train it anew"),
        (weights(), {"inputs": ["smell", *FACTS.inputs[1:]]}, "inputs that no state has: smell"),
        (weights(), {"format": 2}, "format is 2"),
    ],
)
def test_row_29_wrong_shapes_nan_weights_and_other_versions_are_refused(
    rlcodec: Command, clip: Path, tensors: Weights, facts: dict[str, Any], says: str
) -> None:
    said = json.dumps({**FACTS.as_dict(), **facts})
    safetensors.numpy.save_file(tensors, clip.parent / NAME, metadata={"rlcodec": said})
    refused(rlcodec, clip, says)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.write_text("CRF 23 for everything, please"), "is no safetensors file"),
    ],
)
def test_row_29_what_is_no_file_of_a_policy_is_refused(
    rlcodec: Command,
    clip: Path,
    make: Callable[[Path], object],
    says: str,
) -> None:
    make(clip.parent / NAME)
    refused(rlcodec, clip, says)


@pytest.mark.parametrize(
    ("facts", "arguments", "says"),
    [
        ({}, ["--codec", "libx265"], "is for libx264, and not for libx265"),
        ({}, ["--preset", "slow"], "is for preset medium, veryfast, and not for slow"),
        ({}, ["--crf", "45"], "is for base CRFs from 10 to 40, and not for 45"),
        ({}, ["--encoder-option", "tune=film"], "trained without encoder option tune"),
        ({}, ["--scale", "16x16"], "is for pictures of 1024 to 2073600 pixels, and not of 256"),
        ({"scopes": ("title",)}, ["--scope", "library"], "is for scope title, and not for library"),
    ],
)
def test_row_29_a_policy_that_does_not_fit_is_refused(
    rlcodec: Command, clip: Path, facts: dict[str, Any], arguments: list[str], says: str
) -> None:
    write_policy(clip.parent / NAME, **facts)
    arguments = ["--policy", NAME, *arguments, clip.name, "out.mp4"]
    assert_refused(rlcodec, clip.parent, *arguments, code=2, says=[NAME, "does not fit", says])
