"""Recipes of other packagers say what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGING = ROOT / "docs" / "packaging"


def spelled(requirement: str) -> str:
    """The name and versions of a requirement, as conda writes them."""
    return re.sub(r"([<>=].*)", r" \1", requirement.partition(";")[0].replace("-", "_"), count=1)


def recipe():
    return yaml.safe_load((PACKAGING / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def test_the_conda_recipe_needs_what_the_package_needs():
    told = {each.replace("-", "_") for each in recipe()["requirements"]["run"]}
    needed = [
        each for each in PROJECT["project"]["dependencies"] if "sys_platform == 'win32'" not in each
    ]
    python = f"python {PROJECT['project']['requires-python']}"
    assert told == {python, *(spelled(each) for each in needed)}
    host = {each.replace("-", "_") for each in recipe()["requirements"]["host"]}
    assert {spelled(each) for each in PROJECT["build-system"]["requires"]} <= host


def test_the_conda_recipe_leaves_out_the_system_whose_compiler_is_microsofts():
    assert recipe()["build"]["skip"] == ["win"]
    assert '${{ compiler("cxx") }}' in recipe()["requirements"]["build"]


def test_versions_are_those_of_the_package():
    version = PROJECT["project"]["version"]
    assert recipe()["context"]["version"] == version
    dockerfile = (PACKAGING / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG VERSION=(\S+)$", dockerfile, re.MULTILINE) == [version]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version


def test_the_conda_package_is_tried_with_files_that_are_there():
    tests = [each for each in recipe()["tests"] if "files" in each]
    assert len(tests) == 1
    assert all((ROOT / name).is_file() for name in tests[0]["files"]["source"])
