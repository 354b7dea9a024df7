"""A run on disk, between two rounds: enough to go on as if it had never stopped."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlcodec.errors import InputError, SettingsError
from rlcodec.learn.config import AgentConfig
from rlcodec.publish import PendingFile

_FORMAT = 1


def write_checkpoint(path: Path, task: str, config: AgentConfig, state: dict[str, Any]) -> None:
    """Write a run's state, whole or not at all: numbers, arrays, tensors, and dicts of these.

    `task` names what the run learns from.

    Raises:
        OutputError: the disk refused.
    """
    pending = PendingFile(path, overwrite=True)
    try:
        kept = {
            "format": _FORMAT,
            "task": task,
            "config": _text(config),
            "state": _tensors(state),
        }
        torch.save(kept, pending.path)
        pending.publish()
    finally:
        pending.discard()


def read_checkpoint(path: Path, task: str, config: AgentConfig) -> dict[str, Any]:
    """The state that `write_checkpoint` was given, arrays as tensors. Runs no code of the file.

    Raises:
        InputError: the file is missing, or no checkpoint of this version.
        SettingsError: it was made for another task, or with other hyper-parameters.
    """
    try:
        kept = torch.load(path, weights_only=True)
        known = kept["format"] == _FORMAT
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no checkpoint to go on from; train anew") from error
    except (OSError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{path}: is not a checkpoint of a training run") from error
    if not known:
        raise InputError(f"{path}: was written by another version; train anew")
    if kept["task"] != task:
        raise SettingsError(
            f"{path}: belongs to another run, on {kept['task']} and not on {task}; train anew"
        )
    before, now = json.loads(kept["config"]), json.loads(_text(config))
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        raise SettingsError(
            f"{path}: was made with another {', '.join(changed)}; "
            "give what it was made with, or train anew"
        )
    state = kept["state"]
    assert isinstance(state, dict)
    return state


def _text(config: AgentConfig) -> str:
    return json.dumps(dataclasses.asdict(config))


def _tensors(value: Any) -> Any:  # noqa: ANN401 # a tree
    """The same tree with arrays as tensors, which is all that a safe load takes."""
    if isinstance(value, dict):
        return {key: _tensors(each) for key, each in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
