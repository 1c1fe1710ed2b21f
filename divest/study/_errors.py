"""What can go wrong between a study and its store."""


class StudyMismatchError(ValueError):
    """The store was made by a study with another definition; the message lists each difference."""


class StudyLockedError(RuntimeError):
    """Another process is writing to the store; the message names it."""
