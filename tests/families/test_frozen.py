"""Kept copies of real families' tiny checkpoints, which need neither PyTorch nor transformers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import weightgauge as wg
from families.expectation import check, check_what_is_said
from families.frozen_copy import FOLDER, FROZEN_FAMILIES, VIEWS, Copy, read_expectation

each = pytest.mark.parametrize("copy", FROZEN_FAMILIES.values(), ids=list(FROZEN_FAMILIES))


@each
@pytest.mark.parametrize("per", VIEWS)
def test_kinds_blocks_parts_and_sigmas(copy: Copy, per: str) -> None:
    found = wg.fit(copy.path, per=per)
    assert not found.warnings, found.warnings
    check(found, read_expectation(copy, per), copy.dtype)


@each
def test_without_a_configuration_nothing_wrong_is_said(copy: Copy, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("config.json", "expected.json")
    path = shutil.copytree(copy.path, tmp_path / "model", ignore=ignored)
    check_what_is_said(wg.fit(path), read_expectation(copy, "tensor"), copy.dtype)


def test_one_copy_is_in_several_files() -> None:
    assert len(list(FROZEN_FAMILIES["qwen3"].path.glob("*.safetensors"))) > 1


def test_copies_are_small_and_every_one_is_tested() -> None:
    assert {path.name for path in FOLDER.iterdir()} == FROZEN_FAMILIES.keys()
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 500_000
