"""From models to measured slices: weights are counted here, or counts that were saved are read."""

from weightgauge.scanning.checkpoint_slices import CheckpointSlices, Measured, slices_of_checkpoint
from weightgauge.scanning.feed import FedScan, WantedRange
from weightgauge.scanning.fit_model import fit
from weightgauge.scanning.model_histograms import ModelHistograms, SavedSlice, kept_histograms
from weightgauge.scanning.opening import Subject, open_any, open_slices, scan

__all__ = [
    "CheckpointSlices",
    "FedScan",
    "Measured",
    "ModelHistograms",
    "SavedSlice",
    "Subject",
    "WantedRange",
    "fit",
    "kept_histograms",
    "open_any",
    "open_slices",
    "scan",
    "slices_of_checkpoint",
]
