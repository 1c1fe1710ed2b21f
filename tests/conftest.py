"""What every test shares."""

import os

import numpy as np
import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "agg")  # no window, wherever the tests run

# The same examples in every run; and no deadline, as the first call of a loop compiles it.
settings.register_profile("divest", deadline=None, derandomize=True)
settings.load_profile("divest")


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)
