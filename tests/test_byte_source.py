"""Headers and JSON files are read from anything that has bytes."""

from __future__ import annotations

import pytest

from builders import TWO_FLOATS, TWO_SHARDS, index_bytes, safetensors_bytes, write_files
from weightgauge.checkpoint import open_checkpoint
from weightgauge.checkpoint.assemble import open_sources
from weightgauge.checkpoint.byte_source import ByteSource, MemoryBytes
from weightgauge.checkpoint.config import read_config
from weightgauge.checkpoint.formats import read_headers
from weightgauge.checkpoint.index import read_index
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.errors import CheckpointError, ConfigError, HeaderError, NotACheckpointError
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import slices_of_checkpoint

FILE = safetensors_bytes({"a.weight": ("BF16", [4, 2], bytes(range(16)))})


def in_memory(content: bytes, shown: str = "there/model.safetensors") -> ByteSource:
    return MemoryBytes(content, shown)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_header_in_memory_is_read_as_that_of_a_file(tmp_path, kind):
    path = write_files(tmp_path, {"model.safetensors": FILE}) / "model.safetensors"
    with RegularFile(str(path), "shown") as file:
        assert file.size == len(FILE)
        from_file = read_headers(file, shard=3)
    source = MemoryBytes(kind(FILE), "shown")
    assert source.size == len(FILE)
    assert source.read(8, 5) == FILE[8:13]
    assert read_headers(source, shard=3) == from_file
    assert from_file.tensors[0].shard == 3


def test_a_checkpoint_of_memory_has_the_tensors_of_the_files():
    shards = {name: safetensors_bytes(tensors) for name, tensors in TWO_SHARDS.items()}
    sources = {name: in_memory(content, name) for name, content in shards.items()}
    opened = open_sources(sources, model="m", config={"model_type": "tiny"})
    assert [t.name for t in opened.tensors] == ["embed.weight", "h.0.weight", "h.1.weight"]
    assert [t.shard for t in opened.tensors] == [0, 0, 1]
    assert [(s.name, s.size, s.path, s.identity) for s in opened.shards] == [
        (name, len(content), None, None) for name, content in shards.items()
    ]
    assert opened.config == {"model_type": "tiny"}


def test_weights_that_are_in_no_file_are_not_looked_for_in_one():
    opened = open_sources({"a.safetensors": in_memory(FILE)}, model="m")
    subject = slices_of_checkpoint(opened)
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its weights are in no file"):
        list(subject.measure(FitOptions()))


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", HeaderError, "the file is empty"),
        (b"\x00\x01\x02\x03", HeaderError, "the file has 4 bytes"),
        (FILE[:-1], HeaderError, "run past the end of the data, which has 15 bytes"),
        (b"GGUF" + bytes(100), NotACheckpointError, "it looks like a GGUF file"),
    ],
)
def test_wrong_bytes_in_memory_are_told_apart_by_the_name_they_were_given(content, error, words):
    with pytest.raises(error, match=words) as caught:
        read_headers(in_memory(content))
    assert str(caught.value).startswith("there/model.safetensors: ")


def test_a_name_in_two_sources_is_refused():
    twice = safetensors_bytes({"a.weight": TWO_FLOATS})
    with pytest.raises(HeaderError, match=r"'a\.weight'.* is also in 'x'"):
        open_sources({"x": in_memory(twice), "y": in_memory(twice)}, model="m")


def test_json_in_memory():
    assert read_config(in_memory(b'{"a": 1}')) == {"a": 1}
    with pytest.raises(ConfigError, match=r"^there/config\.json: "):
        read_config(in_memory(b"[", "there/config.json"))
    index = read_index(in_memory(index_bytes({"w": "a.safetensors"}), "i.json"))
    assert (index.shown, index.shards) == ("i.json", ("a.safetensors",))


def test_files_keep_their_path_and_identity(tmp_path):
    directory = write_files(tmp_path, {"model.safetensors": FILE})
    (shard,) = open_checkpoint(directory).shards
    assert shard.identity is not None
    assert shard.size == shard.identity.size == len(FILE)
    assert shard.path == str(directory / "model.safetensors")
