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
from weightgauge.reporting.values import counted

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
        warnings=found.warnings,
        metadata=metadata(SCHEMA_VERSION, model=found.model),
        data=found.to_dict,
        records=lambda: DocumentTable(plain_columns(columns(Finding)), found.to_dicts()),
    )


def _extent(found: CheckResult) -> list[str]:
    lines = [f"{found.measured:,} of {counted(found.tensors, 'tensor')} could be looked at"]
    if found.against is not None:
        lines.append(f"compared with {printable(found.against, limit=1000)}")
    least = "a fault" if found.fail_on == "fault" else "a warning or a fault"
    state = "fails" if found.failed else "passes" if found.complete else "is not complete"
    lines.append(f"the check {state} (it fails on {least})")
    return lines
