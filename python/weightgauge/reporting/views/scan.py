"""The document of `weightgauge scan`: how much smaller the counts are than the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.errors import printable
from weightgauge.findings import by_importance, verdict
from weightgauge.fits.slice_findings import slice_findings
from weightgauge.reporting.document import Document, Line, metadata
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.scanning import ModelHistograms

SCHEMA_VERSION = 1


def scan_document(kept: ModelHistograms, path: str, size: int) -> Document:
    """Say what was written.

    Parameters
    ----------
    kept : ModelHistograms
        The counts that were written.
    path : str
        Path of the file.
    size : int
        Bytes of the file.
    """
    stored = sum(row["bytes"] for row in kept.tensors)
    told = (
        f"{printable(path, limit=1000)}: {size:,} bytes for {stored:,} bytes of weights "
        f"({size / max(stored, 1):.2%}), {counted(len(kept.slices), 'slice')}"
    )
    fits = [each.fit for each in kept.slices]
    of_slices = slice_findings(fits, tied=kept.architecture.tied)
    findings = by_importance((*kept.findings, *of_slices))
    return Document(
        title=printable(kept.model, limit=1000),
        findings=findings,
        notes=(Line(told),),
        warnings=kept.warnings,
        metadata=metadata(SCHEMA_VERSION, model=kept.model, per=kept.per),
        data=lambda: {
            "file": path,
            "bytes": size,
            "bytes_of_weights": stored,
            "slices": len(kept.slices),
            "verdict": verdict(findings),
            "findings": findings.to_dicts(),
            "warnings": list(kept.warnings),
        },
    )
