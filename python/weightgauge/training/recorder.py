"""Writes one .wghist file a step, which `weightgauge track` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightgauge.files import write_atomically

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

    def write_arguments(self, arguments: Mapping[str, Any], *, steps: int) -> None:
        """Write how the model is trained beside the counts, where `track` looks for it.

        Parameters
        ----------
        arguments : mapping
            Those of the trainer of transformers; what `track` does not read is left out.
        steps : int
            Optimiser steps of the whole run.

        Raises
        ------
        OSError
            The folder or the file cannot be written.
        """
        from weightgauge.trajectory.run_files import TRAINING_ARGS
        from weightgauge.trajectory.settings_sources import ARGUMENTS

        known = {name: arguments[name] for name in ARGUMENTS if name in arguments}
        text = json.dumps({**known, "max_steps": steps}, indent=2, default=str)
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, TRAINING_ARGS)
        write_atomically(path, f"{text}\n".encode(), force=True)

    def close(self) -> None:
        """Do nothing: each file is complete."""
