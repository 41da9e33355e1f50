"""What of a model on the Hub is fetched: headers by range, and files when they are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightgauge as wg
from blockwise_matrices import Blockwise
from builders import TWO_FLOATS, safetensors_bytes, sharded_files, write_files
from hub_server import Hub, running_hub
from packed_matrices import as_stored

INDEX = "model.safetensors.index.json"
CHILD = """
import json, sys
import weightgauge as wg
from weightgauge.errors import WeightgaugeError

answers = []
for model, options in json.loads(sys.argv[1]):
    try:
        found = wg.fit(model, **options)
    except WeightgaugeError as error:
        answers.append({"error": type(error).__name__, "message": str(error)})
    else:
        answers.append({"slices": found.to_dicts(), "warnings": list(found.warnings)})
print(json.dumps(answers))
"""


def matrix(seed: int) -> tuple[str, list[int], bytes]:
    values = np.random.default_rng(seed).normal(0, 0.02, (16, 32)).astype(np.float32)
    return "F32", [16, 32], values.tobytes()


SHARDS = {
    f"model-{i + 1:05}-of-00003.safetensors": {
        f"model.layers.{i}.self_attn.q_proj.weight": matrix(i)
    }
    for i in range(3)
}
FIRST, SECOND, THIRD = SHARDS


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


def child(hub: Hub, home: Path, code: str, *arguments: str, **settings: str) -> str:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING")) and not name.lower().endswith("_proxy")
    }
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fits(hub: Hub, home: Path, *asked: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(child(hub, home, CHILD, json.dumps(asked)))
    return answers


def test_only_shards_that_hold_chosen_tensors_are_fetched(hub: Hub, tmp_path: Path) -> None:
    files = sharded_files(SHARDS)
    hub.add("org/big", files)
    chosen, every = fits(
        hub, tmp_path, ("org/big", {"include": "*.1.*"}), ("org/big", {"threads": 1})
    )
    assert [item["block"] for item in chosen["slices"]] == [1]
    local = wg.fit(write_files(tmp_path / "local", files))
    assert every["slices"] == local.to_dicts()
    # the second shard is in the cache when the whole is asked for
    assert sorted(name for name, _, _ in hub.sent) == [FIRST, FIRST, SECOND, THIRD, THIRD]
    assert hub.asked_for() == sorted(files)


@pytest.mark.parametrize("index", [True, False])
def test_one_file_that_was_named_need_not_be_all_of_a_save(
    index: bool, hub: Hub, tmp_path: Path
) -> None:
    files = sharded_files(SHARDS)
    if not index:
        del files[INDEX]
    hub.add("org/big", files)
    folder = write_files(tmp_path / "local", files)
    code = "from weightgauge.cli import main; main()"
    for model in (f"org/big/{SECOND}", str(folder / SECOND)):
        checked = json.loads(child(hub, tmp_path, code, "check", model, "--format", "json"))
        assert {each["level"] for each in checked["findings"]} <= {"note"}


def test_ls_fetches_headers_alone(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/big", sharded_files(SHARDS))
    code = "from weightgauge.cli import main; main()"
    listed = json.loads(child(hub, tmp_path, code, "ls", "org/big", "--json", "--include", "*.2.*"))
    assert [row["block"] for row in listed["tensors"]] == [2]
    assert hub.asked_for() == ["config.json", INDEX]
    assert sorted(name for name, _, _ in hub.sent) == list(SHARDS)


def test_long_header_takes_a_second_request_and_a_large_file_no_more(
    hub: Hub, tmp_path: Path
) -> None:
    names = {f"model.layers.{i}.{'x' * 90}.weight": TWO_FLOATS for i in range(2000)}
    content = safetensors_bytes(names)
    header = int.from_bytes(content[:8], "little")
    assert header > 200_000
    hub.add("org/long", {"model.safetensors": content})
    code = "import weightgauge.checkpoint as c; print(len(c.open_checkpoint('org/long').tensors))"
    assert child(hub, tmp_path, code).strip() == "2000"
    assert hub.sent == [
        ("model.safetensors", 0, 100_000),
        ("model.safetensors", 100_000, 8 + header),
    ]


def test_server_without_ranges(hub: Hub, tmp_path: Path) -> None:
    hub.ranges = False
    hub.add("org/big", sharded_files(SHARDS))
    (found,) = fits(hub, tmp_path, ("org/big", {}))
    assert len(found["slices"]) == 3


def test_empty_and_broken_files_are_errors(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/empty", {"model.safetensors": b""})
    hub.add("org/broken", {"model.safetensors": b"\x07" * 64})
    empty, broken = fits(hub, tmp_path, ("org/empty", {}), ("org/broken", {}))
    assert (empty["error"], broken["error"]) == ("HeaderError", "HeaderError")
    assert "org/empty/model.safetensors: the file is empty" in empty["message"]


def test_folders_files_and_pages_are_models(hub: Hub, tmp_path: Path) -> None:
    unet, vae = ({f"model.layers.{i}.self_attn.q_proj.weight": matrix(i)} for i in (5, 6))
    files = {
        "model_index.json": b"{}",
        "unet/model.safetensors": safetensors_bytes(unet),
        "unet/other.safetensors": safetensors_bytes(vae),
        "unet/config.json": b'{"model_type": "tiny"}',
        **{f"vae/{name}": content for name, content in sharded_files(SHARDS).items()},
    }
    hub.add("org/pipe", files)
    page = f"{hub.endpoint}/org/pipe"
    asked = [
        ("org/pipe/unet", [5]),
        ("hf://org/pipe/unet@main", [5]),
        ("org/pipe/unet/other.safetensors", [6]),
        ("org/pipe/vae", [0, 1, 2]),
        (f"org/pipe/vae/{INDEX}", [0, 1, 2]),
        (f"{page}/tree/main/vae", [0, 1, 2]),
        (f"{page}/blob/main/unet/other.safetensors", [6]),
    ]
    found = fits(hub, tmp_path, *((model, {}) for model, _ in asked))
    for (model, blocks), answer in zip(asked, found, strict=True):
        assert [item["block"] for item in answer["slices"]] == blocks, model
    whole, missing = fits(hub, tmp_path, ("org/pipe", {}), ("org/pipe/text", {}))
    assert whole["error"] == "NotACheckpointError"
    assert "'org/pipe/unet', 'org/pipe/vae'" in whole["message"]
    assert missing["error"] == "ModelNotFoundError"
    assert "org/pipe/unet/model.safetensors" in missing["message"]


def test_alphas_of_an_adapter_are_read_when_it_is_measured(hub: Hub, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    module = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
    factors = {
        name: rng.normal(0, 1, shape) for name, shape in (("down", (4, 32)), ("up", (16, 4)))
    }
    tensors = {
        f"{module}.lora_{name}.weight": ("F32", list(each.shape), each.astype("f4").tobytes())
        for name, each in factors.items()
    }
    tensors[f"{module}.alpha"] = ("F16", [], np.float16(2).tobytes())
    hub.add("org/lora", {"lora.safetensors": safetensors_bytes(tensors)})
    code = "from weightgauge.cli import main; main()"
    child(hub, tmp_path, code, "ls", "org/lora", "--json")
    assert hub.asked_for() == []
    (found,) = fits(hub, tmp_path, ("org/lora", {}))
    assert [item["status"] for item in found["slices"] if item["part"] == "ba"] == ["ok"]
    assert found["warnings"] == []


def test_a_list_fetches_what_settings_say_and_no_weights(hub: Hub, tmp_path: Path) -> None:
    """The text beside each matrix of bitsandbytes is asked for by its place in the file."""
    tensors = {}
    for layer in range(3):
        quantised = Blockwise(512, 512, seed=layer)
        stem = f"model.layers.{layer}.self_attn.q_proj"
        for name, array in quantised.tensors().items():
            tensors[f"{stem}.{name}"] = as_stored(array)
    content = safetensors_bytes(tensors)
    hub.add("org/packed", {"model.safetensors": content, "config.json": b"{}"})
    code = "import sys; from weightgauge.cli import main; main(sys.argv[1:])"
    listed = json.loads(child(hub, tmp_path, code, "ls", "org/packed", "--json"))
    stored = {row["tensor"]: row["storage"] for row in listed["tensors"]}
    for layer in range(3):
        name = f"model.layers.{layer}.self_attn.q_proj.weight"
        assert stored[name] == "NF4 x absmax per group of 64"
    assert "model.safetensors" not in hub.asked_for()
    assert sum(end - begin for _, begin, end in hub.sent) < len(content) // 2
    answer = json.loads(child(hub, tmp_path, CHILD, json.dumps([["org/packed", {}]])))[0]
    assert sum(each["n"] > 0 for each in answer["slices"] if each["status"] == "ok") == 3
