"""`open_checkpoint` on local paths: files, directories, links, and paths that are none of them."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from pathlib import Path

import pytest

from builders import TWO_FLOATS, TWO_SHARDS, safetensors_bytes, write_files, write_safetensors
from weightgauge.checkpoint import (
    Checkpoint,
    FileIdentity,
    ShardFile,
    TensorInfo,
    Tensors,
    open_checkpoint,
)
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.errors import (
    CheckpointError,
    FileChangedError,
    HeaderError,
    ModelNotFoundError,
    NotACheckpointError,
)
from weightgauge.findings import Finding
from weightgauge.records import Table

ONE = safetensors_bytes({"w": TWO_FLOATS}, metadata={"format": "pt"})
OTHER = safetensors_bytes({"v": TWO_FLOATS}, metadata={"format": "np", "who": "me"})


def refused(path: Path | str, kind: type[CheckpointError] = NotACheckpointError) -> str:
    with pytest.raises(kind) as caught:
        open_checkpoint(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_single_file(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "any.name", {"w": TWO_FLOATS}, metadata={"format": "pt"})
    checkpoint = open_checkpoint(path)
    status = path.stat()
    (shard,) = checkpoint.shards
    assert shard.path == str(path.resolve())
    assert shard.name == "any.name"
    assert shard.identity == FileIdentity(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )
    offset = status.st_size - 8
    assert checkpoint.tensors == (TensorInfo("w", "F32", (2,), 0, offset, 8),)
    assert path.read_bytes()[offset:] == TWO_FLOATS[2]
    assert checkpoint.model == str(path)
    assert checkpoint.metadata == {"format": "pt"}
    assert checkpoint.config is None
    assert checkpoint.findings == ()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model.safetensors"], ["model.safetensors"]),
        (["model.safetensors", "consolidated.safetensors"], ["model.safetensors"]),
        (["model.safetensors", "pytorch_model.bin", "README.md"], ["model.safetensors"]),
        (["adapter_model.safetensors", "adapter_config.json"], ["adapter_model.safetensors"]),
        (["diffusion_pytorch_model.safetensors"], ["diffusion_pytorch_model.safetensors"]),
        (["model.safetensors", "onnx/model.safetensors"], ["model.safetensors"]),
    ],
)
def test_directory_with_one_checkpoint(
    tmp_path: Path, files: list[str], expected: list[str]
) -> None:
    write_files(tmp_path, {name: b"{}" if name.endswith("_config.json") else ONE for name in files})
    checkpoint = open_checkpoint(tmp_path)
    assert [shard.name for shard in checkpoint.shards] == expected
    assert all(each.level == "note" for each in checkpoint.findings)


def test_the_only_other_index_is_used(tmp_path: Path) -> None:
    name = "diffusion_pytorch_model.safetensors.index.json"
    text = b'{"weight_map": {"w": "a.safetensors"}}'
    write_files(tmp_path, {name: text, "a.safetensors": ONE, "b.safetensors": ONE})
    assert [shard.name for shard in open_checkpoint(tmp_path).shards] == ["a.safetensors"]
    write_files(tmp_path, {"model.fp16.safetensors.index.json": text})
    assert "several indexes" in refused(tmp_path)
    write_files(
        tmp_path, {"model.safetensors.index.json": b'{"weight_map": {"w": "b.safetensors"}}'}
    )
    assert [shard.name for shard in open_checkpoint(tmp_path).shards] == ["b.safetensors"]


def test_several_files_without_an_index(tmp_path: Path) -> None:
    write_files(tmp_path, {"b.safetensors": OTHER, "a.safetensors": ONE})
    checkpoint = open_checkpoint(tmp_path)
    assert [shard.name for shard in checkpoint.shards] == ["a.safetensors", "b.safetensors"]
    assert [(tensor.name, tensor.shard) for tensor in checkpoint.tensors] == [("w", 0), ("v", 1)]
    assert checkpoint.metadata == {"format": "pt", "who": "me"}
    (finding,) = checkpoint.findings
    assert (finding.id, finding.level) == ("odd-input", "warning")
    assert "without an index" in finding.message


def test_same_tensor_in_two_files_without_an_index(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.safetensors": ONE, "b.safetensors": ONE})
    with pytest.raises(HeaderError) as caught:
        open_checkpoint(tmp_path)
    assert caught.value.tensor == "w"
    assert caught.value.path == str(tmp_path / "b.safetensors")
    assert "a.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "empty"),
        (["README.md"], "README.md"),
        (["pytorch_model.bin", "config.json"], "pickle"),
        (["model-q4.gguf"], "GGUF"),
        (["tf_model.h5"], "HDF5"),
        (["model_index.json", "unet/x.safetensors", "text_encoder/model.safetensors"], "/unet'"),
    ],
    ids=["empty", "unrelated", "only_bin", "only_gguf", "only_h5", "diffusers"],
)
def test_directory_without_safetensors_says_what_it_holds(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    write_files(tmp_path, {name: b"{}" for name in files})
    assert expected in refused(tmp_path)


# ---------------------------------------------------------------- what is no ordinary file


def at_once(path: Path | str) -> str:
    """Open in a thread, so that a call that blocks fails the test instead of hanging it."""
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(refused(path)), daemon=True)
    thread.start()
    thread.join(30)  # a blocked call would never end; a refusal takes microseconds
    assert outcome, "blocked, or was not refused"
    return outcome[0]


def test_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "FIFO" in at_once(tmp_path / "pipe.safetensors")


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.index.json"])
def test_fifo_in_a_directory_is_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "FIFO" in at_once(tmp_path / name)
    with pytest.raises(NotACheckpointError, match="FIFO"):
        open_checkpoint(tmp_path)


def test_fifo_as_config_is_a_warning(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors": ONE})
    os.mkfifo(tmp_path / "config.json")
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.config is None
    (finding,) = checkpoint.findings
    assert (finding.id, finding.level) == ("config-unreadable", "warning")
    assert "FIFO" in finding.message


def test_fifo_that_replaces_a_file_after_the_check_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_safetensors(tmp_path / "model.safetensors", {"w": TWO_FLOATS})
    status = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    real_stat = os.stat
    monkeypatch.setattr(os, "stat", lambda p, **k: status if p == str(path) else real_stat(p, **k))
    with pytest.raises(NotACheckpointError, match="FIFO"):
        RegularFile(str(path), str(path))


def test_descriptors_are_closed_after_errors(tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"GGUF" + bytes(60))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        refused(bad)
    assert len(os.listdir("/proc/self/fd")) == before


def test_device_is_refused_at_once() -> None:
    assert "device" in at_once("/dev/zero")


@pytest.mark.parametrize("path", ["/proc/self/maps", "/proc/kmsg", "/proc/cpuinfo"])
def test_proc_file_is_refused_at_once(path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    assert "/proc" in at_once(path)


def test_sys_file_is_refused_at_once() -> None:
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    if not os.path.exists(path):
        pytest.skip("no such file of /sys here")
    # its size is a lie: the file is shorter than the system says
    with pytest.raises((CheckpointError, FileChangedError), match="enabled"):
        open_checkpoint(path)


def test_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert "socket" in at_once("s")


def test_directory_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    assert "found 'model.safetensors/'" in refused(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "other")
    (tmp_path / "model.safetensors").symlink_to("other")
    assert "found 'model.safetensors/'" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "model.safetensors", {"w": TWO_FLOATS})
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_file_that_shrinks_while_its_header_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_safetensors(tmp_path / "model.safetensors", {"w": TWO_FLOATS})
    real_pread = os.pread

    def pread_of_a_shrinking_file(descriptor: int, length: int, offset: int) -> bytes:
        if offset >= 8:
            os.truncate(path, 9)
        return real_pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread_of_a_shrinking_file)
    with pytest.raises(FileChangedError, match="it shrank"):
        open_checkpoint(path)


# ---------------------------------------------------------------- links


def test_link_to_a_single_file_is_followed_anywhere(tmp_path: Path) -> None:
    real = write_safetensors(tmp_path / "store" / "blob", {"w": TWO_FLOATS})
    (tmp_path / "model.safetensors").symlink_to(real)
    checkpoint = open_checkpoint(tmp_path / "model.safetensors")
    assert checkpoint.shards[0].path == str(real)
    assert checkpoint.shards[0].name == "model.safetensors"


def test_links_in_a_directory_that_was_named_are_followed(tmp_path: Path) -> None:
    real = write_safetensors(tmp_path / "store" / "blob", {"w": TWO_FLOATS})
    (tmp_path / "store" / "settings").write_text('{"num_heads": 2}')
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").symlink_to(real)
    (tmp_path / "model" / "config.json").symlink_to("../store/settings")
    checkpoint = open_checkpoint(tmp_path / "model")
    assert checkpoint.shards[0].path == str(real)
    assert checkpoint.config == {"num_heads": 2}
    assert checkpoint.findings == ()


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("nowhere")
    with pytest.raises(ModelNotFoundError, match="leads nowhere"):
        open_checkpoint(tmp_path / "model.safetensors")


def test_link_loop(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path / "a")


# ---------------------------------------------------------------- config.json


def test_config_is_read(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors": ONE, "config.json": b'{"num_heads": 2}'})
    assert open_checkpoint(tmp_path).config == {"num_heads": 2}
    assert open_checkpoint(tmp_path / "model.safetensors").config == {"num_heads": 2}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b"[" * 200_000,
        b" " * 10_000_001,
    ],
    ids=["empty", "list", "truncated", "nan", "duplicate", "not_utf8", "deep", "too_long"],
)
def test_bad_config_is_a_warning(tmp_path: Path, text: bytes) -> None:
    write_files(tmp_path, {"model.safetensors": ONE, "config.json": text})
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.config is None
    assert len(checkpoint.tensors) == 1
    (finding,) = checkpoint.findings
    assert finding.id == "config-unreadable"
    assert str(tmp_path / "config.json") in finding.message


# ---------------------------------------------------------------- names that lead nowhere


@pytest.mark.parametrize(
    "name",
    [
        "missing.safetensors",
        "./missing",
        "/missing/model.safetensors",
        "missing/model.safetensors",
        "~/missing",
        "gpt2",
        "",
        "a/b/../c",
        "a\x00b",
        "x" * 5000,
        "org/name@",
        "org/na--me",
        "hf:/org/name",
    ],
)
def test_missing_path_is_not_looked_for_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("network"))
    with pytest.raises(ModelNotFoundError) as caught:
        open_checkpoint(name)
    assert str(caught.value).isprintable()


def test_missing_path_object_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFoundError, match="no file or directory"):
        open_checkpoint(Path("org/name"))


@pytest.mark.parametrize("name", ["hf://", "hf://a/b//c", "hf://a/../b", "hf://org/na..me"])
def test_hub_address_that_names_no_model(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="hf://org/name"):
        open_checkpoint(name)


def test_revision_of_a_local_path(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors": ONE})
    with pytest.raises(ValueError, match="local path"):
        open_checkpoint(tmp_path, revision="main")


def test_two_different_revisions() -> None:
    with pytest.raises(ValueError, match="different revisions"):
        open_checkpoint("org/name@one", revision="two")


# ---------------------------------------------------------------- the result


def test_reprs_are_short_and_inert() -> None:
    name = "a\x1b[31m\u202e" + "b" * 10_000
    tensor = TensorInfo(name, "BF16", (2, 3), 1, 100, 12)
    identity = FileIdentity(1, 2, 3, 4, 5)
    config = {"architectures": ["x" * 100_000]}
    shard = ShardFile("a", identity.size, "/a", identity)
    checkpoint = Checkpoint(name, (shard,), Tensors.of([tensor]), config, {}, Table(Finding))
    for text in (repr(tensor), repr(checkpoint)):
        assert len(text) < 400
        assert text.isprintable()
    assert "BF16 [2, 3]" in repr(tensor)
    assert "100..112" in repr(tensor)
    assert "1 tensor in 1 file, 12 bytes" in repr(checkpoint)


def test_results_are_frozen_and_can_be_pickled(tmp_path: Path) -> None:
    write_files(tmp_path, {name: safetensors_bytes(t) for name, t in TWO_SHARDS.items()})
    checkpoint = open_checkpoint(tmp_path)
    with pytest.raises(AttributeError):
        checkpoint.model = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint


def test_size_is_the_number_of_elements() -> None:
    assert TensorInfo("a", "F32", (2, 3), 0, 0, 24).size == 6
    assert TensorInfo("a", "F32", (), 0, 0, 4).size == 1
    assert TensorInfo("a", "F32", (2, 0), 0, 0, 0).size == 0
