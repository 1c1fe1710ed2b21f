"""How many rows does a kernel sum rest on? The three regimes of an estimate in many dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

REGIMES = ("condensed", "heavy_tailed", "clt", "empty")


@dataclass(frozen=True)
class RegimeResult:
    """Which regime each query is in, and at what bandwidths it would change.

    Attributes
    ----------
    frame : DataFrame
        One row per query: ``n_eff``, the effective number of rows of the kernel sum; ``n_eff2``,
        that of its squared terms; ``h_g`` and ``h_clt``, the bandwidths (in units of `bandwidth`)
        below which the query is condensed, and above which its sum fluctuates like a normal
        variable; ``tail_index`` of these fluctuations, stable below 2; and ``regime``:
        ``"condensed"``, ``"heavy_tailed"`` or ``"clt"``, ``"empty"`` where no row is within a
        kernel of bounded support. Numbers of queries so far away that no float holds them are NaN.
    bandwidth : float
        The bandwidth in whitened units.

    See Also
    --------
    condensation_bandwidths : What theory says for normal data.

    References
    ----------
    .. [1] G. Biroli and M. Mezard, "Kernel density estimators in large dimensions",
       arXiv:2408.05807 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import KernelDensity
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> regimes = KernelDensity(bandwidth=0.7).fit(X).regime()
    >>> regimes.shares["clt"] > 0.5
    True
    """

    frame: pd.DataFrame
    bandwidth: float

    @property
    def shares(self) -> dict[str, float]:
        """Share of the queries in each regime.

        Returns
        -------
        dict of str to float
            Shares of "condensed", "heavy_tailed", "clt" and "empty", with sum 1.
        """
        counts = self.frame["regime"].value_counts(normalize=True)
        return {name: float(counts.get(name, 0.0)) for name in REGIMES}

    def to_frame(self) -> pd.DataFrame:
        """The table of queries.

        Returns
        -------
        DataFrame
            A copy of `frame`.
        """
        return self.frame.copy()

    def summary(self) -> str:
        """Shares of the regimes and median bandwidths as a text table.

        Returns
        -------
        str
            Text to print.
        """
        from statsmodels.iolib.table import SimpleTable

        rows = [["queries", str(len(self.frame))], ["bandwidth", f"{self.bandwidth:.6g}"]]
        rows += [[f"median {name}", f"{self.frame[name].dropna().median():.6g}"]
                 for name in ("n_eff", "n_eff2", "h_g", "h_clt", "tail_index")]
        rows += [[f"share {name}", f"{share:.4g}"] for name, share in self.shares.items()]
        return SimpleTable(rows, title="Regimes of a kernel density estimate").as_text()

    def _repr_html_(self) -> str:
        shares = pd.DataFrame([{"bandwidth": self.bandwidth, **self.shares,
                                "median_h_g": self.frame["h_g"].dropna().median()}])
        return shares.to_html(index=False)
