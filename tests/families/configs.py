"""All families: which classes of transformers make each, with which arguments.

Whatever a row does not say is left as the library has it.
"""

from __future__ import annotations

from families.decoders import DECODERS, MAMBAS
from families.encoders import ENCODERS
from families.images import VISION
from families.mixtures import MIXTURES

FAMILIES = {row.name: row for row in (*DECODERS, *MIXTURES, *ENCODERS, *VISION, *MAMBAS)}
