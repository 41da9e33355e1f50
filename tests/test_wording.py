"""Words that agree with their number, where the number is one."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from builders import TWO_SHARDS, safetensors_bytes, write_sharded
from weightgauge.checkpoint import open_checkpoint


def message(error, call, *arguments, **options):
    with pytest.raises(error) as raised:
        call(*arguments, **options)
    return str(raised.value)


def test_one_step_for_two_models(tmp_path):
    models = [{"w.weight": np.ones((2, 2), np.float32)}] * 2
    told = message(wg.errors.RunError, wg.track, models, steps=[1])
    assert "1 step is given for 2 models" in told
    told = message(wg.errors.RunError, wg.track, models[:1], steps=[1, 2])
    assert "2 steps are given for 1 model" in told


def test_one_lost_shard(tmp_path):
    path = write_sharded(tmp_path / "m", TWO_SHARDS)
    (path / "model-00002-of-00002.safetensors").unlink()
    assert "1 of 2 shards is missing" in message(wg.errors.IndexFileError, open_checkpoint, path)


def test_one_byte_too_many(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_bytes({"w": ("F32", [1], bytes(4))}) + b"x")
    told = message(wg.errors.HeaderError, open_checkpoint, path)
    assert "1 byte at the end of the file belongs to no tensor" in told


def test_one_tensor_that_no_pattern_takes():
    one = {"w.weight": np.ones((4, 4), np.float32)}
    told = message(wg.errors.NothingSelectedError, wg.fit, one, include="v*")
    assert told.startswith("the one tensor is not left by")
    two = one | {"u.weight": np.ones((4, 4), np.float32)}
    told = message(wg.errors.NothingSelectedError, wg.fit, two, include="v*")
    assert told.startswith("none of the 2 tensors is left by")


def test_one_tensor_that_is_equal():
    one = {"w.weight": np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)}
    (found,) = (each for each in wg.compare(one, one).findings if each.id == "identical")
    assert found.message == "IDENTICAL: the one tensor has equal values"


def test_one_element():
    (item,) = wg.fit({"w.weight": np.zeros((1, 1), np.float32)}).slices
    assert item.reason == "its one element is zero"
    (item,) = wg.fit({"w.weight": np.full((1, 1), np.nan, np.float32)}).slices
    assert item.reason == "the one element is not finite and non-zero"
