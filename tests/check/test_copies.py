"""Copies that lie beside a model: equal ones, stale ones, and what is none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import weightgauge as wg
from checked import UP, config, trained


def sharded(folder, tensors):
    """Write a model in two shards with an index."""
    folder.mkdir(parents=True)
    names, weight_map = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: np.ascontiguousarray(tensors[name]) for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(config()))
    return folder


def of_copies(path, **options):
    return [each for each in wg.check(path, **options).findings if each.id == "copy-differs"]


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "consolidated.safetensors", "original/consolidated.safetensors"],
)
def test_an_equal_copy_is_a_note(tmp_path, name):
    path = sharded(tmp_path / "m", trained())
    (path / "original").mkdir()
    save_file(trained(), path / name)
    (only,) = of_copies(path)
    number = len(trained())
    assert only.level == "note"
    assert f"'{name}'" in only.message and f"{number} tensors with equal bytes" in only.message
    assert wg.check(path).exit_code == 0


def test_a_stale_copy_is_a_warning_that_counts_what_differs(tmp_path):
    path = sharded(tmp_path / "m", trained())
    older = trained()
    older[UP] = np.ascontiguousarray(older[UP][::-1])
    older["lm_head.weight"] = older["lm_head.weight"] * 2
    del older["model.norm.weight"]
    older["extra.weight"] = np.zeros((2, 2), np.float32)
    older["model.embed_tokens.weight"] = older["model.embed_tokens.weight"][:100].copy()
    save_file(older, path / "model.safetensors")
    (only,) = of_copies(path)
    assert (only.level, only.value) == ("warning", 5)
    compared = len(trained()) - 2
    assert f"2 tensors have other bytes (of {compared} tensors compared): " in only.message
    for words in ("another shape", "missing there", "there alone"):
        verb = "has" if words == "another shape" else "is"
        assert f"1 tensor {verb} {words}: " in only.message
    assert UP in only.message
    assert wg.check(path, fail_on="warning").exit_code == 4
    # Of what is asked for alone.
    assert [each.level for each in of_copies(path, include="*q_proj*")] == ["note"]


def test_copies_in_another_format_or_under_other_names(tmp_path):
    path = sharded(tmp_path / "m", trained())
    halves = {name: array.astype(np.float16) for name, array in trained().items()}
    save_file(halves, path / "model.fp16.safetensors")
    renamed = {f"first.{name}": array for name, array in trained().items()}
    save_file(renamed, path / "consolidated.safetensors")
    messages = {each.message: each.level for each in of_copies(path)}
    assert set(messages.values()) == {"note"} and len(messages) == 2
    assert any("another format (F16)" in message for message in messages)
    assert any("with other names" in message for message in messages)


def test_a_copy_that_cannot_be_read_and_files_that_are_no_copies(tmp_path):
    path = sharded(tmp_path / "m", trained())
    (path / "consolidated.safetensors").write_bytes(b"\x00" * 100)
    for name in ("model.ema.safetensors", "optimizer.safetensors", "adapter_model.safetensors"):
        save_file({"a.weight": np.ones((4, 4), np.float32)}, path / name)
    (only,) = of_copies(path)
    assert only.level == "warning" and "cannot be read" in only.message


def test_a_rules_file_that_turns_copies_off_saves_the_reading(tmp_path):
    path = sharded(tmp_path / "m", trained())
    (path / "consolidated.safetensors").write_bytes(b"\x00" * 100)
    rules = tmp_path / "rules.toml"
    rules.write_text('[rules.copy-differs]\nlevel = "off"\n')
    assert of_copies(path, rules=rules) == []


@pytest.mark.parametrize("older", [False, True])
def test_tensors_that_lie_in_two_shards_are_compared(tmp_path, older):
    path = sharded(tmp_path / "m", trained())
    index = json.loads((path / "model.safetensors.index.json").read_text())
    first, second = sorted(set(index["weight_map"].values()))
    of_second = [name for name, file in index["weight_map"].items() if file == second]
    twice = of_second[:3]
    tensors = {name: trained()[name] for name in index["weight_map"] if name not in of_second}
    tensors |= {name: trained()[name] for name in twice}
    if older:
        tensors[twice[0]] = tensors[twice[0]] * 2
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path / first)
    found = wg.check(path).findings
    (only,) = [each for each in found if each.id == "copy-differs"]
    stale = [each.tensor for each in found if each.id == "stale-copy"]
    assert only.message.startswith(f"3 tensors of '{first}' lie in another file too, ")
    if older:
        assert (only.level, only.value, stale) == ("warning", 1, [twice[0]])
    else:
        assert (only.level, only.value, stale) == ("note", 0, [])
