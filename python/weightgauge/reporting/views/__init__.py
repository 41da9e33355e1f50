"""One document for each command, from its result."""
