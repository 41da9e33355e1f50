"""From models to measured slices: weights are counted here, or counts that were saved are read."""

from weightgauge.scanning.checkpoint_slices import CheckpointSlices, slices_of_checkpoint
from weightgauge.scanning.feed import FedScan, WantedRange
from weightgauge.scanning.fit_model import fit
from weightgauge.scanning.measured import Measured
from weightgauge.scanning.model_histograms import ModelHistograms
from weightgauge.scanning.opening import Measurable, Model, name_of, open_any, open_slices
from weightgauge.scanning.saved_model import SavedSlice
from weightgauge.scanning.scan_model import kept_histograms, scan

__all__ = [
    "CheckpointSlices",
    "FedScan",
    "Measurable",
    "Measured",
    "Model",
    "ModelHistograms",
    "SavedSlice",
    "WantedRange",
    "fit",
    "kept_histograms",
    "name_of",
    "open_any",
    "open_slices",
    "scan",
    "slices_of_checkpoint",
]
