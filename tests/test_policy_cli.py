"""Policies as users meet them: named, listed, shown, exported, and asked in a transcode."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner, Result

import rlcodec
from rlcodec.cli.main import main
from rlcodec.policy import file, shipped
from rlcodec.policy.shipped import load_policy
from tests.clips import shots, write
from tests.conftest import Command
from tests.folder import assert_works, contents
from tests.policies import FACTS, weights, write_following, write_policy

NAME = "policy.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where shipped policies lie for as long as the test runs."""
    path = tmp_path / "policies"
    path.mkdir()
    monkeypatch.setattr(shipped, "FOLDER", path)
    return path


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def test_a_policy_file_decides_about_a_transcode_that_names_it(
    rlcodec: Command, tmp_path: Path
) -> None:
    lengths = [12, 30, 47]
    source = write(tmp_path / "in.mkv", shots(lengths))
    path = write_following(tmp_path / NAME, "length", mean=4.5, scale=0.4)
    done = assert_works(rlcodec, tmp_path, source.name, "out.mp4", "--policy", NAME, "--json")
    result = json.loads(done.stdout)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert result["policy"] == {"name": "made up", "digest": digest}
    wanted = [(math.log2(length) - 4.5) / 0.4 for length in lengths]
    assert [each["crf"] for each in result["segments"]] == [
        23 + round(4 * offset) / 4 for offset in wanted
    ]
    told = assert_works(
        rlcodec, tmp_path, source.name, "two.mp4", "--policy", NAME, "--max-offset", "1"
    )
    assert "policy made up: 3 shots in 3 segments, CRF 22 to 24" in told.stdout


