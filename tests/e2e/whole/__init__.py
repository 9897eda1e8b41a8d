"""Tests whose targets end with this folder."""
