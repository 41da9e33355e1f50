"""Findings as a JUnit report, in which every rule is a test case."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from weightgauge.errors import harmless
from weightgauge.findings import LEVELS, FindingGroup, grouped
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> str:
    """Return one test case for each rule that was asked; it fails if it found what fails the check.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    data = document.data()
    limit = LEVELS.index(data["fail_on"])
    by_rule: dict[str, list[FindingGroup]] = {name: [] for name in data["rules"]}
    for group in grouped(document.findings or ()):
        by_rule.setdefault(group.id, []).append(group)
    suite = ElementTree.Element("testsuite")
    failures = 0
    for name, groups in by_rule.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname="weightgauge", name=name, time="0"
        )
        failing = [each for each in groups if LEVELS.index(each.level) <= limit]
        others = [each for each in groups if each not in failing]
        if failing:
            failures += 1
            message = _safe(failing[0].message)
            failure = ElementTree.SubElement(
                case, "failure", type=failing[0].level, message=message
            )
            failure.text = _safe("\n".join(each.message for each in failing))
        if others:
            told = "\n".join(f"{each.level}: {each.message}" for each in others)
            ElementTree.SubElement(case, "system-out").text = _safe(told)
    errors = _gaps(suite, data["gaps"])
    counts = {"tests": str(len(suite)), "failures": str(failures), "errors": str(errors)}
    suite.attrib |= {"name": _safe(f"weightgauge check {data['model']}"), **counts}
    suite.attrib |= {"skipped": "0", "time": "0"}
    root = ElementTree.Element("testsuites", counts)
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _gaps(suite: ElementTree.Element, gaps: Sequence[str]) -> int:
    """Add a case with an error where not everything could be looked at; return how many there are.

    A skipped case would let an incomplete check through, for readers of the report alone.
    """
    if not gaps:
        return 0
    case = ElementTree.SubElement(
        suite, "testcase", classname="weightgauge", name="everything-looked-at", time="0"
    )
    error = ElementTree.SubElement(case, "error", type="incomplete", message=_safe(gaps[0]))
    error.text = _safe("\n".join(gaps))
    return 1


def _safe(text: str) -> str:
    """Escape what a terminal would obey and what XML has no characters for, line by line."""
    return "\n".join(map(harmless, text.split("\n")))
