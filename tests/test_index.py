"""The shard index: its contents, the paths that it may name, and shards that disagree with it."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from builders import (
    TWO_FLOATS,
    TWO_SHARDS,
    index_bytes,
    sharded_files,
    write_files,
    write_safetensors,
    write_sharded,
)
from weightgauge.checkpoint import open_checkpoint
from weightgauge.checkpoint.index import parse_index
from weightgauge.errors import CheckpointError, HeaderError, IndexFileError, NotACheckpointError

INDEX = "model.safetensors.index.json"
FIRST, SECOND = TWO_SHARDS


def refused(directory: Path, kind: type[CheckpointError] = IndexFileError) -> CheckpointError:
    with pytest.raises(kind) as caught:
        open_checkpoint(directory)
    assert type(caught.value) is kind
    return caught.value


def with_index(tmp_path: Path, weight_map: object) -> Path:
    return write_files(tmp_path, {**sharded_files(TWO_SHARDS), INDEX: index_bytes(weight_map)})


def test_sharded_checkpoint(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_sharded(tmp_path, TWO_SHARDS))
    assert [shard.name for shard in checkpoint.shards] == [FIRST, SECOND]
    assert [(tensor.name, tensor.shard) for tensor in checkpoint.tensors] == [
        ("embed.weight", 0),
        ("h.0.weight", 0),
        ("h.1.weight", 1),
    ]
    assert checkpoint.config == {"model_type": "tiny", "hidden_size": 2}
    assert checkpoint.findings == ()


def test_shards_come_in_the_order_of_the_index(tmp_path: Path) -> None:
    order = {"h.1.weight": SECOND, "embed.weight": FIRST, "h.0.weight": FIRST}
    checkpoint = open_checkpoint(with_index(tmp_path, order))
    assert [shard.name for shard in checkpoint.shards] == [SECOND, FIRST]
    assert checkpoint.tensors[0].name == "h.1.weight"


def test_index_named_directly(tmp_path: Path) -> None:
    write_sharded(tmp_path, TWO_SHARDS)
    checkpoint = open_checkpoint(tmp_path / INDEX)
    assert len(checkpoint.tensors) == 3
    assert checkpoint.config is not None


def test_index_named_by_a_relative_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sharded(tmp_path, TWO_SHARDS)
    monkeypatch.chdir(tmp_path)
    assert len(open_checkpoint(INDEX).tensors) == 3
    assert len(open_checkpoint(".").tensors) == 3


def test_shards_in_a_folder_below_the_index(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "part" / "a.safetensors", {"w": TWO_FLOATS})
    write_files(tmp_path, {INDEX: index_bytes({"w": "part/a.safetensors"})})
    assert open_checkpoint(tmp_path).shards[0].name == "part/a.safetensors"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/secret.safetensors",
        "../x.safetensors",
        "a/../../x.safetensors",
        "..",
        "/etc/secret.safetensors",
        "//host/x.safetensors",
        "C:\\x.safetensors",
        "c:/x.safetensors",
        "C:x.safetensors",
        "..\\x.safetensors",
        "a\\b.safetensors",
        "\\\\host\\x.safetensors",
        "a\x00.safetensors",
        "",
        ".",
        "./x.safetensors",
        "a//x.safetensors",
        "pytorch_model.bin",
        "x.safetensors.bin",
    ],
)
def test_shard_name_is_refused_before_anything_is_opened(tmp_path: Path, name: str) -> None:
    # The first shard is named rightly and is no safetensors file: opening it would say so.
    files = {INDEX: index_bytes({"a": FIRST, "b": name}), FIRST: b"GGUF" + bytes(60)}
    error = refused(write_files(tmp_path / "deep" / "model", files))
    assert "must not name" in str(error)
    assert INDEX in str(error)
    assert str(error).isprintable()


def test_all_bad_shard_names_are_listed(tmp_path: Path) -> None:
    error = refused(with_index(tmp_path, {"a": "../a.safetensors", "b": "/b.safetensors"}))
    assert "../a.safetensors" in str(error)
    assert "/b.safetensors" in str(error)


def test_shard_links_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    outside = write_safetensors(tmp_path / "outside.safetensors", TWO_SHARDS[SECOND])
    directory = write_sharded(tmp_path / "model", TWO_SHARDS)
    (directory / SECOND).unlink()
    (directory / SECOND).symlink_to(outside)
    checkpoint = open_checkpoint(directory)
    assert checkpoint.shards[1].path == str(outside)
    assert checkpoint.findings == ()


def test_folder_links_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "outside" / "a.safetensors", {"w": TWO_FLOATS})
    directory = write_files(tmp_path / "model", {INDEX: index_bytes({"w": "part/a.safetensors"})})
    (directory / "part").symlink_to(tmp_path / "outside")
    assert [shard.name for shard in open_checkpoint(directory).shards] == ["part/a.safetensors"]


def test_a_directory_of_links_and_its_index_are_read(tmp_path: Path) -> None:
    store = write_sharded(tmp_path / "store", TWO_SHARDS)
    (tmp_path / "view").mkdir()
    for path in store.iterdir():
        (tmp_path / "view" / path.name).symlink_to(path)
    for named in (tmp_path / "view", tmp_path / "view" / INDEX):
        checkpoint = open_checkpoint(named)
        assert len(checkpoint.tensors) == 3
        assert checkpoint.config is not None
        assert checkpoint.findings == ()


def test_link_inside_the_checkpoint_is_fine(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    (directory / SECOND).rename(directory / "store")
    (directory / SECOND).symlink_to("store")
    assert len(open_checkpoint(directory).tensors) == 3


@pytest.mark.parametrize("shared", [False, True], ids=["own_blobs", "shared_blobs"])
@pytest.mark.parametrize("folder", ["", "text_encoder"])
def test_links_of_a_hub_cache_are_fine(tmp_path: Path, shared: bool, folder: str) -> None:
    model = tmp_path / "hub" / "models--org--name"
    snapshot = model / "snapshots" / "0123abcd" / folder
    snapshot.mkdir(parents=True)
    for blob, (name, content) in enumerate(sharded_files(TWO_SHARDS).items()):
        stored = model / "blobs" / str(blob)
        stored.parent.mkdir(exist_ok=True)
        if shared:
            real = tmp_path / "hub" / "blobs" / "ab" / str(blob)
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_bytes(content)
            stored.symlink_to(os.path.relpath(real, stored.parent))
        else:
            stored.write_bytes(content)
        (snapshot / name).symlink_to(os.path.relpath(stored, snapshot))
    checkpoint = open_checkpoint(snapshot)
    assert len(checkpoint.tensors) == 3
    assert checkpoint.config is not None
    assert "blobs" in checkpoint.shards[0].path
    # and reached over a link of the user's own
    (tmp_path / "mine").symlink_to(snapshot)
    assert len(open_checkpoint(tmp_path / "mine").tensors) == 3


def test_missing_shards_are_all_listed(tmp_path: Path) -> None:
    names = [f"model-{i:05}-of-00003.safetensors" for i in (1, 2, 3)]
    weight_map = {f"h.{i}.weight": name for i, name in enumerate(names)}
    write_safetensors(tmp_path / names[0], {"h.0.weight": TWO_FLOATS})
    error = refused(write_files(tmp_path, {INDEX: index_bytes(weight_map)}))
    assert names[1] in str(error)
    assert names[2] in str(error)
    assert names[0] not in str(error)
    assert INDEX in str(error)


def test_link_to_a_missing_shard_is_missing(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    (directory / SECOND).unlink()
    (directory / SECOND).symlink_to("nowhere")
    assert "missing" in str(refused(directory))


def test_everything_wrong_with_the_shards_is_one_error(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    for name, tensors in TWO_SHARDS.items():
        kept = tensors if name == FIRST else {}
        write_safetensors(directory / name, {**kept, "h.9.weight": TWO_FLOATS})
    weight_map = {
        "embed.weight": FIRST,
        "h.0.weight": FIRST,
        "h.1.weight": SECOND,
        "h.2.weight": "model-00003.safetensors",
    }
    (directory / INDEX).write_bytes(index_bytes(weight_map))
    error = refused(directory)
    for expected in (
        "model-00003.safetensors",
        "'h.1.weight' in 'model-00002-of-00002.safetensors'",
        "'h.9.weight' in 'model-00001-of-00002.safetensors' and 'model-00002",
    ):
        assert expected in str(error)


def test_tensor_listed_but_absent(tmp_path: Path) -> None:
    weight_map = {"embed.weight": FIRST, "h.0.weight": SECOND, "h.1.weight": SECOND}
    error = refused(with_index(tmp_path, weight_map))
    assert error.tensor == "h.0.weight"
    assert "absent" in str(error)
    assert SECOND in str(error)


def test_tensor_in_two_shards_is_read_from_the_one_that_the_index_names(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    other = ("F32", [1], struct.pack("<f", 3.0))
    write_safetensors(directory / SECOND, {**TWO_SHARDS[SECOND], "embed.weight": other})
    checkpoint = open_checkpoint(directory)
    assert [(tensor.name, tensor.shard) for tensor in checkpoint.tensors] == [
        ("embed.weight", 0),
        ("h.0.weight", 0),
        ("h.1.weight", 1),
    ]
    (finding,) = checkpoint.findings
    assert (finding.id, finding.level, finding.tensor) == ("stale-copy", "warning", "embed.weight")
    assert (finding.value, finding.expected) == (SECOND, FIRST)
    assert "another shape" in finding.message


def test_overlay_replaces_what_a_base_shard_has(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    write_safetensors(directory / "overlay.safetensors", {"h.0.weight": TWO_FLOATS})
    weight_map = {name: shard for shard, tensors in TWO_SHARDS.items() for name in tensors}
    overlaid = {**weight_map, "h.0.weight": "overlay.safetensors"}
    (directory / INDEX).write_bytes(index_bytes(overlaid))
    checkpoint = open_checkpoint(directory)
    homes = {tensor.name: checkpoint.shards[tensor.shard].name for tensor in checkpoint.tensors}
    assert homes == overlaid
    (finding,) = checkpoint.findings
    assert (finding.id, finding.tensor, finding.value) == ("stale-copy", "h.0.weight", FIRST)
    assert "another shape" not in finding.message


def test_tensor_in_two_shards_that_the_index_does_not_list(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    for name, tensors in TWO_SHARDS.items():
        write_safetensors(directory / name, {**tensors, "extra": TWO_FLOATS})
    error = refused(directory)
    assert error.tensor == "extra"
    assert "two shards" in str(error)


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    weight_map = {f"h.{i}.weight": f"{i}.safetensors" for i in range(5000)}
    error = refused(write_files(tmp_path, {INDEX: index_bytes(weight_map)}))
    assert "5,000 of 5,000 shards are missing" in str(error)
    assert len(str(error)) < 2000


def test_unlisted_tensor_is_read_with_a_finding(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(
        with_index(tmp_path, {"embed.weight": FIRST, "h.1.weight": SECOND})
    )
    assert "h.0.weight" in [tensor.name for tensor in checkpoint.tensors]
    (finding,) = checkpoint.findings
    assert (finding.id, finding.level) == ("stale-index", "warning")
    assert "h.0.weight" in finding.message
    assert INDEX in finding.message


def test_index_over_10_megabytes(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    with (directory / INDEX).open("ab") as file:
        file.truncate(10_000_001)
    assert "10000001 bytes" in str(refused(directory))


@pytest.mark.parametrize("value", [1, None, True, ["a.safetensors"], {"file": "a.safetensors"}])
def test_shard_that_is_no_string(tmp_path: Path, value: object) -> None:
    error = refused(with_index(tmp_path, {"embed.weight": FIRST, "h.0.weight": value}))
    assert error.tensor == "h.0.weight"
    assert "h.0.weight" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"weight_map": null}',
        b'{"weight_map": []}',
        b'{"weight_map": {}}',
        b'{"weight_map": {"a": "a.safetensors"}',
        b'{"weight_map": {"a": "a.safetensors"}} {}',
        b'{"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}}',
        b'{"weight_map": {"a": "a.safetensors", "\\u0061": "b.safetensors"}}',
        b'{"weight_map": {"a": "a.safetensors"}, "weight_map": {"a": "b.safetensors"}}',
        b'{"metadata": {"total_size": NaN}, "weight_map": {"a": "a.safetensors"}}',
        b'{"metadata": 1e999, "weight_map": {"a": "a.safetensors"}}',
        b'{"metadata": ' + b"9" * 5000 + b', "weight_map": {"a": "a.safetensors"}}',
        b'\xef\xbb\xbf{"weight_map": {"a": "a.safetensors"}}',
        b'{"weight_map": {"\xff": "a.safetensors"}}',
        b'{"weight_map": {"\\ud800": "a.safetensors"}}',
        b'{"weight_map": {"a": "\\ud800.safetensors"}}',
        b'{"weight_map": ' + b"[" * 200_000,
        b'{"weight_map": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001,
    ],
    ids=[
        "empty",
        "list",
        "no_weight_map",
        "null_weight_map",
        "list_weight_map",
        "empty_weight_map",
        "truncated",
        "second_document",
        "duplicate_tensor",
        "duplicate_tensor_as_escape",
        "duplicate_weight_map",
        "nan",
        "overflowing_number",
        "very_long_number",
        "byte_order_mark",
        "not_utf8",
        "half_surrogate_in_tensor",
        "half_surrogate_in_shard",
        "deep_lists",
        "deep_objects",
    ],
)
def test_index_text_is_refused(tmp_path: Path, text: bytes) -> None:
    error = refused(write_files(tmp_path, {INDEX: text}))
    assert str(tmp_path / INDEX) in str(error)


def test_brackets_in_names_are_not_nesting() -> None:
    weight_map = {f"[[{{{i}\\": "a.safetensors" for i in range(200)}
    text = json.dumps({"weight_map": weight_map}).encode()
    assert len(parse_index(text, shown="index").weight_map) == 200


def test_index_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / INDEX).mkdir()
    refused(tmp_path, NotACheckpointError)


def test_bad_shard_is_named(tmp_path: Path) -> None:
    directory = write_sharded(tmp_path, TWO_SHARDS)
    content = (directory / SECOND).read_bytes()
    (directory / SECOND).write_bytes(content[:-1])
    error = refused(directory, HeaderError)
    assert error.path == str(directory / SECOND)
    assert error.tensor == "h.1.weight"


def test_index_of_pickles_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin.index.json"
    path.write_bytes(index_bytes({"w": "pytorch_model-00001-of-00001.bin"}))
    with pytest.raises(IndexFileError, match="does not end in"):
        open_checkpoint(path)
