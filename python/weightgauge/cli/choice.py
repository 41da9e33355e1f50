"""A choice among words, of which the nearest is named where none was typed."""

from __future__ import annotations

import click

from weightgauge.choices import nearest


class Choice(click.Choice[str]):
    """As click's, with the word that may have been meant."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word; a usage error says which there are, and which is like what was typed."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            if near := nearest(value, self.choices):
                self.fail(f"{error.message} Did you mean '{near}'?", param, ctx)
            raise
