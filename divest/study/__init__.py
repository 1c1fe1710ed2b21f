"""How does this estimator or test behave over these settings? Monte Carlo studies."""

from divest.study._errors import StudyLockedError, StudyMismatchError
from divest.study.results import StudyResults
from divest.study.study import Study

__all__ = ["Study", "StudyLockedError", "StudyMismatchError", "StudyResults"]