def test_a_plan_names_the_policy_and_says_what_it_cannot_know(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    path = write_policy(tmp_path / NAME)
    done = rlcodec("plan", clip.name, "--policy", NAME, "-o", "plan.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: policy made up goes by what the encoder makes of")
    plan = json.loads((tmp_path / "plan.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert plan["policy"] == {"name": "made up", "digest": digest}
    assert_works(rlcodec, tmp_path, clip.name, "out.mp4", "--plan", "plan.json")
    quiet = tuple(name for name in FACTS.inputs if not name.startswith("report"))
    write_policy(tmp_path / "quiet.safetensors", inputs=quiet)
    assert not rlcodec("plan", clip.name, "--policy", "quiet.safetensors").stderr


def test_scope_reaches_the_policy(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    write_following(tmp_path / NAME, "scope", mean=0, scale=0.5)
    for scope, crf in (("title", 23), ("library", 25)):
        options = ["--policy", NAME, "--scope", scope, "--json"]
        done = assert_works(rlcodec, tmp_path, clip.name, f"{scope}.mp4", *options)
        assert [each["crf"] for each in json.loads(done.stdout)["segments"]] == [crf]


@pytest.mark.parametrize("options", [(), ("--preset", "veryfast", "--crf", "38")])
def test_the_learned_policy_that_is_shipped_decides_by_default(
    rlcodec: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = write(tmp_path / "in.mkv", shots([20, 25]))
    done = assert_works(rlcodec, tmp_path, source.name, "out.mp4", *options, "--json")
    balanced = load_policy("balanced")
    result = json.loads(done.stdout)
    assert result["policy"] == {"name": "balanced", "digest": balanced.digest}
    assert result["notices"] == []
    assert "note: " not in done.stderr


def test_that_the_default_does_not_fit_is_said_once_in_a_run_and_in_every_result(
    rlcodec: Command, tmp_path: Path
) -> None:
    # Two pictures of one size, which is too small, and one of another
    sizes = {"a.mkv": (64, 48), "b.mkv": (64, 48), "c.mkv": (80, 48)}
    for name, (width, height) in sizes.items():
        write(tmp_path / name, shots([3], width=width, height=height))
    for preset, count in (("superfast", 1), ("medium", 2)):
        done = rlcodec("transcode", "--preset", preset, "--json", *sizes, f"{preset}/")
        assert done.returncode == 0, done.stderr
        said = re.findall("^note: (.*)$", done.stderr, re.MULTILINE)
        results = json.loads(done.stdout)["results"]
        assert {each["policy"]["name"] for each in results} == {"rule"}
        assert all(len(each["notices"]) == 1 for each in results)
        assert list(dict.fromkeys(each["notices"][0] for each in results)) == said
        assert len(said) == count
        for line in said:
            assert re.fullmatch(
                r"policy balanced is for .*, and not .*: rule decides instead", line
            )


def test_a_learned_default_decides_where_it_fits_and_else_the_rule_which_is_said(
    tmp_path: Path, folder: Path, clip: Path
) -> None:
    write_policy(folder / "balanced.safetensors", name="balanced")
    done = rlcodec.transcode(clip, tmp_path / "fits.mp4")
    assert (done.policy, len(done.digest or ""), done.notices) == ("balanced", 64, ())
    done = rlcodec.transcode(clip, tmp_path / "slow.mp4", preset="slow")
    assert (done.policy, done.digest) == ("rule", None)
    assert done.notices == (
        "policy balanced is for preset medium, veryfast, and not for slow: rule decides instead",
    )
    events: list[rlcodec.Event] = []
    plan = rlcodec.plan(clip, codec="libx265", on_progress=events.append)
    assert (plan.policy, plan.policy_digest) == ("rule", None)
    said = "policy balanced is for libx264, and not for libx265: rule decides instead"
    assert rlcodec.Notice(said, once=True) in events


def test_a_policy_asked_for_by_name_is_not_replaced(
    tmp_path: Path, folder: Path, clip: Path
) -> None:
    write_policy(folder / "psnr.safetensors", name="psnr")
    assert rlcodec.transcode(clip, tmp_path / "out.mp4", policy="psnr").policy == "psnr"
    before = contents(tmp_path)
    with pytest.raises(rlcodec.PolicyError, match=r"does not fit: .* preset .* slow; choose"):
        rlcodec.transcode(clip, tmp_path / "slow.mp4", policy="psnr", preset="slow")
    with pytest.raises(rlcodec.PolicyError, match=r"ssim\.safetensors: .* cannot be read"):
        rlcodec.transcode(clip, tmp_path / "slow.mp4", policy="ssim")
    assert contents(tmp_path) == before


def test_the_plugin_is_told_which_policy_decides(tmp_path: Path, folder: Path, clip: Path) -> None:
    write_policy(folder / "balanced.safetensors", name="balanced")
    for preset, told in (("medium", 0), ("fast", 1)):
        events: list[rlcodec.Event] = []
        with av.open(str(clip)) as source, av.open(str(tmp_path / "out.mkv"), "w") as target:
            stream = rlcodec.add_adaptive_stream(
                target, template=source.streams.video[0], on_event=events.append, preset=preset
            )
            for frame in source.decode(video=0):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
        assert sum(isinstance(each, rlcodec.Notice) for each in events) == told
        assert stream.policy == ("rule" if told else "balanced")
        assert (stream.digest is None) == bool(told)


def test_a_name_that_is_none_is_refused_before_the_input_is_opened() -> None:
    with pytest.raises(rlcodec.SettingsError, match=r"choose one of .*, or name a policy file"):
        rlcodec.transcode("missing.mkv", "out.mp4", policy="best")


def test_policies_are_listed_with_what_they_are_for(folder: Path) -> None:
    for name in ("ssim", "balanced"):
        write_policy(folder / f"{name}.safetensors", name=name, objective=name)
    assert [each.facts.name for each in rlcodec.policies()] == ["balanced", "ssim"]
    done = invoke("policy", "list")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "balanced", "ssim", "rule", "fixed"]
    for words in ("libx264", "medium, veryfast", "1024 to 2073600", "reels, PSNR -6.25"):
        assert words in lines[1]


def test_a_policy_is_shown_with_its_card_or_as_json(rlcodec: Command, tmp_path: Path) -> None:
    path = write_policy(tmp_path / NAME, card="Line one\n\x1b[31mline two")
    shown = rlcodec("policy", "show", NAME)
    assert shown.returncode == 0, shown.stderr
    for words in ("made up (policy.safetensors)", "10 to 40", "3 of 16 and 12 hidden units"):
        assert words in shown.stdout
    assert shown.stdout.endswith("\n\nLine one\n\\x1b[31mline two\n")
    facts = json.loads(rlcodec("policy", "show", NAME, "--json").stdout)
    assert facts["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["inputs"] == list(FACTS.inputs)
    assert facts["heads"] == ["q", "log_bytes", "psnr", "ssim"]
    assert "\x1b" not in shown.stdout


def test_a_policy_that_is_code_has_no_file_to_show() -> None:
    with pytest.raises(rlcodec.SettingsError, match="policy rule is written in code"):
        rlcodec.load_policy("rule")


@pytest.mark.parametrize("dueling", [True, False])
def test_an_exported_policy_says_the_same_to_another_runtime(tmp_path: Path, dueling: bool) -> None:
    path = tmp_path / NAME
    file.save(path, FACTS, weights(dueling=dueling, auxiliary=("psnr",)))
    output = tmp_path / "policy.onnx"
    done = invoke("policy", "export", path, "-o", output)
    assert done.exit_code == 0
    assert done.stdout == f"{output}: {output.stat().st_size} bytes, checked\n"
    network = rlcodec.load_policy(path).network
    session = onnxruntime.InferenceSession(output)
    states = np.random.default_rng(5).normal(0, 40, (7, len(FACTS.inputs))).astype(np.float32)
    outputs = session.run(None, {"state": states})
    assert [each.name for each in session.get_outputs()] == ["q", "psnr"]
    for values, q, psnr in zip(states, *outputs, strict=True):
        np.testing.assert_allclose(q, network.q_values(values), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(psnr, network.auxiliary(values)["psnr"], rtol=1e-5, atol=1e-5)
    said = json.loads(session.get_modelmeta().custom_metadata_map["rlcodec"])
    assert said["inputs"] == list(FACTS.inputs)
    with pytest.raises(rlcodec.OutputExistsError):
        rlcodec.export_policy(path, output)


def test_an_export_that_says_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_policy(tmp_path / NAME)
    before = contents(tmp_path)
    monkeypatch.setattr("rlcodec.policy.export.INPUT_LIMIT", 1.0)
    with pytest.raises(rlcodec.PolicyError, match="the ONNX model's q is off by up to"):
        rlcodec.export_policy(path, tmp_path / "policy.onnx")
    assert contents(tmp_path) == before


def test_without_the_extra_export_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_policy(tmp_path / NAME)
    monkeypatch.delitem(sys.modules, "rlcodec.policy.export", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(rlcodec.SettingsError, match=r"pip install 'rlcodec\[train\]'"):
        rlcodec.export_policy(path, tmp_path / "policy.onnx")
