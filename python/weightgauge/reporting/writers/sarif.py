"""Findings as SARIF 2.1.0, which code-scanning services read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from weightgauge.findings import RULES, Finding
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.medium import Medium

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fault": "error", "warning": "warning", "note": "note"}


def write(document: Document, medium: Medium) -> str:
    """Return the findings of a document as SARIF, accepted ones as suppressed results.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    data = document.data()
    model = str(data["model"])
    adapter = str(data["adapter"])
    rules = list(data["rules"])

    def placed(finding: Finding) -> dict[str, Any]:
        where = adapter if finding.model == "adapter" else model
        return _result(finding, rules.index(finding.id), where)

    results = [placed(each) for each in document.findings or ()]
    for each in data["accepted"]:
        suppression = [{"kind": "external", "justification": each["accepted"]}]
        finding = Finding(**{key: each[key] for key in each if key != "accepted"})
        results.append({**placed(finding), "suppressions": suppression})
    driver = {
        "name": "weightgauge",
        "version": data["weightgauge"],
        "rules": [_rule(name) for name in rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(data)],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _invocation(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say whether everything could be looked at, and what could not."""
    invocation = {"executionSuccessful": data["complete"], "exitCode": data["exit_code"]}
    told = [
        {"level": "error", "descriptor": {"id": "incomplete"}, "message": {"text": gap}}
        for gap in data["gaps"]
    ]
    return {**invocation, "toolExecutionNotifications": told} if told else invocation


def _rule(name: str) -> Mapping[str, Any]:
    rule = RULES[name]
    told = {"text": rule.asks}
    return {
        "id": name,
        "shortDescription": told,
        "help": {"text": rule.hint or rule.asks},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(finding: Finding, index: int, model: str) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": quote(model)}},
    }
    if finding.tensor is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.tensor}]
    return {
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": finding.message},
        "locations": [location],
        "properties": finding.to_dict(),
    }
