"""Moment conditions: linear instrumental variables against peers, and risks beside published ones.

Linear IV: times include standard errors. The error is the largest difference of the coefficients,
in standard errors; iterated methods stop where their own rules say. statsmodels' GMM takes two
steps by a general optimiser. linearmodels takes part where it is installed.

The others: errors, with their standard errors, are mean risks over ``k`` samples: n times the
squared error of a Laplace centre (1 for maximum likelihood, 2 for the mean), the mean squared error
of a curve in the heteroskedastic design, and 10 times that in the network design. "published" is
what others printed for the method of the same name, in the network design for KMM with neural
networks. Seconds are per fit.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks import _moment_designs as designs
from benchmarks._timing import race, table
from divest import ConvergenceWarning, TrustWarning
from divest.moments import KernelIVRegressor, KernelMethodOfMoments, LinearIVRegressor

PEERS = {"2sls": ("linearmodels IV2SLS", "statsmodels IV2SLS"), "liml": ("linearmodels IVLIML",),
         "gmm": ("linearmodels IVGMM", "statsmodels IVGMM"), "cue": ("linearmodels IVGMMCUE",)}


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    linear: tuple = (300, 10_000)
    laplace: tuple = (100, 500)
    laplace_samples: int = 200
    heteroskedastic: tuple = (200, 500, 1_000, 2_000)
    network: int = 1_000
    samples: int = 20
    rounds: int = 5
    budget: float = 3.0  # seconds for one race


QUICK = Sizes(laplace=(100,), laplace_samples=40, heteroskedastic=(500,), samples=5, budget=1.0)


# ---------------------------------------------------------------- linear
def linear(sizes: Sizes) -> list[dict]:
    """Each method with its robust standard errors against every peer that has it."""
    found = []
    for n in sizes.linear:
        X, y, Z = designs.linear_rows(n, 0)
        for method, names in PEERS.items():
            model = LinearIVRegressor(method, cov_type="robust")
            runs = {f"divest {method}": partial(ours, model, X, y, Z)} | theirs(X, y, Z, names)
            mine = f"divest {method}"
            errors = differences({name: run() for name, run in runs.items()}, mine)
            raced = race(runs, sizes.rounds, sizes.budget)
            found += [{"task": f"linear IV, {method}", "n": n, "d": 2,
                       **raced.row(mine, name, ours_error=errors.get(name))} for name in names]
    return found


def ours(model, X, y, Z):
    """Coefficients, intercept first, and their standard errors."""
    table = model.fit(X, y, Z=Z).result_.to_frame().set_index("parameter")
    order = ["intercept", *table.index.drop("intercept")]
    return table.loc[order, "estimate"].to_numpy(), table.loc[order, "standard_error"].to_numpy()


def differences(found: dict, mine: str) -> dict:
    """Largest difference of coefficients, in our standard errors."""
    coef, error = found[mine]
    return {name: float(np.abs((other[0] - coef) / error).max()) for name, other in found.items()}


def theirs(X, y, Z, names: tuple[str, ...]) -> dict[str, Callable]:
    """Those of `names` that are installed, each as a function like `ours`."""
    one = np.ones((len(y), 1))
    runs = _statsmodels(np.hstack([one, X]), y, np.hstack([one, Z]))
    if find_spec("linearmodels"):
        runs |= _linearmodels(X, y, Z, one)
    return {name: runs[name] for name in names if name in runs}


def _linearmodels(X, y, Z, one):
    from linearmodels import iv

    def run(name, **settings):
        fitted = getattr(iv, name)(y, one, X, Z).fit(cov_type="robust", **settings)
        return fitted.params.to_numpy(), fitted.std_errors.to_numpy()

    return {"linearmodels IV2SLS": partial(run, "IV2SLS"),
            "linearmodels IVLIML": partial(run, "IVLIML"),
            "linearmodels IVGMM": partial(run, "IVGMM"),
            "linearmodels IVGMMCUE": partial(run, "IVGMMCUE")}


def _statsmodels(T, y, F):
    from statsmodels.sandbox.regression.gmm import IV2SLS, IVGMM

    def two_stage():
        fitted = IV2SLS(y, T, F).fit()
        return fitted.params, fitted.bse

    def gmm():
        model = IVGMM(y, T, F)
        fitted = model.fit(np.zeros(T.shape[1]), maxiter=2, inv_weights=F.T @ F / len(y),
                           optim_args={"disp": 0})
        return fitted.params, fitted.bse

    return {"statsmodels IV2SLS": two_stage, "statsmodels IVGMM": gmm}


# ---------------------------------------------------------------- risks
def risk_row(task: str, ours: str, risks: list[float], seconds: float,
             published: tuple[float, float] | None = None, **labels) -> dict:
    """Mean and standard error over samples, and what was published."""
    row = {"task": task, "ours": ours, **labels, "k": len(risks),
           "ours_seconds": seconds / len(risks), "ours_error": float(np.mean(risks)),
           "ours_error_se": float(np.std(risks, ddof=1) / np.sqrt(len(risks)))}
    if published:
        row |= {"peer": "published", "peer_error": published[0], "peer_error_se": published[1]}
    return row


def timed(function: Callable) -> tuple:
    """A result and its processor time in one thread."""
    with threadpool_limits(1):
        start = time.process_time()
        return function(), time.process_time() - start


def center(data, theta):
    away = data.X[:, 0] - theta[0]
    return np.column_stack([away, np.tanh(2 * away)])


def laplace(sizes: Sizes) -> list[dict]:
    """The centre of Laplace rows from two moments."""
    found = []
    for n in sizes.laplace:
        for name in ("gmm", "cue", "el", "et", "kmm"):
            risks, spent = [], 0.0
            for seed in range(sizes.laplace_samples):
                x = np.random.default_rng(seed).laplace(size=(n, 1))
                model = KernelMethodOfMoments(center, theta0=[np.median(x)], estimator=name,
                                              random_state=0)
                fitted, seconds = timed(partial(model.fit, x))
                risks.append(n * fitted.params_.iloc[0]**2)
                spent += seconds
            found.append(risk_row("Laplace centre", name, risks, spent, n=n, d=1))
    return found


def hinge_residual(data, theta):
    return data.y - designs.hinge(data.X[:, 0], theta)


def heteroskedastic(sizes: Sizes) -> list[dict]:
    """A smooth hinge with two instruments; kmm and vmm with nine configurations to choose from."""
    return [_heteroskedastic(n, name, sizes.samples) for n in sizes.heteroskedastic
            for name in ("mmr", "vmm", "fgel", "kmm")]


def _heteroskedastic(n, name, samples):
    risks, spent = [], 0.0
    for seed in range(samples):
        (X, y, Z), new = designs.heteroskedastic_sample(n, seed)
        model = KernelMethodOfMoments(hinge_residual, theta0=[0.0, 0.0, 0.0, 1.0], estimator=name,
                                      random_state=seed)
        fitted, seconds = timed(partial(model.fit, X, y, Z))
        wrong = designs.hinge(new, fitted.params_.to_numpy()) - designs.hinge(new, designs.TRUE)
        risks.append(np.mean(wrong**2))
        spent += seconds
    published = designs.HETEROSKEDASTIC.get(n, {}).get(name)
    return risk_row("heteroskedastic IV", name, risks, spent, published, n=n, d=1)


def network(sizes: Sizes) -> list[dict]:
    """A curve of one endogenous regressor, beside ordinary regression on the same basis."""
    found = []
    for name, curve in designs.CURVES.items():
        new = designs.network(20_000, name, 99)[0]
        for contestant in ("KernelIVRegressor", "the same without instruments"):
            risks, spent = [], 0.0
            for seed in range(sizes.samples):
                X, y, Z = designs.network(sizes.network, name, seed)
                instruments = Z if contestant == "KernelIVRegressor" else None
                model = KernelIVRegressor(random_state=seed)
                fitted, seconds = timed(partial(model.fit, X, y, Z=instruments))
                risks.append(10 * np.mean((fitted.predict(new) - curve(new[:, 0]))**2))
                spent += seconds
            published = designs.NETWORK[name] if instruments is not None else None
            found.append(risk_row(f"network IV, {name}", contestant, risks, spent, published,
                                  n=sizes.network, d=1))
    return found


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return table((linear, laplace, heteroskedastic, network), sizes)
