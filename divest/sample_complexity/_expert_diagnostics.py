"""What speaks for and against a fitted mixture of experts."""

from __future__ import annotations

from divest._results import Diagnostic
from divest.sample_complexity._expert_grid import Cell, held_out_gap
from divest.sample_complexity._experts import Rule
from divest.sample_complexity._thresholds import kl_threshold

FEWEST_ROWS = 5.0  # per parameter
WORST_GAP = 3.0


def expert_diagnostics(cells: list[Cell], chosen: Cell, n: int, rule: Rule, *,
                       at_most: int | None) -> list[Diagnostic]:
    """Verdicts on the chosen fit; `at_most`: the largest number of experts BIC could choose."""
    fit = chosen.fit
    p = chosen.row["n_parameters"]
    rows = n / p
    own = float(fit.sizes.min()) / (fit.coefficients.shape[2] + 1)
    floored = int((fit.variance <= rule.floor * 1.000001).sum())
    found = [
        Diagnostic("converged", float(fit.n_iter[0]), float(rule.max_iter), bool(fit.converged[0]),
                   "EM still gained after max_iter steps; raise max_iter or tol."),
        Diagnostic("rows_per_parameter", rows, FEWEST_ROWS, rows >= FEWEST_ROWS,
                   "few rows for so many parameters; take fewer experts or a lower degree."),
        Diagnostic("fit_risk", p / (2.0 * n), kl_threshold(0.05), True,
                   "divergence of the fitted law from the best one of this size, to first order; "
                   "below the threshold one new row hardly tells them apart (reported only)."),
        Diagnostic("smallest_expert", own, FEWEST_ROWS, own >= FEWEST_ROWS,
                   "an expert speaks for so few rows per parameter of its own that its mean and "
                   "variance are guesses; take fewer experts or a lower degree."),
        Diagnostic("floored_variances", float(floored), 0.0, floored == 0,
                   "so many experts would fit their rows without error (y may repeat values), and "
                   "variance_floor decides the likelihood and BIC; take fewer experts."),
    ]
    if at_most is not None and at_most > 1:
        inside = chosen.n_experts < at_most
        found.append(Diagnostic("most_experts", float(chosen.n_experts), float(at_most), inside,
                                "BIC chose the largest number of experts; raise max_experts."))
    if chosen.held_out is not None:
        gap = held_out_gap(cells, chosen)
        found.append(Diagnostic("held_out_gap", gap, WORST_GAP, gap <= WORST_GAP,
                                "another fit predicts held-out rows better than the choice of BIC "
                                "by so many standard errors; see held_out in criterion_."))
    return found
