"""Records of fits: of one slice, of the slices of one kind, of a whole model."""

from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.fits.kind_summary import KindSummary
from weightgauge.fits.matrix_errors import Spread
from weightgauge.fits.model_fit import ModelFit
from weightgauge.fits.slice_fit import SliceFit

__all__ = ["KindSummary", "ModelFit", "SliceFit", "SliceKey", "Spread"]
