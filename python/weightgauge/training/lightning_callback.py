"""A callback for the Trainer of Lightning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weightgauge.errors import MissingExtraError
from weightgauge.training.gauge_maker import GaugeMaker

try:
    from lightning.pytorch.callbacks import Callback
except ImportError as error:
    raise MissingExtraError("lightning", "train") from error


class LightningCallback(Callback):  # type: ignore[misc]
    """Measures the module that a Lightning `Trainer` trains: at its start, its end, and between.

    Its state is saved in Lightning's checkpoints, and taken up again from them.

    Parameters
    ----------
    every : int
        Optimiser steps from one measurement to the next.
    forces : bool
        Whether to split the steps of the first optimiser: see `weightgauge.training.Gauge`,
        `optimizer`.
    model : callable, optional
        Returns what is measured, given the LightningModule; by default all of it. For a module that
        holds a model with a configuration, ``model=lambda module: module.model`` lets the
        configuration be read.
    **options
        As for `weightgauge.training.Gauge`.

    Examples
    --------
    ``Trainer(callbacks=[LightningCallback(every=100, record="run/weights")])``
    """

    def __init__(
        self,
        *,
        every: int = 100,
        forces: bool = False,
        model: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        self._maker = GaugeMaker({"every": every, **options}, forces=forces)
        self._model = model

    @property
    def gauge(self) -> Any:
        """The gauge, while the module is trained."""
        return self._maker.gauge

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the gauge."""
        model = pl_module if self._model is None else self._model(pl_module)
        optimizer = trainer.optimizers[0] if trainer.optimizers else None
        self._maker.begin(model, optimizer, trainer.global_step)

    def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
        """Pass the step on; several batches may make one."""
        self._maker.step(trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Measure the last step."""
        self._maker.end(trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        """Return what Lightning saves of it."""
        return {"gauge": self._maker.state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what Lightning saved."""
        self._maker.resume(state_dict["gauge"])
