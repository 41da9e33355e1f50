"""Directories as people have them: what is read, what is told, and what is left out."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import weightgauge as wg
from builders import (
    TWO_FLOATS,
    TWO_SHARDS,
    index_bytes,
    pack,
    safetensors_bytes,
    sharded_files,
    write_files,
)
from weightgauge.checkpoint import Checkpoint, open_checkpoint
from weightgauge.errors import CheckpointError, HeaderError, IndexFileError, NotACheckpointError
from weightgauge.findings import Finding

INDEX = "model.safetensors.index.json"
SHARDS = {name: safetensors_bytes(tensors) for name, tensors in TWO_SHARDS.items()}
NAMES = ["embed.weight", "h.0.weight", "h.1.weight"]
OTHER = safetensors_bytes({name: TWO_FLOATS for name in ("tok.weight", "layers.0", "layers.1")})


def opened(directory: Path, files: Mapping[str, bytes]) -> Checkpoint:
    return open_checkpoint(write_files(directory, files))


def of(checkpoint: Checkpoint, rule: str) -> Finding:
    (finding,) = (each for each in checkpoint.findings if each.id == rule)
    return finding


def names(checkpoint: Checkpoint) -> list[str]:
    return sorted(tensor.name for tensor in checkpoint.tensors)


# ---------------------------------------------------------------- one of several saves


@pytest.mark.parametrize("indexed", [False, True], ids=["without_index", "with_index"])
@pytest.mark.parametrize(
    "beside",
    ["consolidated.safetensors", "consolidated-00001-of-00001.safetensors", "mtp.safetensors"],
)
def test_no_weight_is_counted_twice(tmp_path: Path, beside: str, indexed: bool) -> None:
    files = {**(sharded_files(TWO_SHARDS) if indexed else SHARDS), beside: OTHER}
    checkpoint = opened(tmp_path, files)
    assert [shard.name for shard in checkpoint.shards] == list(TWO_SHARDS)
    assert names(checkpoint) == NAMES
    finding = of(checkpoint, "left-out")
    assert finding.level == "note"
    assert beside in finding.message


def test_whole_model_beside_shards_without_an_index(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {**SHARDS, "model.safetensors": OTHER})
    assert [shard.name for shard in checkpoint.shards] == ["model.safetensors"]
    assert all(name in of(checkpoint, "left-out").message for name in TWO_SHARDS)


def test_whole_model_beside_shards_with_an_index(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {**sharded_files(TWO_SHARDS), "model.safetensors": OTHER})
    assert [shard.name for shard in checkpoint.shards] == list(TWO_SHARDS)
    assert "model.safetensors" in of(checkpoint, "left-out").message


def test_whole_save_beside_a_broken_one_of_another_length(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {**SHARDS, "model-00003-of-00003.safetensors": OTHER})
    assert [shard.name for shard in checkpoint.shards] == list(TWO_SHARDS)
    assert "model-00003-of-00003" in of(checkpoint, "left-out").message


def test_two_whole_saves_without_an_index_are_not_guessed_at(tmp_path: Path) -> None:
    write_files(tmp_path, {**SHARDS, "model-00001-of-00001.safetensors": OTHER})
    with pytest.raises(NotACheckpointError, match="several saves") as caught:
        open_checkpoint(tmp_path)
    assert "model-00001-of-00001" in str(caught.value)
    assert "model-00001-of-00002" in str(caught.value)


@pytest.mark.parametrize(
    ("beside", "called"),
    [
        ("model.fp16.safetensors", "other copies (model.fp16.safetensors)"),
        ("model.non_ema.safetensors", "EMA copies"),
        ("model_ema.safetensors", "EMA copies"),
        ("ema.safetensors", "EMA copies"),
        ("adapter_model.safetensors", "adapters"),
        ("pytorch_lora_weights.safetensors", "adapters"),
        ("optimizer.safetensors", "optimizer states"),
        ("optimizer.pt", "PyTorch pickles (optimizer.pt)"),
        ("training_args.bin", "PyTorch pickles"),
        ("model-q4.gguf", "GGUF files"),
        ("modeling_custom.py", "code (modeling_custom.py)"),
        ("1_Dense/model.safetensors", "/1_Dense'"),
        ("original/consolidated.safetensors", "/original'"),
    ],
)
def test_what_lies_beside_a_model_is_named_and_left_out(
    tmp_path: Path, beside: str, called: str
) -> None:
    checkpoint = opened(tmp_path, {"model.safetensors": SHARDS[min(SHARDS)], beside: OTHER})
    assert [shard.name for shard in checkpoint.shards] == ["model.safetensors"]
    (finding,) = checkpoint.findings
    assert (finding.id, finding.level) == ("left-out", "note")
    assert called in finding.message


def test_configuration_of_an_adapter_that_is_left_out_is_not_the_models(tmp_path: Path) -> None:
    files = {"adapter_model.safetensors": OTHER, "adapter_config.json": b'{"r": 8}'}
    assert opened(tmp_path / "alone", files).adapter_config == {"r": 8}
    checkpoint = opened(tmp_path / "both", {**files, "model.safetensors": OTHER})
    assert checkpoint.adapter_config is None


def test_all_that_is_left_out_is_one_finding(tmp_path: Path) -> None:
    beside = {f"old-{i}.bin": b"" for i in range(9)} | {"a.py": b"", "b.py": b"", "ema.pt": b""}
    checkpoint = opened(tmp_path, {"model.safetensors": OTHER, "README.md": b"", **beside})
    message = of(checkpoint, "left-out").message
    assert "and 7 more" in message
    assert "a.py, b.py" in message
    assert "README" not in message


def test_variant_alone_is_the_model(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {"diffusion_pytorch_model.fp16.safetensors": OTHER})
    assert len(checkpoint.tensors) == 3
    assert checkpoint.findings == ()


@pytest.mark.parametrize(
    ("chosen", "beside"),
    [
        ("consolidated.safetensors", "optimizer.safetensors"),
        ("adapter_model.safetensors", "optimizer.safetensors"),
        ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
        ("any.safetensors", "any.bf16.safetensors"),
    ],
)
def test_the_likelier_of_two_files_is_read(tmp_path: Path, chosen: str, beside: str) -> None:
    checkpoint = opened(tmp_path, {chosen: OTHER, beside: OTHER})
    assert [shard.name for shard in checkpoint.shards] == [chosen]
    assert beside in of(checkpoint, "left-out").message


def test_index_of_a_copy_or_an_adapter_does_not_decide(tmp_path: Path) -> None:
    index = index_bytes({"w": "consolidated.safetensors"})
    files = {"consolidated.safetensors.index.json": index, "consolidated.safetensors": OTHER}
    checkpoint = opened(tmp_path, {**files, **SHARDS})
    assert [shard.name for shard in checkpoint.shards] == list(TWO_SHARDS)
    variant = {"model.fp16.safetensors.index.json": index_bytes({"w": "x.safetensors"})}
    checkpoint = opened(tmp_path / "b", {**variant, **sharded_files(TWO_SHARDS)})
    assert names(checkpoint) == NAMES


# ---------------------------------------------------------------- indexes of another save


def test_stale_index_beside_a_complete_save(tmp_path: Path) -> None:
    old = index_bytes({"w": "model-00001-of-00003.safetensors"})
    checkpoint = opened(tmp_path, {**SHARDS, INDEX: old})
    assert names(checkpoint) == NAMES
    finding = of(checkpoint, "stale-index")
    assert finding.level == "warning"
    assert INDEX in finding.message
    assert "again" not in f"{finding.message} {finding.hint}"


def test_stale_index_beside_a_single_file(tmp_path: Path) -> None:
    old = index_bytes({"w": "model-00001-of-00003.safetensors"})
    checkpoint = opened(tmp_path, {"model.safetensors": OTHER, INDEX: old})
    assert [shard.name for shard in checkpoint.shards] == ["model.safetensors"]
    assert of(checkpoint, "stale-index").level == "warning"


@pytest.mark.parametrize("there", [[], [min(SHARDS)]], ids=["none", "one"])
def test_index_without_a_complete_save_beside_it(tmp_path: Path, there: list[str]) -> None:
    write_files(tmp_path, {INDEX: index_bytes({"w": "model-00001-of-00003.safetensors"})})
    write_files(tmp_path, {name: SHARDS[name] for name in there})
    with pytest.raises(IndexFileError, match="1 of 1 shard is missing"):
        open_checkpoint(tmp_path)


def test_index_that_is_a_dangling_link_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, SHARDS)
    (tmp_path / INDEX).symlink_to("nowhere")
    with pytest.raises(NotACheckpointError, match="leads nowhere") as caught:
        open_checkpoint(tmp_path)
    assert INDEX in str(caught.value)


@pytest.mark.parametrize("indexed", [False, True], ids=["without_index", "with_index"])
def test_missing_numbers_are_a_fault(tmp_path: Path, indexed: bool) -> None:
    shards = {f"model-{i:05}-of-00010.safetensors": {f"h.{i}.w": TWO_FLOATS} for i in (2, 3, 6, 9)}
    files = sharded_files(shards)
    if not indexed:
        del files[INDEX]
    checkpoint = opened(tmp_path, files)
    assert len(checkpoint.tensors) == 4
    finding = of(checkpoint, "missing-file")
    assert (finding.level, finding.value, finding.expected) == ("fault", 4, 10)
    assert "6 of 10 files are missing" in finding.message
    assert "model-00001-of-00010.safetensors" in finding.message
    assert "model-00002-of-00010.safetensors" not in finding.message


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_may_start_at_zero_or_one(tmp_path: Path, first: int) -> None:
    shards = {
        f"model-{i + first:05}-of-00002.safetensors": {f"h.{i}.w": TWO_FLOATS} for i in (0, 1)
    }
    assert opened(tmp_path, sharded_files(shards)).findings == ()


def test_absurd_number_of_files_takes_no_time(tmp_path: Path) -> None:
    write_files(tmp_path, {"model-1-of-999999999.safetensors": OTHER})
    start = time.perf_counter()
    finding = of(open_checkpoint(tmp_path), "missing-file")
    assert time.perf_counter() - start < 5  # to count them one by one takes minutes
    assert "999,999,998 of 999,999,999 files are missing" in finding.message


def test_one_file_of_several_named_alone_is_no_fault(tmp_path: Path) -> None:
    write_files(tmp_path, SHARDS)
    checkpoint = open_checkpoint(tmp_path / min(SHARDS))
    finding = of(checkpoint, "odd-input")
    assert (finding.level, "one of 2 files" in finding.message) == ("note", True)


# ---------------------------------------------------------------- parts


def test_parts_of_a_pipeline_are_named_as_they_are_to_be_written(tmp_path: Path) -> None:
    files = {"model_index.json": b"{}", "unet/a.safetensors": OTHER, "vae/b.safetensors": OTHER}
    write_files(tmp_path, files)
    with pytest.raises(NotACheckpointError) as caught:
        open_checkpoint(tmp_path)
    for part in ("unet", "vae"):
        assert f"'{tmp_path}/{part}'" in str(caught.value)
        assert len(open_checkpoint(f"{tmp_path}/{part}").tensors) == 3


# ---------------------------------------------------------------- the cache of the Hub


def cached(tmp_path: Path, commits: list[str], main: str | None = None) -> Path:
    model = tmp_path / "models--org--name"
    for commit in commits:
        tensors = {commit: TWO_FLOATS}
        write_files(model / "blobs", {commit: safetensors_bytes(tensors)})
        (model / "snapshots" / commit).mkdir(parents=True)
        (model / "snapshots" / commit / "model.safetensors").symlink_to(f"../../blobs/{commit}")
    if main is not None:
        write_files(model / "refs", {"main": main.encode()})
    return model


def test_only_snapshot_of_a_cache_folder(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(cached(tmp_path, ["abc"]))
    assert names(checkpoint) == ["abc"]
    assert checkpoint.model.endswith("models--org--name")


def test_snapshots_without_anything_that_says_which(tmp_path: Path) -> None:
    """A copy of the folder may have neither refs nor blobs."""
    model = tmp_path / "models--org--name"
    for commit in ("abc", "def"):
        write_files(
            model / "snapshots" / commit,
            {"model.safetensors": safetensors_bytes({"w": TWO_FLOATS})},
        )
    with pytest.raises(NotACheckpointError, match="holds 2 snapshots") as caught:
        open_checkpoint(model)
    for commit in ("abc", "def"):
        assert str(model / "snapshots" / commit) in str(caught.value)
        assert names(open_checkpoint(model / "snapshots" / commit)) == ["w"]


def test_snapshot_that_the_main_branch_names(tmp_path: Path) -> None:
    assert names(open_checkpoint(cached(tmp_path, ["abc", "def"], main="def\n"))) == ["def"]


@pytest.mark.parametrize("main", [None, "../../secret", "gone"])
def test_several_snapshots_and_none_that_counts(tmp_path: Path, main: str | None) -> None:
    model = cached(tmp_path, ["abc", "def"], main=main)
    with pytest.raises(NotACheckpointError, match="2 snapshots") as caught:
        open_checkpoint(model)
    assert f"'{model}/snapshots/abc'" in str(caught.value)


# ---------------------------------------------------------------- other formats


@pytest.mark.parametrize(
    ("name", "content", "kind", "how"),
    [
        ("pytorch_model.bin", b"\x07" * 64, "PyTorch pickle", "torch.load"),
        ("pytorch_model.bin", b"PK\x03\x04" + bytes(60), "PyTorch pickle", "torch.load"),
        ("__0_0.distcp", b"PK\x03\x04" + bytes(60), "distributed checkpoint", "dcp_to_torch"),
        (".metadata", b"\x80\x04\x95" + bytes(60), "distributed checkpoint", "dcp_to_torch"),
        ("zero_pp_rank_0_mp_rank_00_optim_states.pt", b"PK\x03\x04", "DeepSpeed", "zero_to_fp32"),
        ("mp_rank_00_model_states.pt", b"PK\x03\x04" + bytes(60), "DeepSpeed", "zero_to_fp32"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch" + bytes(60), "ONNX", "onnx.load"),
        ("weights.npz", b"PK\x03\x04" + bytes(60), "NumPy archive", "numpy.load"),
        ("model.gguf", b"GGUF" + bytes(60), "GGUF", "gguf_file"),
    ],
)
def test_another_format_is_recognised_with_the_line_that_converts_it(
    tmp_path: Path, name: str, content: bytes, kind: str, how: str
) -> None:
    write_files(tmp_path, {name: content})
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(NotACheckpointError) as caught:
            open_checkpoint(path)
        message = str(caught.value)
        assert kind in message
        assert how in message
        assert "damaged" not in message
        assert "header length" not in message


def test_safetensors_that_is_damaged_is_still_told_as_such(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.safetensors": b"\x07" * 64})
    with pytest.raises(HeaderError, match="header length"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["counts.wghist", "counts.safetensors", "counts.bin", "counts"])
def test_saved_histograms_are_known_by_their_header(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {"model.safetensors": OTHER})
    kept = wg.scan(tmp_path / "model.safetensors")
    kept.save(tmp_path / name)
    assert wg.fit(tmp_path / name).to_dicts() == wg.fit(kept).to_dicts()


@pytest.mark.parametrize("offsets", [((0, 8), (0, 8)), ((0, 8), (8, 16)), ((0, 8), (4, 12))])
def test_a_name_that_is_used_twice_is_told_as_that(
    tmp_path: Path, offsets: tuple[tuple[int, int], ...]
) -> None:
    entries = ",".join(
        f'"w":{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}'
        for begin, end in offsets
    )
    data = struct.pack("<4f", 1, 2, 3, 4)[: max(end for _, end in offsets)]
    write_files(tmp_path, {"model.safetensors": pack("{" + entries + "}", data)})
    with pytest.raises(CheckpointError, match="name is used twice"):
        open_checkpoint(tmp_path)


# ---------------------------------------------------------------- where findings go


def test_findings_are_kept_in_fits_documents_and_saved_counts(tmp_path: Path) -> None:
    files = {"model-00002-of-00003.safetensors": OTHER, "config.json": b"{", "old.bin": b""}
    write_files(tmp_path / "model", files)
    found = wg.fit(tmp_path / "model")
    assert {each.id for each in found.findings} == {"missing-file", "config-unreadable", "left-out"}
    assert found.to_dict()["findings"] == found.findings.to_dicts()
    assert found.warnings == ()
    kept = wg.scan(tmp_path / "model")
    kept.save(tmp_path / "kept.wghist")
    loaded = wg.ModelHistograms.load(tmp_path / "kept.wghist")
    assert loaded.findings == kept.findings == found.findings
    assert wg.fit(loaded).findings == found.findings
    for told in (wg.diagnose(loaded).findings, wg.compare(loaded, loaded).findings):
        assert any("2 of 3 files are missing" in each.message for each in told)
