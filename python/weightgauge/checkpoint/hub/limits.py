"""How much of an answer of the Hub is read, and how long it is waited for; see docs/limits.md."""

from __future__ import annotations

MOST_LIST_BYTES = 50_000_000
"""Longest list of a model's files or revisions; a model of 100,000 files has one of 10 MB."""

MOST_FILE_BYTES = 200_000_000
"""Longest file that is fetched beside the weights: the longest that is read at all."""

MOST_ERROR_BYTES = 1_000_000
"""How much is read of an answer that refuses something."""

MOST_PAGES = 1_000
"""Pages of one list of files; the Hub puts a thousand files on one."""

MOST_SECONDS = 300.0
"""How long is waited for what is no file of weights, whatever comes meanwhile."""

SLOWEST = 10_000.0
"""Bytes a second of the slowest connection over which weights are fetched."""
