"""The table of element formats, in Python and in the core."""

from __future__ import annotations

import numpy as np
import pytest

from weightgauge import _core
from weightgauge.dtypes import DTYPE_BITS, ITEM_BYTES


@pytest.mark.parametrize("name", ITEM_BYTES)
def test_the_core_knows_each_counted_format_and_its_width(name):
    for width in (1, 2, 4, 8):
        array = np.zeros(3, f"u{width}")
        if width == ITEM_BYTES[name]:
            assert _core.ArrayView.from_numpy(array, name).dtype == name
        else:
            with pytest.raises(ValueError, match="size of the element format"):
                _core.ArrayView.from_numpy(array, name)


@pytest.mark.parametrize("name", sorted(DTYPE_BITS.keys() - ITEM_BYTES.keys()))
def test_the_core_knows_no_other_format(name):
    array = np.zeros(3, f"u{max(DTYPE_BITS[name] // 8, 1)}")
    with pytest.raises(ValueError, match="unknown floating-point format"):
        _core.ArrayView.from_numpy(array, name)
