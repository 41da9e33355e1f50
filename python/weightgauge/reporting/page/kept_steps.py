"""The counts of the first and the last step of a run, kept while its steps are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import ModelHistograms
    from weightgauge.trajectory.run import Run


class KeptSteps:
    """Reads steps, and keeps the counts of no more than two of them.

    Parameters
    ----------
    run : Run
        The run whose steps are read, in their order.
    options : FitOptions
        How to fit.
    choice : mapping
        What `weightgauge.scan` is to be given besides the model.

    Attributes
    ----------
    counts : dict of int to ModelHistograms
        By step: those of the first and of the last that could be read.
    """

    def __init__(self, run: Run, options: FitOptions, choice: Mapping[str, Any]) -> None:
        self.counts: dict[int, ModelHistograms] = {}
        self._run = run
        self._options = options
        self._choice = choice

    def read(self, model: Any) -> ModelFit:
        """Fit the model of a step by its counts, which give what its weights would."""
        from weightgauge.scanning import scan
        from weightgauge.scanning.fit_model import model_fit

        counts = scan(model, **self._choice)
        fit = model_fit(counts, counts.fits(self._options), self._options)
        step = next(each.step for each in self._run.steps if each.model is model)
        if len(self.counts) > 1:
            self.counts.popitem()
        self.counts[step] = counts
        return fit
