"""Monte Carlo studies: a simulator, some methods, a grid of settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from divest._results import Diagnostic, _levels_to_caller, warn_doubtful, warn_if_doubtful
from divest._validation import check_integer, check_number, check_option
from divest.datasets import SIMULATORS
from divest.study._adaptive import LIMIT, check_until, next_count, short_of
from divest.study._definition import define
from divest.study._engines import run_dask, run_joblib
from divest.study._grid import Cell, check_grid, sort_cells
from divest.study._methods import check_methods
from divest.study._replicate import Job
from divest.study._rows import rows_frame
from divest.study._run import Runner
from divest.study._store import FileStore, MemoryStore, open_store, read_store
from divest.study._truth import check_truth, truths_of
from divest.study.results import StudyResults

__all__ = ["Study"]


class Study:
    """How estimators and tests behave over a grid of settings.

    In each replication of each cell of the grid, data are simulated once and given to every
    method. The random numbers of a replication depend on the seed, its settings and its number
    only: the results are the same for any order of the grid, any number of workers, and after any
    interruption, and replications, settings and methods added later change nothing.

    Parameters
    ----------
    simulate : callable or str
        ``simulate(rng, **settings)`` draws the data with the numpy Generator `rng`; a tuple is
        passed on as several arguments. Or the name of a simulator of `divest.datasets`.
    methods : dict
        By name, functions of the data or estimators. Estimators and tests of divest, and others of
        that shape, are cloned and fitted in each replication (two samples by ``fit_samples``, all
        else by ``fit``). They, and what functions give, are read as a result of divest or scipy, as
        ``result_``, ``estimate_`` or ``pvalue_`` of a fitted estimator, as a number, or as a
        mapping with the keys estimate, standard_error, low, high, statistic, pvalue, trusted and
        failed_diagnostics. A standard error without an interval gets the normal one. A parameter
        ``random_state`` left at None gets a number of its own in each replication, and one named
        ``rng`` a Generator.
    grid : dict of lists or DataFrame
        Settings: all combinations of the lists, or the rows of the frame. Values are str, int,
        float, bool or None. A name may be neither that of a column of the results nor that of the
        first argument of `simulate`.
    truth : float, callable, str or dict, optional
        What is estimated: a number, ``truth(**settings)``, the name of a setting, the name of a
        divergence that the simulator of `divest.datasets` knows, or a dict of these by method.
        Without it bias, root mean square error and coverage are NaN.
    n_replications : int, default 200
        Replications of each cell.
    seed : int, default 0
        Seed of all random numbers.
    level : float, default 0.05
        A replication rejects when its p-value is at most this.
    confidence_level : float, default 0.95
        Level of the intervals.
    name : str, optional
        What the study is called, in figures.

    Attributes
    ----------
    cells : list of dict
        The settings of each cell.

    See Also
    --------
    StudyResults : What `run` gives.
    divest.sample_complexity.power_curve : The power of one test by sample size.

    Notes
    -----
    Each method gets its own copy of the data. Methods must draw random numbers from their own
    parameter ``random_state`` or ``rng`` only. Those that draw from numpy's global state, or from
    a parameter of another name or inside another argument, are not seeded: their numbers change
    from run to run.

    References
    ----------
    .. [1] T. Morris, I. White and M. Crowther, "Using simulation studies to evaluate statistical
       methods", Statistics in Medicine 38 (2019): the Monte Carlo errors, table 6.

    Examples
    --------
    >>> from divest import NearestNeighborDistanceDivergence
    >>> from divest.study import Study
    >>> study = Study("shifted_gaussians", {"distance": NearestNeighborDistanceDivergence("kl")},
    ...               {"n": [50, 200], "d": [1]}, truth="kl", n_replications=20)
    >>> summary = study.run().summary()
    >>> summary[["n", "method", "truth", "replications", "failures"]]
         n    method  truth  replications  failures
    0   50  distance    0.5            20         0
    1  200  distance    0.5            20         0
    """

    def __init__(self, simulate: Callable[..., Any] | str, methods: Mapping[str, Any], grid: Any, *,
                 truth: Any = None, n_replications: int = 200, seed: int = 0, level: float = 0.05,
                 confidence_level: float = 0.95, name: str | None = None) -> None:
        if isinstance(simulate, str):
            simulate = SIMULATORS[check_option("simulate", simulate, SIMULATORS)]
        if not callable(simulate):
            raise TypeError("simulate must be a function of (rng, **settings), or the name of a "
                            f"simulator of divest.datasets, got {simulate!r}.")
        self.simulate, self.truth, self.name = simulate, truth, name
        self.methods = check_methods(methods)
        self._cells = check_grid(grid, simulate)
        self._settings = list(self._cells[0].settings)
        check_truth(truth, simulate, self._settings, list(self.methods))
        self.n_replications = check_integer("n_replications", n_replications, 1)
        self.seed = check_integer("seed", seed, 0)
        self.level = check_number("level", level, 0, 1)
        self.confidence_level = check_number("confidence_level", confidence_level, 0, 1)

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The settings of each cell.

        Returns
        -------
        list of dict
            In the order of the grid.
        """
        return [dict(cell.settings) for cell in self._cells]

    def run(self, *, n_jobs: int | None = None, progress: bool = False, store: Any = None,
            client: Any = None, until: Mapping[str, float] | None = None,
            max_replications: int | None = None) -> StudyResults:
        """Run the replications that are not in the store yet.

        Parameters
        ----------
        n_jobs : int, optional
            Workers, through joblib: threads, or what the user's ``joblib.parallel_config`` says
            (processes for methods that spend their time in Python, Dask or Ray).
        progress : bool, default False
            Show a progress bar.
        store : str or path, optional
            An SQLite file, made where there is none. Rows are written as they are ready, and are
            there when the same study is run again, after it was stopped or killed or with more
            replications, settings or methods. By default rows are kept in memory only.
        client : distributed.Client, optional
            Compute on this Dask cluster (``pip install 'divest[distributed]'``).
        until : dict, optional
            Add a quarter more replications to a cell until the Monte Carlo standard errors of all
            its methods are at most these, such as ``{"coverage": 0.01}``; keys are bias, rmse,
            coverage and rejections. Figures that a method does not have do not count.
        max_replications : int, optional
            The most replications of a cell with `until`; by default 100 times `n_replications`.

        Returns
        -------
        StudyResults
            The replications of this study; others in the store are left out.

        Raises
        ------
        StudyMismatchError
            When the store was made by a study with another seed, simulator or confidence level, or
            with other settings of a method.
        StudyLockedError
            When another process is writing to the store.
        TypeError
            With a store, for a lambda, or an object that the store could not tell from others.
        ValueError
            When the file is no store of divest, a damaged one, or one of a newer version.
        OSError
            When the store cannot be written. Rows written before are kept.
        RuntimeError
            When the workers cannot load simulator or methods.
        KeyboardInterrupt
            After Ctrl-C, which waits up to five seconds for running replications; the message says
            how to go on.

        Warns
        -----
        TrustWarning
            When a method fails in every replication of a cell, and when the store holds
            replications of another version of divest.
        ConvergenceWarning
            When `max_replications` does not suffice for `until`.
        """
        targets, most = self._targets(until, max_replications)
        if n_jobs is not None and check_integer("n_jobs", n_jobs, -2**31) == 0:
            raise ValueError("n_jobs must be a number of workers, or -1 for all cores, got 0.")
        if client is not None and not hasattr(client, "submit"):
            raise TypeError(f"client must be a Client of Dask, got {client!r}.")
        truths = truths_of(self.truth, self.simulate, self._cells, self.methods)
        engine = (partial(run_joblib, n_jobs=n_jobs) if client is None
                  else partial(run_dask, client=client))
        with self._open(store, truths) as rows:
            _warn_of_versions(store, rows.versions())
            job = Job(self.simulate, self.methods, self.seed, self.confidence_level)
            runner = Runner(job, self._cells, rows, engine, progress)
            counts = {cell.name: self.n_replications for cell in self._cells}
            while True:
                stopped = runner.complete(counts)
                results = self._results(rows, counts, truths)
                summary = results.summary()
                short = short_of(summary, targets)
                growing = [cell for cell in short["cell"].unique() if counts[cell] < most]
                if not growing:
                    break
                done = sum(counts.values())
                counts |= {cell: next_count(counts[cell], most) for cell in growing}
                if stopped:
                    raise KeyboardInterrupt(runner.how_to_go_on(done, sum(counts.values())))
        _warn(summary, short, results)
        return results

    @staticmethod
    def load(store: Any) -> StudyResults:
        """Read all rows of a store, also while a study is writing to it.

        Parameters
        ----------
        store : str or path
            The SQLite file.

        Returns
        -------
        StudyResults
            Everything in it.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When the file is no store of divest, a damaged one, or one of a newer version.
        """
        with read_store(store) as file:
            definition, cells, truths = file.definition(), file.cells(), file.truths()
            names = list(dict.fromkeys([*definition["settings"],
                                        *(key for cell in cells for key in cell.settings)]))
            frame = rows_frame(file.rows(), sort_cells(cells, names), names, truths)
        return StudyResults(frame, tuple(names), definition["level"],
                            definition["confidence_level"], definition["name"])

    def _targets(self, until: Any, most: Any) -> tuple[dict[str, float], int]:
        """Wanted errors, and the most replications."""
        targets = check_until(until)
        if most is None:
            return targets, LIMIT * self.n_replications
        if not targets:
            raise ValueError("max_replications has no meaning without until.")
        return targets, check_integer("max_replications", most, self.n_replications)

    def _open(self, store: Any, truths: Any) -> AbstractContextManager[Any]:
        """The place for the rows; a file is checked against this study."""
        from divest import __version__

        if store is None:
            return nullcontext(MemoryStore())
        definition = define(self.seed, self.confidence_level, self.simulate, self.methods)
        definition |= {"settings": self._settings, "level": self.level, "name": self.name,
                       "versions": [__version__]}
        return open_store(store, definition, self._cells, truths)

    def _results(self, store: FileStore | MemoryStore, counts: dict[str, int],
                 truths: Any) -> StudyResults:
        """The rows that belong to this study."""
        rows = (row for row in store.rows()
                if row[2] in self.methods and row[1] < counts.get(row[0], 0))
        frame = rows_frame(rows, self._sorted(), self._settings, truths)
        return StudyResults(frame, tuple(self._settings), self.level,
                            self.confidence_level, self.name)

    def _sorted(self) -> list[Cell]:
        return sort_cells(self._cells, self._settings)


