"""What `check` writes for machines: JSON, SARIF, JUnit and annotations of GitHub."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import numpy as np
import pytest
from click.testing import CliRunner
from sarif_pydantic import Sarif

import weightgauge as wg
from checked import UP, put, run
from weightgauge.cli import main
from weightgauge.findings import RULES


def test_no_report_of_an_incomplete_check_is_green(packed, tmp_path):
    """Those who read the report alone must see it too."""
    report = tmp_path / "report.xml"
    assert run(packed, "-o", report).exit_code == 3
    for element in ElementTree.parse(report).iter():
        assert set(element.attrib) <= JENKINS[element.tag]
    (suite,) = junitparser.JUnitXml.fromfile(str(report))
    assert (suite.failures, suite.errors, suite.skipped) == (0, 1, 0)
    (case,) = (case for case in suite if case.result)
    assert isinstance(case.result[0], junitparser.Error) and UP in case.result[0].message
    text = run(packed, "--format", "sarif").stdout
    Sarif.model_validate_json(text)
    document = json.loads(text)
    _check_schema(document)
    (invocation,) = document["runs"][0]["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 3)
    (told,) = invocation["toolExecutionNotifications"]
    assert told["level"] == "error" and UP in told["message"]["text"]
    lines = run(packed, "--format", "github").stdout.splitlines()
    assert [line for line in lines if line.startswith("::error ") and UP in line]


def test_reports_of_a_complete_check_say_so(healthy):
    invocation = json.loads(run(healthy, "--format", "sarif").stdout)["runs"][0]["invocations"][0]
    assert invocation == {"executionSuccessful": True, "exitCode": 0}
    assert 'errors="0"' in run(healthy, "--format", "junit").stdout
    assert "::error" not in run(healthy, "--format", "github").stdout


def test_json_has_all(with_nan):
    document = json.loads(run(with_nan, "--format", "json").stdout)
    for key in ("schema_version", "model", "against", "fail_on", "failed", "complete", "verdict"):
        assert key in document
    assert document["failed"] is True and document["findings"][0]["id"] == "non-finite"
    assert document == json.loads(json.dumps(wg.check(with_nan).to_dict()))


def test_sarif_is_valid(with_nan, rules):
    accepted = rules('[[accept]]\nrule = "non-finite"\nreason = "known: <&>"\n')
    for arguments in ([], ["--rules", accepted]):
        text = run(with_nan, "--format", "sarif", *arguments).stdout
        log = Sarif.model_validate_json(text)
        (one,) = log.runs
        ids = [rule.id for rule in one.tool.driver.rules]
        assert all(ids[each.rule_index] == each.rule_id for each in one.results)
        document = json.loads(text)
        (result,) = [each for each in document["runs"][0]["results"] if each["level"] == "error"]
        (place,) = result["locations"][0]["logicalLocations"]
        assert place["fullyQualifiedName"] == UP
        assert ("suppressions" in result) == bool(arguments)
        _check_schema(document)


def _check_schema(document):
    """Compare with the published schema where a copy of it is at hand."""
    path = os.environ.get("WEIGHTGAUGE_SARIF_SCHEMA")
    if path:
        import jsonschema

        jsonschema.validate(document, json.loads(Path(path).read_text()))


JENKINS = {
    "testsuites": {"name", "time", "tests", "failures", "errors", "disabled"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp"),
        *("hostname", "id", "package", "file", "log", "url", "version", "group"),
    },
    "testcase": {"name", "assertions", "time", "classname", "status", "class", "file", "line"},
    "failure": {"type", "message"},
    "skipped": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
}


def test_junit_is_valid(with_nan, tmp_path):
    path = tmp_path / "report.xml"
    assert run(with_nan, "-o", path).exit_code == 4
    for element in ElementTree.parse(path).iter():
        assert set(element.attrib) <= JENKINS[element.tag]
    (suite,) = junitparser.JUnitXml.fromfile(str(path))
    failing = [case.name for case in suite if case.result]
    assert failing == ["non-finite"]
    assert suite.tests == len(list(suite)) and suite.failures == 1


def test_github_reads_its_annotations(with_nan):
    text = run(with_nan, "--format", "github").stdout
    lines = [line for line in text.splitlines() if line.startswith("::")]
    pattern = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::(.+)")
    parsed = [pattern.fullmatch(line) for line in lines]
    assert lines and all(parsed)
    assert parsed[0][1] == "error" and UP in parsed[0][3]


@pytest.mark.parametrize("form", ["sarif", "junit", "github", "json"])
def test_foreign_names_break_no_report(tmp_path, form):
    name = "model.layers.0.mlp.\u202e]]>\x1b[31m%0A::error::<b>&\n.weight"
    tensors = {name: np.full((8, 8), np.nan, np.float32)}
    done = run(put(tmp_path / "model", tensors), "--format", form)
    assert done.exit_code == 4 and "\x1b" not in done.stdout and "\u202e" not in done.stdout
    if form == "junit":
        ElementTree.fromstring(done.stdout)
    if form in ("sarif", "json"):
        json.loads(done.stdout)
    if form == "github":
        assert sum(line.startswith("::error") for line in done.stdout.splitlines()) == 1


def test_a_report_that_cannot_be_written(healthy, tmp_path):
    done = run(healthy, "--format", "sarif", "-o", tmp_path / "absent" / "x.sarif")
    assert done.exit_code == 1 and len(done.stderr.splitlines()) <= 2


def test_forms_of_findings_are_offered_where_findings_are_all(healthy):
    done = CliRunner().invoke(main, ["fit", str(healthy), "--format", "sarif"])
    assert done.exit_code == 2
    for rule in wg.check(healthy).rules:
        assert rule in RULES
