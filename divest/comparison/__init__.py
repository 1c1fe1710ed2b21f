"""Compare two tables: the main job, put together from the questions."""

from divest.comparison.groups import GroupComparison, compare_groups
from divest.comparison.result import Comparison
from divest.comparison.tables import compare

__all__ = ["Comparison", "GroupComparison", "compare", "compare_groups"]
