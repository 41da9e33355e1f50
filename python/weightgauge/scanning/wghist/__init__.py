"""The file that keeps the counts of all magnitudes of a model."""
