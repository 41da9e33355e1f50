"""Whether an installed package works: a few minutes of use in a few seconds.

Wheels are tested with this file and the oracle alone, on every platform; so it needs no other file
of these tests, and no package but those that weightgauge needs itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import numpy as np
import pytest

import weightgauge as wg
from oracle import inverted_cdf, linregress_fit, magnitudes
from weightgauge import _core, demo
from weightgauge.errors import CheckpointError

TRAINED = demo.paths()["step-last"]
TOLERANCE = 1e-9  # the oracle adds in doubles


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "weightgauge", *map(str, arguments)]
    settings = os.environ | {"PYTHONUTF8": "1"}
    return subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", check=False)


def weights(n: int = 200_000, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(7).normal(0, 0.02, n).astype(dtype)


def close_to_the_oracle(fit, values) -> bool:
    expected = linregress_fit(magnitudes(values))
    return (fit.k, fit.lam, fit.r2) == pytest.approx(
        (expected.k, expected.lam, expected.r2), rel=TOLERANCE
    )


def test_the_extension_is_of_this_version_and_has_no_debugging():
    info = _core.build_info()
    assert info["version"] == wg.__version__ == version("weightgauge")
    assert not info["assertions"]


def test_everything_that_it_needs_is_installed():
    needed = [each for each in requires("weightgauge") if "extra ==" not in each]
    assert len(needed) > 3
    for each in needed:
        assert version(each.split(">")[0])


@pytest.mark.parametrize("level", _core.build_info()["kernels_available"].split(", "))
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_every_set_of_kernels_fits_as_the_definition_says(level, dtype):
    values = weights(dtype=dtype)
    try:
        _core.use_kernels(level)
        assert close_to_the_oracle(wg.fit_weibull(values, exact=True), values)
        probs = [0.0, 0.1, 0.5, 0.999, 1.0]
        found, expected = wg.quantiles(values, probs), inverted_cdf(magnitudes(values), probs)
        assert list(found) == list(expected)
    finally:
        _core.use_kernels("auto")


def test_threads_and_ways_of_reading_change_nothing():
    fits = [wg.fit(TRAINED, threads=n, io=io) for n in (1, 2, 5) for io in ("mmap", "pread")]
    assert len(fits[0].matrices) > 10
    assert all(slice.fitted for slice in fits[0].matrices)
    assert all(fit.to_dict() == fits[0].to_dict() for fit in fits)


def test_saved_counts_take_the_place_of_the_weights(tmp_path):
    saved = tmp_path / "trained.wghist"
    assert run("scan", TRAINED, "-o", saved).returncode == 0
    direct, again = wg.fit(TRAINED), wg.fit(saved)
    assert [(s.tensor, s.k, s.lam) for s in again] == [(s.tensor, s.k, s.lam) for s in direct]
    assert run("scan", TRAINED, "-o", saved, "--force").returncode == 0  # over what is there


def test_the_command_line(tmp_path):
    fitted = run("fit", TRAINED, "--json")
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert json.loads(fitted.stdout)["weightgauge"] == wg.__version__
    assert "1.2054" in run("demo").stdout
    broken = run("fit", tmp_path / "nothing.safetensors")
    assert broken.returncode == 1
    assert "nothing.safetensors" in broken.stderr and "Traceback" not in broken.stderr


def test_a_checkpoint_that_is_cut_off_is_an_error(tmp_path):
    whole = (TRAINED / "model.safetensors").read_bytes()
    Path(tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cut"):
        wg.fit(tmp_path / "cut.safetensors")
