"""From a request and the pods that exist to a fixed list of tasks. Pure."""

from supportbundle.plan.build import Planner, Surroundings, build_plan
from supportbundle.plan.context import PlanContext

__all__ = ["PlanContext", "Planner", "Surroundings", "build_plan"]
