"""The document of `weightgauge check`: the verdict, what was found, and what was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.errors import printable
from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    Verbatim,
    metadata,
    plain_columns,
)
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.health import CheckResult


def check_document(found: CheckResult) -> Document:
    """Show a check.

    Parameters
    ----------
    found : CheckResult
        What to show.
    """
    from weightgauge.findings import Finding
    from weightgauge.health.result import SCHEMA_VERSION
    from weightgauge.records import columns
    from weightgauge.trajectory.candidates import step_of_model

    accepted = tuple(
        Paragraph(f"{each.finding.id}: {each.finding.message} ({printable(each.reason)})")
        for each in found.accepted
    )
    files = tuple(Verbatim(f"{each.sha256}  {printable(each.name)}") for each in found.files)
    return Document(
        title=printable(found.model, limit=1000),
        sections=(
            Section("", tuple(map(Line, _extent(found)))),
            *((Section("SHA-256 of the files", files),) if files else ()),
            *((Section("Accepted by the rules file", accepted),) if accepted else ()),
        ),
        findings=found.findings,
        beside_verdict=found.accepted_told,
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, model=found.model),
        data=found.to_dict,
        records=lambda: DocumentTable(plain_columns(columns(Finding)), found.to_dicts()),
        provenance=lambda: {
            "model": found.model,
            "step": step_of_model(found.model),
            "protocol": "order",
        },
    )


def _extent(found: CheckResult) -> list[str]:
    """Say what was looked at, what was not, and what that means."""
    if found.error is not None:
        return ["nothing could be looked at, and so no pass"]
    lines = [f"{found.measured:,} of {counted(found.tensors, 'tensor')} could be looked at"]
    if found.against is not None:
        lines.append(
            f"compared with {printable(found.against, limit=1000)}: the bytes of "
            f"{found.compared:,} of {counted(found.tensors, 'tensor')}"
        )
    if found.adapter is not None:
        lines.append(f"looked at with the adapter {printable(found.adapter, limit=1000)}")
    return [*lines, *_unused(found), _state(found)]


def _unused(found: CheckResult) -> list[str]:
    """Tell of entries of the rules file that do not accept anything any more."""
    lines = []
    for each in found.unused_acceptances:
        of_tensors = "" if each.tensor is None else f" of {printable(each.tensor)}"
        why = f"ended on {each.until}" if each.why == "expired" else "accepts nothing"
        lines.append(f"the rules file: its entry for {each.rule}{of_tensors} {why}")
    return lines


def _state(found: CheckResult) -> str:
    least = "fault" if found.fail_on == "fault" else "fault or warning"
    if found.failed:
        return f"the check fails: there is a {least}"
    if found.complete:
        rest = " but what the rules file accepts" if found.accepted else ""
        return f"the check passes: there is no {least}{rest}"
    return "the check is not complete, and so no pass: not everything could be looked at"
