"""A package, so that its own installation, whose policies answer for every bundle, ends with its last test."""
