"""Models on the Hub, with the real client against a local server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from builders import (
    TWO_FLOATS,
    TWO_SHARDS,
    index_bytes,
    safetensors_bytes,
    sharded_files,
    write_files,
)
from hub_server import Hub, running_hub
from weightgauge.checkpoint.hub.hub_id import HubId, parse_hub_id
from weightgauge.errors import ModelNotFoundError

INDEX = "model.safetensors.index.json"
SINGLE = {
    "model.safetensors": safetensors_bytes({"w": TWO_FLOATS}),
    "config.json": b'{"model_type": "tiny"}',
    "pytorch_model.bin": b"\x80\x02pickle",
    "training_args.bin": b"\x80\x02pickle",
    "model.ckpt": b"\x80\x02pickle",
    "README.md": b"# tiny",
}

# The client reads its settings when it is imported, so that each case needs a fresh process.
CHILD = """
import json, os, sys
from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import WeightgaugeError

answers = []
for model, revision in json.loads(sys.argv[1]):
    try:
        checkpoint = open_checkpoint(model, revision=revision)
        if os.environ.get("WANTED"):
            for shard in checkpoint.shards:
                shard.source(as_it_lies=True)
    except WeightgaugeError as error:
        answers.append({"error": type(error).__name__, "kinds": [
            kind.__name__ for kind in type(error).__mro__], "message": str(error)})
    else:
        answers.append({
            "model": checkpoint.model,
            "tensors": [tensor.name for tensor in checkpoint.tensors],
            "shards": [shard.name for shard in checkpoint.shards],
            "paths": [shard.path for shard in checkpoint.shards],
            "config": checkpoint.config,
            "adapter_config": checkpoint.adapter_config,
            "findings": [[each.id, each.message] for each in checkpoint.findings],
        })
