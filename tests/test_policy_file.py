"""Policy files: what is saved is read again, by others too, and what is not in order is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rlcodec
from rlcodec.analysis import state
from rlcodec.policy import file
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.network import AUXILIARY
from rlcodec.policy.tensors import MAX_HEADER
from tests.folder import contents
from tests.policies import FACTS, Weights, weights, write_policy

NAMES = tuple(each.name for each in state.INPUTS)
ONE_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(max_size=20)
positive = st.floats(0, 1e6)


@st.composite
def any_facts(draw: st.DrawFn) -> PolicyFacts:
    offsets = draw(st.sets(st.floats(-20, 20, width=32), max_size=6)) | {0.0}
    low, high = sorted(draw(st.tuples(positive, positive)))
    whole = st.integers(0, 2**31 - 1)
    smallest, largest = sorted(draw(st.tuples(whole, whole)))
    return PolicyFacts(
        name=draw(texts),
        objective=draw(texts),
        scopes=tuple(draw(st.lists(texts, min_size=1, max_size=3, unique=True))),
        codec=draw(texts),
        presets=tuple(draw(st.lists(texts, min_size=1, max_size=3, unique=True))),
        inputs=tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True))),
        offsets=tuple(sorted(offsets)),
        crf_range=(low, high),
        pixels_range=(smallest, largest),
        corpus_digest=draw(texts),
        seed=draw(whole),
        scores=draw(st.dictionaries(texts, st.floats(-1e6, 1e6), max_size=3)),
        card=draw(st.text(max_size=200)),
        created_with=draw(texts),
    )


@st.composite
def any_weights(draw: st.DrawFn, facts: PolicyFacts) -> Weights:
    return weights(
        len(facts.inputs),
        len(facts.offsets),
        hidden=tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))),
        members=draw(st.integers(1, 4)),
        dueling=draw(st.booleans()),
        auxiliary=tuple(draw(st.sets(st.sampled_from(AUXILIARY)))),
    )


@given(data=st.data())
@ONE_FOLDER
def test_what_is_saved_is_read_again_and_by_the_library_of_the_format(
    tmp_path: Path, data: st.DataObject
) -> None:
    facts = data.draw(any_facts())
    tensors = data.draw(any_weights(facts))
    path = tmp_path / "policy.safetensors"
    file.save(path, facts, tensors, overwrite=True)
    read = rlcodec.load_policy(path)
    assert read.facts == facts
    others = safetensors.numpy.load_file(path)
    assert set(read.network.tensors) == set(others) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read.network.tensors[name], tensor)
        np.testing.assert_array_equal(others[name], tensor)
    with safetensors.safe_open(path, "numpy") as opened:
        assert json.loads(opened.metadata()["rlcodec"])["seed"] == facts.seed


def test_what_the_library_of_the_format_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    tensors = weights()
    safetensors.numpy.save_file(tensors, path, metadata={"rlcodec": FACTS.to_json(), "by": "hand"})
    read = rlcodec.load_policy(path)
    assert read.facts == FACTS
    assert len(read.digest) == 64
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read.network.tensors[name], tensor)


def test_the_same_policy_gives_the_same_file(tmp_path: Path) -> None:
    tensors = weights()
    turned = dict(reversed(tensors.items()))
    file.save(tmp_path / "one", FACTS, tensors)
    file.save(tmp_path / "other", FACTS, turned)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_file_is_replaced_only_when_asked_and_only_by_a_whole_one(tmp_path: Path) -> None:
    path = write_policy(tmp_path / "policy.safetensors")
    before = contents(tmp_path)
    with pytest.raises(rlcodec.OutputExistsError):
        file.save(path, FACTS, weights(seed=1))
    broken = weights(seed=1) | {"input_scale": np.zeros(len(NAMES), np.float32)}
    with pytest.raises(rlcodec.PolicyError, match="input_scale"):
        file.save(path, FACTS, broken, overwrite=True)
    assert contents(tmp_path) == before
    file.save(path, FACTS, weights(seed=1), overwrite=True)
    assert list(contents(tmp_path)) == [path.name]
    assert contents(tmp_path) != before


def drop(name: str) -> Callable[[Weights], None]:
    return lambda tensors: tensors.__delitem__(name)


def put(name: str, value: Any) -> Callable[[Weights], None]:  # noqa: ANN401
    return lambda tensors: tensors.__setitem__(name, np.asarray(value, np.float32))


def spoil(name: str, value: float) -> Callable[[Weights], None]:
    return lambda tensors: tensors[name].reshape(-1).__setitem__(-1, value)


BAD_TENSORS: list[tuple[Callable[[Weights], None], str]] = [
    (drop("input_mean"), "input_mean is missing"),
    (drop("input_scale"), "input_scale is missing"),
    (drop("hidden.0.weight"), "has 0 hidden layers: 1 to 4"),
    (drop("hidden.1.bias"), "hidden.1.bias is missing"),
    (drop("hidden.1.weight"), "hidden.1.bias is no tensor"),
    (drop("value.bias"), "value.bias is missing"),
    (drop("advantage.weight"), "advantage.weight is missing"),
    (drop("psnr.weight"), "psnr.bias is no tensor"),
    (put("q.weight", np.zeros((3, 17, 12))), "q.bias is missing"),
    (put("spare", [0]), "spare is no tensor that this rlcodec knows"),
    (put("input_mean", np.zeros(3)), "input_mean has shape (3,), and not"),
    (put("hidden.0.weight", np.zeros((3, 16))), "hidden.0.weight has shape (3, 16): 3 axes"),
    (put("hidden.0.weight", np.zeros((3, 0, 9))), "hidden.0.weight has shape (3, 0, 9)"),
    (put("hidden.0.weight", np.zeros((3, 16, 9))), "hidden.0.weight has shape (3, 16, 9), and not"),
    (put("hidden.1.weight", np.zeros((2, 12, 16))), "(2, 12, 16), and not (3, 12, 16)"),
    (put("advantage.bias", np.zeros((3, 16))), "advantage.bias has shape (3, 16), and not (3, 17)"),
    (spoil("hidden.1.weight", np.nan), "hidden.1.weight holds values that are no finite numbers"),
    (spoil("value.bias", np.inf), "value.bias holds values that are no finite numbers"),
    (spoil("ssim.bias", 1e5), "ssim.bias holds values beyond +-10000"),
    (spoil("input_scale", 0), "input_scale holds values below 1e-06"),
    (spoil("input_scale", -1), "input_scale holds values below 1e-06"),
]


@pytest.mark.parametrize(("edit", "says"), BAD_TENSORS, ids=[says for _, says in BAD_TENSORS])
def test_bad_tensors_are_named_by_who_reads_and_by_who_writes(
    tmp_path: Path, edit: Callable[[Weights], None], says: str
) -> None:
    tensors = weights()
    edit(tensors)
    path = tmp_path / "policy.safetensors"
    with pytest.raises(rlcodec.PolicyError) as refused:
        file.save(path, FACTS, tensors)
    assert says in str(refused.value)
    assert not list(tmp_path.iterdir())
    safetensors.numpy.save_file(tensors, path, metadata={"rlcodec": FACTS.to_json()})
    with pytest.raises(rlcodec.PolicyError) as refused:
        rlcodec.load_policy(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


BAD_FACTS: list[tuple[dict[str, Any], str]] = [
    ({"format": 2}, "format is 2, and this rlcodec reads 1"),
    ({"format": None}, "format is NoneType, and not a whole number"),
    ({"state_version": state.VERSION + 1}, f"sees version {state.VERSION + 1} of the state"),
    ({"inputs": ["probe_psnr", "smell"]}, "inputs that no state has: smell"),
    ({"inputs": []}, "inputs must name one or more"),
    ({"inputs": ["probe_psnr", "probe_psnr"]}, "inputs must name one or more, each once"),
    ({"inputs": ["probe_psnr", 7]}, "inputs[1] is 7, and not a text"),
    ({"inputs": "probe_psnr"}, 'inputs is "probe_psnr", and not a list'),
    ({"presets": []}, "presets must name one or more"),
    ({"scopes": []}, "scopes must name one or more"),
    ({"offsets": [1, 0, -1]}, "offsets must rise"),
    ({"offsets": [-1, 1]}, "0 be one of them"),
    ({"offsets": [-1, 0, 0, 1]}, "offsets must rise"),
    ({"offsets": [-21, 0, 1]}, "offsets must lie within 20 of 0"),
    ({"offsets": [0, 10**400]}, "offsets must lie within 20 of 0"),
    ({"crf_range": [40, 10]}, "crf_range is 40.0 to 10.0"),
    ({"crf_range": [10]}, "crf_range has 1 values, and not 2"),
    ({"crf_range": [10, 10**400]}, "crf_range is 10.0 to inf"),
    ({"pixels_range": [-1, 10]}, "pixels_range[0] must lie between"),
    ({"scores": {"psnr": "good"}}, 'scores.psnr is "good", and not a number'),
    ({"scores": {"psnr": 10**400}}, "scores must be finite"),
    ({"card": "x" * 70000}, "card has more than 65536 characters"),
    ({"name": "x" * 2000}, "name has more than 1024 characters"),
    ({"seed": -1}, "seed must lie between"),
]


@pytest.mark.parametrize(("change", "says"), BAD_FACTS, ids=[says for _, says in BAD_FACTS])
def test_bad_facts_are_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "policy.safetensors"
    text = json.dumps({**FACTS.as_dict(), **change})
    safetensors.numpy.save_file(weights(), path, metadata={"rlcodec": text})
    with pytest.raises(rlcodec.PolicyError) as refused:
        rlcodec.load_policy(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


def raw(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:  # noqa: ANN401
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape: Any, *span: int, dtype: str = "F32") -> dict[str, Any]:  # noqa: ANN401
    return {"dtype": dtype, "shape": shape, "data_offsets": span}


BAD_LAYOUTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no safetensors file"),
    "text": (b"no policy at all, but text", "is no safetensors file"),
    "a long header": (raw(b"{}", length=MAX_HEADER + 1), "is no safetensors file"),
    "a header beyond the end": (raw(b"{}", length=100), "is truncated: its header has 100 bytes"),
    "a list": (raw([]), "the document is not an object"),
    "no JSON": (raw(b"{]"), "Expecting property name"),
    "deep": (raw(b"[" * 200_000), "nested too deeply"),
    "twice": (raw(b'{"a": 1, "a": 2}'), '"a" stands twice'),
    "no metadata": (raw({}), "is no policy of rlcodec's"),
    "other metadata": (raw({"__metadata__": {"format": "pt"}}), "is no policy of rlcodec's"),
    "metadata of another kind": (raw({"__metadata__": {"format": 1}}), "and not a text"),
    "no tensor": (raw({"a": 7}), "a is 7, and not an object"),
    "half precision": (raw({"a": tensor([2], 0, 4, dtype="F16")}, bytes(4)), "a.dtype is 'F16'"),
    "a long name": (raw({"a" * 65: tensor([1], 0, 4)}, bytes(4)), "name has 65 characters"),
    "a negative size": (raw({"a": tensor([-1, -1], 0, 4)}, bytes(4)), "a.shape[0] must lie"),
    "a true size": (raw({"a": tensor([True], 0, 4)}, bytes(4)), "a.shape[0] is true"),
    "a large size": (raw({"a": tensor([2**31] * 2, 0, 4)}, bytes(4)), "a.shape[0] must lie"),
    "a product that wraps": (raw({"a": tensor([2**30] * 8, 0, 0)}), "does not fit"),
    "many axes": (raw({"a": tensor([1] * 9, 0, 4)}, bytes(4)), "a.shape has 9 axes"),
    "one offset": (raw({"a": tensor([1], 0)}, bytes(4)), "data_offsets has 1 values"),
    "backwards": (raw({"a": tensor([1], 4, 0)}, bytes(4)), "does not fit"),
    "another size": (raw({"a": tensor([2], 0, 4)}, bytes(4)), "does not fit"),
    "overlapping": (
        raw({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)),
        "b: (2,) at bytes 4 to 12 does not fit: the array before ends at 8",
    ),
    "a hole": (raw({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)), "ends at 4"),
    "cut": (raw({"a": tensor([2], 0, 8)}, bytes(7)), "is truncated: a ends at byte 8 of 7"),
    "more than its arrays": (raw({"a": tensor([1], 0, 4)}, bytes(9)), "5 bytes that belong to no"),
}


@pytest.mark.parametrize(("data", "says"), BAD_LAYOUTS.values(), ids=BAD_LAYOUTS)
def test_bad_layouts_are_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "policy.safetensors"
    path.write_bytes(data)
    with pytest.raises(rlcodec.PolicyError) as refused:
        rlcodec.load_policy(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


@given(data=st.data())
@ONE_FOLDER
def test_a_file_damaged_anywhere_is_read_or_refused_and_nothing_else(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "policy.safetensors"
    facts = replace(FACTS, inputs=FACTS.inputs[:2], offsets=(-1.0, 0.0, 1.0))
    tensors = weights(2, 3, hidden=(2,), members=1, auxiliary=())
    if not path.exists():
        file.save(path, facts, tensors)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    other = tmp_path / "damaged.safetensors"
    other.write_bytes(damaged[: data.draw(st.integers(len(damaged) // 2, len(damaged)))])
    refused = ""
    try:
        read = rlcodec.load_policy(other)
    except rlcodec.PolicyError as error:
        refused = str(error)
    if refused:
        assert refused.startswith(f"{other}: ")
    else:
        assert np.isfinite(read.network.q_values(np.full(2, 1e30, np.float32))).all()


def chosen(**choices: Any) -> rlcodec.Settings:  # noqa: ANN401
    return rlcodec.Settings(**choices)


@pytest.mark.parametrize(
    ("settings", "pixels", "says"),
    [
        (chosen(), 640 * 360, None),
        (chosen(preset="veryfast", crf=40.0, scope="library"), 1920 * 1080, None),
        (chosen(encoder_options={"threads": "2", "x264-params": "ref=2"}), 640 * 360, None),
        (chosen(codec="libx265"), 640 * 360, "is for libx264, and not for libx265"),
        (chosen(preset="slow"), 640 * 360, "is for preset medium, veryfast, and not for slow"),
        (chosen(crf=9.5), 640 * 360, "is for base CRFs from 10 to 40, and not for 9.5"),
        (chosen(), 3840 * 2160, "is for pictures of 1024 to 2073600 pixels, and not of 8294400"),
        (chosen(encoder_options={"tune": "film"}), 640 * 360, "without encoder option tune"),
        (chosen(encoder_options={"aq_mode": "3"}), 640 * 360, "without encoder option aq_mode"),
        (
            chosen(encoder_options={"x264-params": "no-mbtree:qcomp=0.7"}),
            640 * 360,
            "without encoder option x264-params=no-mbtree, x264-params=qcomp",
        ),
    ],
)
def test_a_policy_says_why_it_does_not_fit(
    settings: rlcodec.Settings, pixels: int, says: str | None
) -> None:
    misfit = FACTS.misfit(settings, pixels)
    assert misfit is None if says is None else says in str(misfit)


def test_a_policy_for_one_scope_does_not_fit_the_other() -> None:
    facts = replace(FACTS, scopes=("title",))
    assert facts.misfit(chosen(), 640 * 360) is None
    misfit = facts.misfit(chosen(scope="library"), 640 * 360)
    assert misfit == "is for scope title, and not for library"
