"""What the replications say together: bias, error, coverage and rejections, each with its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SUMMARY_COLUMNS = (
    "replications", "failures", "trusted_share", "mean", "bias", "bias_mcse", "sd", "rmse",
    "rmse_mcse", "coverage", "coverage_low", "coverage_high", "coverage_trusted", "se_ratio",
    "rejections", "rejections_low", "rejections_high", "seconds")


def summarise(frame: pd.DataFrame, settings: list[str], level: float) -> pd.DataFrame:
    """One row per settings and method of the table of replications, whatever its index is."""
    frame = frame.reset_index(drop=True)
    key = frame["cell"] + "\0" + frame["method"]
    code, _ = pd.factorize(key)
    first = np.unique(code, return_index=True)[1]
    groups = _Groups(code, len(first))
    with np.errstate(all="ignore"):  # groups without an estimate, and infinite estimates
        columns = {**_counts(frame, groups), **_errors(frame, groups),
                   **_coverage(frame, groups), **_rejections(frame, groups, level)}
    head = frame.loc[first, ["cell", *settings, "method", "truth"]].reset_index(drop=True)
    table = pd.DataFrame({name: columns[name] for name in SUMMARY_COLUMNS})
    table = pd.concat([head, table], axis=1)
    place = pd.factorize(head["cell"])[0]  # settings are sorted, in each of them the methods
    return table.iloc[np.lexsort((pd.factorize(head["method"], sort=True)[0], place))].reset_index(
        drop=True)


class _Groups:
    """Sums over the rows of each group, of those rows that count."""

    def __init__(self, code: np.ndarray, n: int) -> None:
        self.code, self.n = code, n

    def count(self, mask: np.ndarray) -> np.ndarray:
        """How many rows of each group are in the mask."""
        return np.bincount(self.code[mask], minlength=self.n)

    def mean(self, values: Any, mask: np.ndarray) -> np.ndarray:
        """The mean of the values in the mask; NaN where there are none."""
        values = np.asarray(values, dtype=float)
        return np.bincount(self.code[mask], values[mask], minlength=self.n) / self.count(mask)

    def sd(self, values: Any, mask: np.ndarray) -> np.ndarray:
        """The standard deviation with divisor n - 1; NaN for fewer than two values."""
        values = np.asarray(values, dtype=float)
        apart = (values - self.mean(values, mask)[self.code]) ** 2
        n = self.count(mask)
        return np.where(n > 1, np.sqrt(self.mean(apart, mask) * n / (n - 1)), np.nan)

    def wilson(self, hits: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, ...]:
        """The share of hits among the rows in the mask, with its 95 % Wilson limits."""
        from statsmodels.stats.proportion import proportion_confint

        k, n = self.count(mask & hits), self.count(mask)
        low, high = proportion_confint(k, np.maximum(n, 1), alpha=0.05, method="wilson")
        return k / n, np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def _counts(frame: pd.DataFrame, groups: _Groups) -> dict[str, np.ndarray]:
    every = np.ones(len(frame), dtype=bool)
    failed = (frame["error"] != "").to_numpy()
    return {"replications": groups.count(every), "failures": groups.count(failed),
            "trusted_share": groups.mean(frame["trusted"], ~failed),
            "seconds": groups.mean(frame["seconds"], frame["seconds"].notna().to_numpy())}


def _errors(frame: pd.DataFrame, groups: _Groups) -> dict[str, np.ndarray]:
    """Bias, standard deviation and root mean square error, with their Monte Carlo errors."""
    estimate, truth = frame["estimate"].to_numpy(), frame["truth"].to_numpy()
    known = ~np.isnan(estimate)
    error = estimate - truth
    root, sd = np.sqrt(groups.count(known)), groups.sd(estimate, known)
    rmse = np.sqrt(groups.mean(error**2, known))
    spread = groups.sd(error**2, known)
    standard_error = frame["standard_error"].to_numpy()
    return {"mean": groups.mean(estimate, known), "bias": groups.mean(error, known),
            "bias_mcse": sd / root, "sd": sd, "rmse": rmse,
            "rmse_mcse": np.where(spread > 0, spread / (2 * rmse * root), spread),
            "se_ratio": groups.mean(standard_error, ~np.isnan(standard_error)) / sd}


def _coverage(frame: pd.DataFrame, groups: _Groups) -> dict[str, np.ndarray]:
    """How often the interval holds the truth, and how often where the diagnostics passed."""
    low, high, truth = (frame[name].to_numpy() for name in ("low", "high", "truth"))
    known = ~(np.isnan(low) | np.isnan(high) | np.isnan(truth))
    hits = (low <= truth) & (truth <= high)
    share, below, above = groups.wilson(hits, known)
    return {"coverage": share, "coverage_low": below, "coverage_high": above,
            "coverage_trusted": groups.mean(hits, known & frame["trusted"].to_numpy())}


def _rejections(frame: pd.DataFrame, groups: _Groups, level: float) -> dict[str, np.ndarray]:
    """How often the p-value is at most the level."""
    pvalue = frame["pvalue"].to_numpy()
    share, low, high = groups.wilson(pvalue <= level, ~np.isnan(pvalue))
    return {"rejections": share, "rejections_low": low, "rejections_high": high}