def _warn_of_versions(store: Any, versions: list[str]) -> None:
    """Say which other versions of divest, that may have given other numbers, filled the store."""
    from divest import __version__

    if others := ", ".join(version for version in versions if version != __version__):
        warn_doubtful(f"the store {store} holds replications of divest {others}, and this is "
                      f"divest {__version__}, which may give other numbers. Use another file to "
                      "have all replications from one version.")


def _warn(summary: Any, short: Any, results: StudyResults) -> None:
    """Say once what failed in all replications, and what is not accurate enough."""
    lost = summary[summary["failures"] == summary["replications"]]
    if len(lost):
        frame = results.frame
        cell, method = lost[["cell", "method"]].iloc[0]
        first = frame.loc[(frame["cell"] == cell) & (frame["method"] == method), "error"].iloc[0]
        failed = Diagnostic("failed_cells", float(len(lost)), 0.0, False,
                            "settings and methods of which every replication failed, the first "
                            f"with {first}")
        warn_if_doubtful([failed], "study")
    if len(short):
        warnings.warn(f"{len(short)} of {len(summary)} settings and methods have a larger Monte "
                      f"Carlo error than `until` asks for after {summary['replications'].max()} "
                      "replications; raise max_replications.", ConvergenceWarning,
                      stacklevel=_levels_to_caller())
