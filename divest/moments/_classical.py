"""The way to linearmodels: the same model there, and its classical diagnostics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

MODELS = {"2sls": "IV2SLS", "liml": "IVLIML", "gmm": "IVGMM", "cue": "IVGMMCUE"}
COLUMNS = {"rsquared": "r2", "partial.rsquared": "partial_r2", "shea.rsquared": "shea_r2",
           "f.stat": "statistic", "f.pval": "pvalue"}


def load() -> Any:
    """The models of linearmodels; a clear error without them."""
    try:
        import linearmodels.iv as models
    except ImportError:
        raise ImportError("classical diagnostics come from linearmodels: install divest[iv]. "
                          "The robust first_stage_f in diagnostics_ needs no other package."
                          ) from None
    return models


def fitted_model(method: str, data: dict[str, Any], cov_config: dict[str, Any]) -> Any:
    """The results of linearmodels for these columns."""
    model = getattr(load(), MODELS.get(method, "IV2SLS"))
    options = {"center": True} if method == "cue" else {}
    return model(**data, **options).fit(**cov_config)


def cov_config(cov_type: str, groups: np.ndarray | None, max_lags: int | None) -> dict[str, Any]:
    """The words of linearmodels for a covariance."""
    if cov_type == "cluster":
        return {"cov_type": "clustered", "clusters": groups}
    if cov_type == "hac":
        return {"cov_type": "kernel", "kernel": "bartlett", "bandwidth": max_lags}
    return {"cov_type": "unadjusted" if cov_type == "unadjusted" else "robust"}


def first_stage_frame(results: Any) -> pd.DataFrame:
    """Classical diagnostics of the first stage, one row per endogenous regressor."""
    frame = results.first_stage.diagnostics
    out = frame[list(COLUMNS)].rename(columns=COLUMNS).astype(float)
    out.insert(0, "parameter", [str(name) for name in frame.index])
    out["distribution"] = frame["f.dist"].astype(str).to_numpy()
    return out.reset_index(drop=True)
