"""Runs over time: what happens to k and lambda from step to step, and laws over several runs."""
