"""Files whose names are not text."""

from __future__ import annotations

import os
import shutil

import weightgauge as wg
from weightgauge import demo


def test_name_that_is_not_utf_8(tmp_path):
    source = next(iter(demo.paths().values())) / "model.safetensors"
    target = os.path.join(os.fsencode(tmp_path), b"\xff.safetensors")
    shutil.copy(source, target)
    shutil.copy(source.with_name("config.json"), tmp_path)  # it tells heads, which errors rest on
    found = wg.fit(os.fsdecode(target))
    assert found.to_dicts() == wg.fit(source).to_dicts()