print(json.dumps(answers))
"""


@dataclass
class Client:
    """Opens models in a fresh process with a cache of its own."""

    home: Path
    settings: dict[str, str]
    stderr: str = field(default="")

    def open(self, model: str, revision: str | None = None, **settings: str) -> dict[str, Any]:
        (answer,) = self.open_all([(model, revision)], **settings)
        return answer

    def open_all(
        self, models: list[tuple[str, str | None]], **settings: str
    ) -> list[dict[str, Any]]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING")) and not name.lower().endswith("_proxy")
        }
        environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HF_HOME": str(self.home / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            **self.settings,
            **settings,
        }
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(models)],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,  # against a hang: the client's own retries end long before
        )
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def client(hub: Hub, tmp_path: Path) -> Client:
    return Client(tmp_path, {"HF_ENDPOINT": hub.endpoint})


def failed(answer: dict[str, Any], kind: str, *parts: str) -> str:
    assert kind in answer.get("kinds", ()), answer
    message: str = answer["message"]
    for part in parts:
        assert part in message
    assert message.isprintable()
    return message


# ---------------------------------------------------------------- what is fetched


def test_single_file(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    plain, address = client.open_all([("org/tiny", None), ("hf://org/tiny", None)])
    assert plain["tensors"] == ["w"]
    assert plain["model"] == "org/tiny"
    assert plain["config"] == {"model_type": "tiny"}
    assert [rule for rule, _ in plain["findings"]] == ["left-out"]
    assert address == {**plain, "model": "hf://org/tiny"}
    # no pickle, no readme, nothing twice, and of the weights the header alone
    assert plain["paths"] == [None]
    assert hub.asked_for() == ["config.json"]
    assert hub.sent == [("model.safetensors", 0, len(SINGLE["model.safetensors"]))] * 2
    assert not [request for request in hub.requests if ".bin" in request or ".ckpt" in request]
    # not a terminal: no progress bars
    assert client.stderr == ""


def test_adapter_with_its_configuration(hub: Hub, client: Client) -> None:
    weights = safetensors_bytes({"w": TWO_FLOATS})
    settings = {"adapter_model.safetensors": weights, "adapter_config.json": b'{"r": 8}'}
    hub.add("org/adapter", {**settings, "adapter_model.bin": b"\x80\x02pickle"})
    answer = client.open("org/adapter")
    assert (answer["config"], answer["adapter_config"]) == (None, {"r": 8})
    assert hub.asked_for() == ["adapter_config.json"]


def test_settings_of_a_quantiser(hub: Hub, client: Client) -> None:
    weights = safetensors_bytes({"w": TWO_FLOATS})
    hub.add("org/gptq", {"model.safetensors": weights, "quantize_config.json": b'{"bits": 4}'})
    client.open("org/gptq")
    assert hub.asked_for() == ["quantize_config.json"]


def test_sharded_without_unrelated_files(hub: Hub, client: Client) -> None:
    files = sharded_files(TWO_SHARDS)
    extra = {
        "consolidated.safetensors": safetensors_bytes({"other": TWO_FLOATS}),
        "onnx/model.safetensors": safetensors_bytes({"other": TWO_FLOATS}),
        "model-00003-of-00003.safetensors": safetensors_bytes({"old": TWO_FLOATS}),
        "pytorch_model.bin": b"\x80\x02pickle",
    }
    hub.add("org/big", {**extra, **files})
    answer = client.open("org/big")
    assert answer["tensors"] == ["embed.weight", "h.0.weight", "h.1.weight"]
    assert answer["shards"] == list(TWO_SHARDS)
    assert hub.asked_for() == ["config.json", INDEX]
    assert sorted(name for name, _, _ in hub.sent) == sorted(TWO_SHARDS)
    client.open("org/big", WANTED="1")
    assert hub.asked_for() == sorted(files)


def test_file_names_with_wildcards_match_themselves_only(hub: Hub, client: Client) -> None:
    weights = safetensors_bytes({"w": TWO_FLOATS})
    index = index_bytes({"w": "m[12]*.safetensors"})
    hub.add("org/odd", {INDEX: index, "m[12]*.safetensors": weights, "m1x.safetensors": weights})
    assert client.open("org/odd")["tensors"] == ["w"]
    assert "m1x.safetensors" not in hub.asked_for()


def test_revision(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    old = {"model.safetensors": safetensors_bytes({"old": TWO_FLOATS})}
    commit = hub.add("org/tiny", old, revision="v1.0")
    hub.add("org/tiny", old, revision="refs/pr/1")
    answers = client.open_all(
        [
            ("org/tiny@v1.0", None),
            ("org/tiny", "v1.0"),
            ("hf://org/tiny@refs/pr/1", None),
            (f"org/tiny@{commit}", None),
            ("org/tiny", None),
        ]
    )
    assert [answer["tensors"] for answer in answers] == [["old"]] * 4 + [["w"]]


def test_local_path_wins(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    local = {"model.safetensors": safetensors_bytes({"local": TWO_FLOATS})}
    write_files(client.home / "org" / "tiny", local)
    assert client.open("org/tiny")["tensors"] == ["local"]
    assert hub.requests == []


def test_token_is_the_clients_own_setting(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    client.open("org/tiny", HF_TOKEN="hf_test")
    assert hub.tokens == {"Bearer hf_test"}
    assert all("weightgauge" in agent for agent in hub.user_agents)


# ---------------------------------------------------------------- what is refused


def test_missing_model_and_missing_revision(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    missing, revision = client.open_all([("org/none", None), ("org/tiny@none", None)])
    failed(missing, "ModelNotFoundError", "org/none", "hf auth login")
    failed(revision, "ModelNotFoundError", "org/tiny@none", "revision")


def test_model_unknown_to_a_stranger_may_be_private(hub: Hub, client: Client) -> None:
    # how the Hub answers without a token, for models that do not exist as well
    hub.status, hub.error_code = 401, "RepoNotFound"
    failed(client.open("org/private"), "ModelNotFoundError", "org/private", "hf auth login")


def test_gated_model(hub: Hub, client: Client) -> None:
    hub.add("org/gated", SINGLE)
    hub.gated.add("org/gated")
    failed(client.open("org/gated"), "HubError", "org/gated", "hf auth login", "access")
    assert hub.asked_for() == []


@pytest.mark.parametrize("status", [401, 403, 429])
def test_hub_refuses(hub: Hub, client: Client, status: int) -> None:
    hub.status = status
    failed(client.open("org/tiny"), "HubError", "org/tiny", str(status), "HF_TOKEN")


def test_model_without_safetensors(hub: Hub, client: Client) -> None:
    hub.add("org/old", {"pytorch_model.bin": b"\x80\x02pickle", "config.json": b"{}"})
    hub.add("org/parts", {"unet/a.safetensors": b"", "vae/a.safetensors": b""})
    old, parts = client.open_all([("org/old", None), ("org/parts", None)])
    failed(old, "NotACheckpointError", "org/old", "pickle")
    failed(parts, "NotACheckpointError", "'org/parts/unet'", "'org/parts/vae'")
    assert hub.asked_for() == []


def test_index_is_judged_before_shards_are_fetched(hub: Hub, client: Client) -> None:
    first = next(iter(TWO_SHARDS))
    content = {first: safetensors_bytes(TWO_SHARDS[first])}
    for repo, second in (
        ("org/gap", "model-00002-of-00002.safetensors"),
        ("org/up", "../../secret.safetensors"),
        ("org/bin", "pytorch_model.bin"),
    ):
        index = index_bytes({"embed.weight": first, "h.1.weight": second})
        hub.add(repo, {**content, INDEX: index, "pytorch_model.bin": b"\x80\x02"})
    answers = client.open_all([("org/gap", None), ("org/up", None), ("org/bin", None)])
    for answer, part in zip(answers, ("model-00002", "../../secret", ".bin"), strict=True):
        failed(answer, "IndexFileError", part)
    assert hub.asked_for() == [INDEX] * 3


def test_invalid_file_is_a_checkpoint_error(hub: Hub, client: Client) -> None:
    hub.add("org/bad", {"model.safetensors": SINGLE["model.safetensors"][:-1]})
    failed(client.open("org/bad"), "HeaderError", "model.safetensors", "'w'")


def test_endpoint_that_is_no_hub(hub: Hub, client: Client) -> None:
    hub.status = 200
    failed(client.open("org/tiny"), "HubError", "org/tiny", "HF_ENDPOINT")


# ---------------------------------------------------------------- offline


def test_offline_with_and_without_cache(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    hub.add("org/big", {**sharded_files(TWO_SHARDS), "consolidated.safetensors": b"unrelated"})
    models: list[tuple[str, str | None]] = [("org/tiny", None), ("org/big", None)]
    client.open_all(models, WANTED="1")
    online = client.open_all(models)  # the files in the cache
    hub.requests.clear()
    *offline, missing, revision = client.open_all(
        [*models, ("org/none", None), ("org/tiny@v2", None)], HF_HUB_OFFLINE="1"
    )
    if not hasattr(huggingface_hub, "get_cached_repo_tree"):  # which files there are is not kept
        for each in online:
            each["findings"] = [f for f in each["findings"] if f[0] != "left-out"]
    assert offline == online
    assert hub.requests == []
    failed(missing, "HubError", "org/none", "HF_HUB_OFFLINE")
    failed(revision, "HubError", "org/tiny@v2", "HF_HUB_OFFLINE")


def test_incomplete_cache_offline_names_what_is_missing(hub: Hub, client: Client) -> None:
    hub.add("org/big", sharded_files(TWO_SHARDS))
    first, second = client.open("org/big", WANTED="1")["paths"]
    os.unlink(second)  # the blob; its link in the snapshot now leads nowhere
    answer = client.open("org/big", HF_HUB_OFFLINE="1")
    failed(answer, "HubError", "model-00002-of-00002.safetensors", "HF_HUB_OFFLINE")
    assert os.path.exists(first)


def test_cache_with_only_a_config_offline(hub: Hub, client: Client) -> None:
    commit = hub.add("org/tiny", SINGLE)
    snapshot = client.home / "hf/hub/models--org--tiny/snapshots" / commit
    write_files(snapshot, {"config.json": b"{}"})
    answer = client.open(f"org/tiny@{commit}", HF_HUB_OFFLINE="1")
    failed(answer, "HubError", "org/tiny", "HF_HUB_OFFLINE")


def test_server_down_with_and_without_cache(tmp_path: Path) -> None:
    with running_hub() as hub:
        client = Client(tmp_path, {"HF_ENDPOINT": hub.endpoint})
        commit = hub.add("org/tiny", SINGLE)
        hub.add("org/big", sharded_files(TWO_SHARDS))
        online = client.open("org/tiny", WANTED="1")
        client.open("org/big", WANTED="1")
    cached, big, missing = client.open_all(
        [("org/tiny", None), ("org/big", None), ("org/none", None)]
    )
    assert cached["paths"] == online["paths"]
    assert "could not be reached" in dict(big["findings"])["cached-copy"]
    warning = dict(cached["findings"])["cached-copy"]
    assert "could not be reached" in warning
    assert commit[:12] in warning
    failed(missing, "HubError", "org/none", "could not be reached", "HF_ENDPOINT")


def test_hub_out_of_order_serves_from_cache(hub: Hub, client: Client) -> None:
    hub.add("org/tiny", SINGLE)
    client.open("org/tiny", WANTED="1")
    hub.status = 503
    cached, missing = client.open_all([("org/tiny", None), ("org/none", None)])
    assert cached["tensors"] == ["w"]
    assert "cached-copy" in dict(cached["findings"])
    failed(missing, "HubError", "org/none", "503")


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", HubId("org/name", None)),
        ("org/name@v1", HubId("org/name", "v1")),
        ("org/name@refs/pr/2", HubId("org/name", "refs/pr/2")),
        ("hf://org/name@main", HubId("org/name", "main")),
        ("hf://models/org/name", HubId("org/name", None)),
        ("hf://gpt2", HubId("gpt2", None)),
        ("EleutherAI/pythia-70m.v0", HubId("EleutherAI/pythia-70m.v0", None)),
        ("gpt2", None),
        ("./org/name", None),
        ("/org/name", None),
        ("org/name/", None),
        ("org/", None),
        ("org/name/unet", HubId("org/name", None, "unet")),
        ("org/name/a/b.safetensors@v1", HubId("org/name", "v1", "a/b.safetensors")),
        ("hf://org/name/unet", HubId("org/name", None, "unet")),
        ("https://huggingface.co/org/name", HubId("org/name", None)),
        ("https://huggingface.co/org/name/", HubId("org/name", None)),
        ("https://hf.co/org/name?library=x#top", HubId("org/name", None)),
        ("https://huggingface.co/gpt2", HubId("gpt2", None)),
        ("https://huggingface.co/org/name/tree/main", HubId("org/name", "main")),
        ("https://huggingface.co/org/name/tree/v1/a/b", HubId("org/name", "v1", "a/b")),
        (
            "https://huggingface.co/org/name/blob/main/x.safetensors",
            HubId("org/name", "main", "x.safetensors"),
        ),
        (
            "https://huggingface.co/org/name/tree/refs%2Fpr%2F1/unet",
            HubId("org/name", "refs/pr/1", "unet"),
        ),
        ("https://huggingface.co/org/name/tree/a%2Fb", HubId("org/name", "a/b")),
        ("https://example.org/org/name", None),
        ("org/name/../x", None),
        ("org/name//x", None),
        ("runs/model.safetensors", None),
        ("runs/pytorch_model.bin", None),
        ("org\\name", None),
        ("órg/name", None),
        ("org/..", None),
        ("org/name\n", None),
    ],
)
def test_how_a_model_is_written(text: str, expected: HubId | None) -> None:
    assert parse_hub_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/datasets/org/name",
        "https://huggingface.co/org/name/discussions",
        "https://huggingface.co/org/name/tree/main/../../x",
        "https://huggingface.co/",
    ],
)
def test_page_that_is_none_of_a_model(text: str) -> None:
    with pytest.raises(ModelNotFoundError, match="no page of a model") as caught:
        parse_hub_id(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("revision", ["", "../../x", "/etc", "a..b", "a\\b", "a\x00b", "a\nb", "."])
def test_what_can_be_no_revision(revision: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        parse_hub_id("org/name", revision=revision)
    assert str(caught.value).isprintable()


def test_import_does_not_load_the_client() -> None:
    code = "import weightgauge.checkpoint, sys; sys.exit('huggingface_hub' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment)
    assert done.returncode == 0
