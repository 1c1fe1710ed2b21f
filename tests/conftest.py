"""What every test shares."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # where processes share the cores: before numpy is loaded
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import plain
import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "agg")  # no window, wherever the tests run

# The same examples in every run; and no deadline, as the first call of a loop compiles it.
settings.register_profile("divest", deadline=None, derandomize=True)
settings.load_profile("divest")


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.fixture
def one_process():
    """Dask computes where the test runs, so that errors and warnings arrive there."""
    import dask

    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="session")
def wild():
    """The comparison of tables with everything in them that can be hard to print."""
    from pages import wild_comparison  # loads most of divest, which some tests must not

    return wild_comparison()


@pytest.fixture(scope="session")
def page(wild):
    from pages import NAMES

    return wild.to_html(**NAMES)


@pytest.fixture(autouse=not plain.COMPILED)
def pairs_in_numpy(request, monkeypatch):
    """Without compilation, loops over pairs take minutes: but for their own tests, their twins."""
    from divest import _kernels

    if request.path.name != "test_kernels_stein.py":
        for name, twin in plain.STEIN_TWINS.items():
            monkeypatch.setattr(_kernels.stein, name, twin)
    if request.path.name not in ("test_kernels_density.py", "test_sums.py"):
        for name, twin in plain.DENSITY_TWINS.items():
            monkeypatch.setattr(_kernels.density, name, twin)
