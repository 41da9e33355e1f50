"""Writes one .wghist file a step, which `weightgauge track` reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.training.report import StepReport


class Recorder:
    """Writes the counts of each step into a folder, as ``step-000100.wghist``.

    A file appears when it is complete. One of the same step, from before the run was resumed, is
    replaced.

    Parameters
    ----------
    folder : str or os.PathLike
        Made with the first file where it does not exist.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fsdecode(folder)

    def path_of(self, step: int) -> str:
        """Return where the counts of a step are written."""
        return os.path.join(self.folder, f"step-{step:06d}.wghist")

    def write(self, report: StepReport) -> None:
        """Write the counts of a step.

        Raises
        ------
        OutputError, OSError
            The folder or the file cannot be written.
        """
        os.makedirs(self.folder, exist_ok=True)
        report.histograms.save(self.path_of(report.step), force=True)

    def close(self) -> None:
        """Do nothing: each file is complete."""
