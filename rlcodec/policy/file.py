"""Policy files: facts and weights in one `.safetensors` file, checked before either is used.

The facts are a JSON text under the key `rlcodec` of the file's metadata, with `format` (1) and the
fields of `PolicyFacts`; the arrays are those that `policy.network` describes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlcodec.document import DocumentError, read
from rlcodec.errors import PolicyError
from rlcodec.policy.facts import PolicyFacts, read_facts
from rlcodec.policy.network import AUXILIARY, Network, Tensors, depth
from rlcodec.policy.tensors import pack, unpack
from rlcodec.publish import write_whole

MAX_BYTES = 16 * 2**20
MAX_LAYERS = 4
MAX_WEIGHT = 1e4
"""Far above what training finds. Together with `MAX_BYTES` and `MAX_LAYERS` it keeps every sum of
the network below what float32 can hold."""
MIN_SCALE = 1e-6
_KEY = "rlcodec"


@dataclass(frozen=True, eq=False)
class PolicyFile:
    """A policy file that was read and found to be in order.

    Attributes:
        facts: what it says of itself.
        network: its weights, ready to be asked.
        digest: SHA-256 of the whole file, in hexadecimal.
        label: what messages call it.
    """

    facts: PolicyFacts
    network: Network
    digest: str
    label: str

    def as_dict(self) -> dict[str, object]:
        """Its facts and the shape of its network as plain values."""
        tensors = self.network.tensors
        layers = [tensors[f"hidden.{place}.weight"].shape[1] for place in range(depth(tensors))]
        return {
            **self.facts.as_dict(),
            "digest": self.digest,
            "members": len(tensors["hidden.0.weight"]),
            "hidden": layers,
            "dueling": "value.weight" in tensors,
            "auxiliary": [name for name in AUXILIARY if f"{name}.weight" in tensors],
        }


def load(path: str | Path) -> PolicyFile:
    """Read a policy file.

    Raises:
        PolicyError: it cannot be read, is larger than `MAX_BYTES`, or is not in order: the message
            names the file and says what is wrong.
    """
    try:
        data = read(path, "policy", MAX_BYTES)
        facts, tensors = _understood(data)
    except (DocumentError, PolicyError) as error:
        raise PolicyError(f"{path}: {error}; name a file that `rlcodec train` wrote") from error
    digest = hashlib.sha256(data).hexdigest()
    return PolicyFile(facts, Network(tensors, facts.offsets), digest, str(path))


def save(
    path: str | Path, facts: PolicyFacts, tensors: Tensors, *, overwrite: bool = False
) -> None:
    """Write a policy file, which appears whole or not at all, and which `load` takes.

    Raises:
        PolicyError: `tensors` are not what `facts` ask for, or the file would be larger than
            `MAX_BYTES`.
        OutputExistsError: the file exists and `overwrite` is False.
        OutputError: it cannot be written.
    """
    data = pack({_KEY: facts.to_json()}, tensors)
    if len(data) > MAX_BYTES:
        raise PolicyError(f"{path}: would have {len(data)} bytes: the limit is {MAX_BYTES}")
    try:
        _understood(data)
    except (DocumentError, PolicyError) as error:
        raise PolicyError(f"{path}: cannot be written as a policy: {error}") from error
    write_whole(path, data, overwrite=overwrite)


def _understood(data: bytes) -> tuple[PolicyFacts, dict[str, NDArray[np.float32]]]:
    """What a policy file says, once all of it was checked."""
    texts, tensors = unpack(data)
    if _KEY not in texts:
        raise DocumentError("is no policy of rlcodec's: its metadata does not say that it is")
    facts = read_facts(texts[_KEY])
    _check_tensors(tensors, inputs=len(facts.inputs), actions=len(facts.offsets))
    return facts, tensors


def _check_tensors(tensors: Tensors, *, inputs: int, actions: int) -> None:
    """See that there is every tensor of a network, of the right shape, with sound values.

    Raises:
        PolicyError: there is not; the message names the tensor.
    """
    expected = _expected_shapes(tensors, inputs, actions)
    for name in expected:
        if name not in tensors:
            raise PolicyError(f"{name} is missing")
    for name, tensor in tensors.items():
        if name not in expected:
            raise PolicyError(f"{name} is no tensor that this rlcodec knows")
        if tensor.shape != expected[name]:
            raise PolicyError(f"{name} has shape {tensor.shape}, and not {expected[name]}")
        _check_values(name, tensor)


def _expected_shapes(
    tensors: Mapping[str, NDArray[np.float32]], inputs: int, actions: int
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that there has to be, by the number and width of the layers."""
    layers = depth(tensors)
    if not 1 <= layers <= MAX_LAYERS:
        raise PolicyError(f"has {layers} hidden layers: 1 to {MAX_LAYERS} are possible")
    weights = [tensors[f"hidden.{place}.weight"] for place in range(layers)]
    for place, weight in enumerate(weights):
        if weight.ndim != 3 or not weight.size:
            raise PolicyError(f"hidden.{place}.weight has shape {weight.shape}: 3 axes are due")
    members = len(weights[0])
    shapes: dict[str, tuple[int, ...]] = {"input_mean": (inputs,), "input_scale": (inputs,)}
    width = inputs
    for place, weight in enumerate(weights):
        shapes[f"hidden.{place}.weight"] = (members, weight.shape[1], width)
        shapes[f"hidden.{place}.bias"] = (members, weight.shape[1])
        width = weight.shape[1]
    heads = {"q": actions} if "q.weight" in tensors else {"value": 1, "advantage": actions}
    heads |= {name: actions for name in AUXILIARY if f"{name}.weight" in tensors}
    for name, values in heads.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (
            (members, values, width),
            (members, values),
        )
    return shapes


def _check_values(name: str, tensor: NDArray[np.float32]) -> None:
    if not np.isfinite(tensor).all():
        raise PolicyError(f"{name} holds values that are no finite numbers")
    if np.abs(tensor).max() > MAX_WEIGHT:
        raise PolicyError(f"{name} holds values beyond +-{MAX_WEIGHT:g}")
    if name == "input_scale" and tensor.min() < MIN_SCALE:
        raise PolicyError(f"{name} holds values below {MIN_SCALE:g}: all must be positive")
