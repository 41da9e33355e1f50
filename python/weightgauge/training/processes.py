"""The processes that train one model together."""

from __future__ import annotations

import sys
from typing import Any


def distributed() -> Any:
    """Return `torch.distributed` where several processes train together, else None."""
    if "torch" not in sys.modules:
        return None
    import torch.distributed as found

    ready = found.is_available() and found.is_initialized()
    return found if ready and found.get_world_size() > 1 else None


def rank() -> int:
    """Return the number of this process; 0 where there is one."""
    found = distributed()
    return 0 if found is None else int(found.get_rank())
