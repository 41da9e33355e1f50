"""Faults of the system: calls that fail, files that change, processes that are killed."""
