"""Reports of checks that could not be made: a gate gets its file, which is red, and status 1."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import junitparser
import pytest
from sarif_pydantic import Sarif

import weightgauge as wg
from builders import TWO_SHARDS, write_sharded
from checked import config, put, run, trained
from weightgauge.errors import CheckpointError

FILE = "model.safetensors"


def lost_shard(path):
    write_sharded(path, TWO_SHARDS)
    (path / "model-00002-of-00002.safetensors").unlink()
    return "missing-file", "1 of 2 shards is missing: 'model-00002-of-00002.safetensors'"


def truncated_shard(path):
    write_sharded(path, TWO_SHARDS)
    shard = path / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    return "unreadable", "model-00002-of-00002.safetensors"


def another_save(path):
    """The index names a tensor that its shard does not have."""
    write_sharded(path, TWO_SHARDS)
    index = path / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("h.1.weight", "h.2.weight"))
    return "unreadable", "'h.2.weight'"


def no_index(path):
    write_sharded(path, TWO_SHARDS)
    (path / "model.safetensors.index.json").write_text("[]")
    return "unreadable", "does not hold a JSON object"


def no_header(path):
    path.mkdir()
    (path / FILE).write_bytes(bytes([255] * 64))
    return "unreadable", FILE


def cut_header(path):
    put(path, trained(), config())
    (path / FILE).write_bytes((path / FILE).read_bytes()[:100])
    return "unreadable", FILE


def an_empty_file(path):
    path.mkdir()
    (path / FILE).touch()
    return "unreadable", FILE


def an_empty_directory(path):
    path.mkdir()
    return "unreadable", "holds no safetensors file"


def pickles_alone(path):
    path.mkdir()
    (path / "pytorch_model.bin").write_bytes(b"PK")
    return "unreadable", "holds no safetensors file"


def nothing(path):
    return "unreadable", "there is no file or directory"


BAD = [
    lost_shard,
    truncated_shard,
    another_save,
    no_index,
    no_header,
    cut_header,
    an_empty_file,
    an_empty_directory,
    pickles_alone,
    nothing,
]


@pytest.fixture(params=BAD, ids=lambda make: make.__name__)
def bad(request, tmp_path):
    """A model that cannot be read, the rule that tells of it, and words of what it says."""
    path = tmp_path / "model"
    return path, *request.param(path)


def test_json_says_that_and_why_nothing_was_looked_at(bad, tmp_path):
    path, rule, words = bad
    report = tmp_path / "report.json"
    done = run(path, "-o", report)
    assert done.exit_code == 1 and done.stdout == "" and words in done.stderr
    told = json.loads(report.read_text())
    assert (told["exit_code"], told["failed"], told["complete"]) == (1, True, False)
    assert told["gaps"] == ["nothing could be looked at"] and told["verdict"] == "1 fault"
    (fault,) = told["findings"]
    assert (fault["id"], fault["level"]) == (rule, "fault") and fault["hint"]
    assert words in fault["message"] and told["error"] == fault["message"]
    assert f"error: {fault['message']}\n" in done.stderr
    if rule == "missing-file":
        assert (fault["value"], fault["expected"]) == (1, 2)


def test_junit_has_a_failure_and_an_error(bad, tmp_path):
    path, rule, words = bad
    report = tmp_path / "report.xml"
    assert run(path, "-o", report).exit_code == 1
    (suite,) = junitparser.JUnitXml.fromfile(str(report))
    assert (suite.tests, suite.failures, suite.errors) == (2, 1, 1)
    failure, error = (case for case in suite)
    assert failure.name == rule and words in failure.result[0].message
    assert isinstance(error.result[0], junitparser.Error)


def test_sarif_was_not_successful(bad):
    path, rule, words = bad
    done = run(path, "--format", "sarif")
    assert done.exit_code == 1
    Sarif.model_validate_json(done.stdout)
    (one,) = json.loads(done.stdout)["runs"]
    (invocation,) = one["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 1)
    (result,) = one["results"]
    assert (result["ruleId"], result["level"]) == (rule, "error")
    assert words in result["message"]["text"]


def test_github_gets_an_annotation(bad):
    path, rule, words = bad
    lines = run(path, "--format", "github").stdout.splitlines()
    assert any(each.startswith("::error ") and rule in each and words in each for each in lines)


def test_a_page_is_written_where_it_is_kept(bad, tmp_path):
    path, rule, _ = bad
    report = tmp_path / "report.txt"
    assert run(path, "-o", report).exit_code == 1
    page = " ".join(report.read_text().split())
    assert f"fault {rule}" in page and "no pass" in page and "passes" not in page
    assert run(path).stdout == ""


def test_a_report_of_yesterday_does_not_stay(healthy, tmp_path):
    report = tmp_path / "report.xml"
    assert run(healthy, "-o", report).exit_code == 0
    assert run(tmp_path / "absent", "-o", report, "--force").exit_code == 1
    (suite,) = ElementTree.parse(report).getroot()
    assert suite.get("failures") == "1"


@pytest.mark.parametrize("option", ["--against", "--adapter", "--rules"])
def test_what_a_model_is_held_against_must_be_readable_too(healthy, tmp_path, option):
    done = run(healthy, option, tmp_path / "absent", "--format", "json")
    assert done.exit_code == 1
    (fault,) = json.loads(done.stdout)["findings"]
    assert fault["id"] == "unreadable" and "absent" in fault["message"]


def test_no_report_is_written_over_what_must_stay(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text("kept")
    done = run(tmp_path / "absent", "-o", report)
    assert done.exit_code == 1 and "--force" in done.stderr
    assert report.read_text() == "kept"


def test_in_python_it_stays_an_error(tmp_path):
    lost_shard(tmp_path / "model")
    with pytest.raises(CheckpointError, match="1 of 2 shards is missing"):
        wg.check(tmp_path / "model")
