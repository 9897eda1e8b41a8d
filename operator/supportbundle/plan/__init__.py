"""From a request and the pods that exist to a fixed list of tasks. Pure."""

from supportbundle.plan.build import Planner, Surroundings, all_rules, build_plan
from supportbundle.plan.context import PlanContext
from supportbundle.plan.template import resolve
from supportbundle.plan.templatecheck import require_valid

__all__ = ["PlanContext", "Planner", "Surroundings", "all_rules", "build_plan", "require_valid", "resolve"]
