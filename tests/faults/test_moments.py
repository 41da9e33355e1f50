"""Kills, and changes of checkpoints, at random moments; `moments.py` tries more of them."""

from __future__ import annotations

from pathlib import Path

from faults.moments import changed, killed
from faults.shim import Server


def test_a_killed_scan_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    with Server(None, tmp_path) as server:
        found = killed(server, tmp_path, 20)
    assert found["killed"] + found["finished"] == found["old"] + found["new"] == 20


def test_a_checkpoint_that_changes_gives_an_error_or_right_numbers(tmp_path: Path) -> None:
    with Server(None, tmp_path) as server:
        found = changed(server, tmp_path, 10)
    assert sum(found.values()) == 10
