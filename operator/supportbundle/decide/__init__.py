"""Decisions: pure functions from what was seen to what is to be done. No I/O, the clock is an argument."""

from supportbundle.decide.chain import decide
from supportbundle.decide.world import Decision, JobFacts, JobState, World

__all__ = ["Decision", "JobFacts", "JobState", "World", "decide"]
