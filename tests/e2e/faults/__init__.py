"""A package, so that the memory limit of its fixtures ends with its last test."""
