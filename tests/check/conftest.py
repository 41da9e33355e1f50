"""Models that several files of this folder check."""

from __future__ import annotations

import numpy as np
import pytest

from checked import UP, config, put, trained


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return put(tmp_path_factory.mktemp("healthy") / "model", trained(), config())


@pytest.fixture(scope="module")
def with_nan(tmp_path_factory):
    tensors = trained()
    tensors[UP][:10] = np.nan
    return put(tmp_path_factory.mktemp("nan") / "model", tensors, config())


@pytest.fixture
def rules(tmp_path):
    def write(text):
        path = tmp_path / "rules.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    tensors = trained()
    tensors[UP] = np.ones(tensors[UP].shape, np.int8)
    return put(tmp_path_factory.mktemp("packed") / "model", tensors, config())
