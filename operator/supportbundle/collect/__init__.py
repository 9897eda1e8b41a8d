"""Collectors: each file turns options into tasks, and one task into files of the bundle."""
