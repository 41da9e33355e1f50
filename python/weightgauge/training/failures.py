"""What goes wrong in a gauge is told once and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from weightgauge.errors import WeightgaugeError

LOGGER = logging.getLogger("weightgauge.training")


class Failures:
    """Tells of each kind of trouble once.

    Attributes
    ----------
    count : int
        How often something went wrong, told or not.
    """

    def __init__(self) -> None:
        self.count = 0
        self._told: set[str] = set()

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Go on after whatever goes wrong within, and log it if nothing like it was logged before.

        Parameters
        ----------
        doing : str
            What is being done, such as "the sink JsonLines".
        """
        try:
            yield
        except Exception as error:  # whatever it is, training goes on
            self.count += 1
            # What a user can see to is one line; anything else comes with where it happened.
            known = isinstance(error, WeightgaugeError | OSError)
            self.once(
                doing,
                f"{doing}: {error}; training goes on, and this is not told again",
                error=None if known else error,
            )

    def once(self, key: str, message: str, *, error: BaseException | None = None) -> None:
        """Log a line, unless one was logged for the same."""
        if key not in self._told:
            self._told.add(key)
            LOGGER.warning(message, exc_info=error)
