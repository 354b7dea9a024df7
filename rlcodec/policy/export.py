"""From a policy file to ONNX, for who wants to run a policy elsewhere.

To import this module is a `SettingsError` where the onnx library is not installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.errors import PolicyError, SettingsError
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.network import INPUT_LIMIT, Network, Tensors, depth
from rlcodec.policy.shipped import load_policy
from rlcodec.publish import PendingFile

try:
    import onnx
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:
    raise SettingsError(
        "policies are exported with the onnx library, which is not installed: "
        "pip install 'rlcodec[train]'"
    ) from error

# Old enough for every runtime in use
_OPSET, _IR_VERSION = 17, 8
_BATCH, _STATE = "batch", "state"
_TRIALS = 64
_TOLERANCE = 1e-5


def export_policy(policy: str | Path, output: str | Path, *, overwrite: bool = False) -> None:
    """Write a policy as an ONNX model that values every action.

    Its input `state` (batch, I) takes the inputs named in its metadata, as they are measured; its
    output `q` (batch, A), and those of `network.AUXILIARY` that the policy has, are those of
    `Network`. It is run by ONNX's own reference on random states before it gets its name, and
    compared with `Network`.

    Args:
        policy: a name, one of `settings.SHIPPED_POLICIES`, or a policy file.
        output: the file to write; it appears whole or not at all.
        overwrite: whether an existing output may be replaced.

    Raises:
        SettingsError: the policy has no file.
        PolicyError: the file is no policy, or the model says something else than it.
        OutputError: the output exists already, or cannot be written.
    """
    file = load_policy(policy)
    pending = PendingFile(Path(output), overwrite=overwrite)
    try:
        data = _model(file).SerializeToString()
        _check(data, file)
        pending.fill(data)
    finally:
        pending.discard()


def _model(file: PolicyFile) -> onnx.ModelProto:
    tensors = file.network.tensors
    graph = _Graph()
    limits = graph.constant("low", -INPUT_LIMIT), graph.constant("high", INPUT_LIMIT)
    centred = graph.node("Sub", _STATE, graph.constant("input_mean", tensors["input_mean"]))
    scaled = graph.node("Div", centred, graph.constant("input_scale", tensors["input_scale"]))
    # (batch, I) times (E, I, H) is (E, batch, H)
    features = graph.node("Clip", scaled, *limits)
    for place in range(depth(tensors)):
        features = graph.node("Relu", graph.linear(f"hidden.{place}", features, tensors))
    if "q.weight" in tensors:
        q = graph.linear("q", features, tensors)
    else:
        advantage = graph.linear("advantage", features, tensors)
        mean = graph.node("ReduceMean", advantage, axes=[-1], keepdims=1)
        value = graph.linear("value", features, tensors)
        q = graph.node("Add", value, graph.node("Sub", advantage, mean))
    heads = {"q": q}
    for name in file.network.heads[1:]:
        heads[name] = graph.linear(name, features, tensors)
    for name, values in heads.items():
        graph.node("ReduceMean", values, name=name, axes=[0], keepdims=0)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            file.facts.name,
            [_values(_STATE, len(file.facts.inputs))],
            [_values(name, len(file.facts.offsets)) for name in heads],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="rlcodec",
    )
    helper.set_model_props(model, {"rlcodec": json.dumps(file.as_dict())})
    return model


def _values(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [_BATCH, width])


class _Graph:
    """Nodes and constants of a model in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: float | NDArray[np.float32]) -> str:
        tensor = numpy_helper.from_array(np.asarray(value, np.float32), name)
        self.constants.append(tensor)
        return name

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:  # noqa: ANN401 # make_node's own
        output = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def linear(self, name: str, features: str, tensors: Tensors) -> str:
        weight = np.swapaxes(tensors[f"{name}.weight"], 1, 2)
        bias = tensors[f"{name}.bias"][:, None]
        product = self.node("MatMul", features, self.constant(f"{name}.weight", weight))
        return self.node("Add", product, self.constant(f"{name}.bias", bias))


def _check(data: bytes, file: PolicyFile) -> None:
    """See that a model says what the network says."""
    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    network, count = file.network, len(file.facts.inputs)
    mean, scale = network.tensors["input_mean"], network.tensors["input_scale"]
    # Beyond the limits of normalised inputs, too
    trials = np.random.default_rng(0).normal(0, INPUT_LIMIT / 2, (_TRIALS, count))
    states = (mean + scale * trials).astype(np.float32)
    evaluator = ReferenceEvaluator(model)
    said = dict(zip(evaluator.output_names, evaluator.run(None, {_STATE: states}), strict=True))
    for name, values in _expected(network, states).items():
        if not np.allclose(said[name], values, rtol=_TOLERANCE, atol=_TOLERANCE):
            off = float(np.abs(said[name] - values).max())
            raise PolicyError(f"{file.label}: the ONNX model's {name} is off by up to {off:g}")


def _expected(network: Network, states: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    rows = [{"q": network.q_values(each), **network.auxiliary(each)} for each in states]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
