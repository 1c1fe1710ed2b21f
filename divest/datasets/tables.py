"""Real tables that ship with the package."""

from importlib.resources import files
from typing import Any

import pandas as pd

__all__ = ["load_anes96", "load_penguins"]


def load_penguins() -> pd.DataFrame:
    """Size of 344 adult penguins of three species, measured in three years on three islands.

    Returns
    -------
    DataFrame of shape (344, 8)
        One row per bird, missing values kept (11 birds have at least one):

        * ``species``: category; Adelie (152), Chinstrap (68) or Gentoo (124).
        * ``island``: category; Biscoe, Dream or Torgersen.
        * ``bill_length_mm``, ``bill_depth_mm``, ``flipper_length_mm``: float, millimetres.
        * ``body_mass_g``: float, grams.
        * ``sex``: category; female or male.
        * ``year``: integer; 2007 (110 birds), 2008 (114) or 2009 (120).

    Notes
    -----
    Palmer Archipelago, Antarctica; collected by K. Gorman and the Palmer Station Long Term
    Ecological Research Program, taken from palmerpenguins [2]_. Licence: CC0 1.0 (public domain).

    References
    ----------
    .. [1] K. Gorman, T. Williams and W. Fraser, "Ecological sexual dimorphism and environmental
       variability within a community of Antarctic penguins (genus Pygoscelis)", PLoS ONE 9(3)
       e90081 (2014), doi:10.1371/journal.pone.0090081.
    .. [2] A. Horst, A. Hill and K. Gorman, "palmerpenguins: Palmer Archipelago (Antarctica)
       penguin data" (2020), doi:10.5281/zenodo.3960218.

    Examples
    --------
    >>> from divest.datasets import load_penguins
    >>> penguins = load_penguins()
    >>> penguins.shape
    (344, 8)
    >>> penguins["year"].value_counts().to_dict()
    {2009: 120, 2008: 114, 2007: 110}
    """
    return _read("penguins.csv", dtype=dict.fromkeys(["species", "island", "sex"], "category"))


def load_anes96() -> pd.DataFrame:
    """Views, background and expected vote of 944 Americans before the election of 1996.

    Returns
    -------
    DataFrame of shape (944, 10)
        One row per respondent, all integers, nothing missing. In parentheses the name in the
        source:

        * ``place_population`` (popul): census population of the place they live in, thousands.
        * ``tv_news`` (TVnews): times per week they watch television news, 0 to 7.
        * ``self_left_right`` (selfLR): their own leaning; 1 extremely liberal, 2 liberal,
          3 slightly liberal, 4 moderate, 5 slightly conservative, 6 conservative,
          7 extremely conservative.
        * ``clinton_left_right`` (ClinLR): where they place Bill Clinton, same scale.
        * ``dole_left_right`` (DoleLR): where they place Bob Dole, same scale.
        * ``party`` (PID): 0 strong Democrat, 1 weak Democrat, 2 independent-Democrat,
          3 independent, 4 independent-Republican, 5 weak Republican, 6 strong Republican.
        * ``age``: years.
        * ``education`` (educ): 1 up to eight grades, 2 some high school, 3 high school graduate,
          4 some college, 5 college degree, 6 master's degree, 7 doctorate.
        * ``income``: bracket of the household's yearly income; brackets 1 to 24 begin at 0, 3, 5,
          7, 9, 10, 11, 12, 13, 14, 15, 17, 20, 22, 25, 30, 35, 40, 45, 50, 60, 75, 90 and 105
          thousand dollars.
        * ``vote``: expected vote; 0 Clinton (551), 1 Dole (393).

    Notes
    -----
    A subset of the American National Election Studies of 1996, taken from
    ``statsmodels.datasets.anes96`` without its derived column logpopul, ``log(popul + 0.1)``.
    Licence: public domain.

    References
    ----------
    .. [1] American National Election Studies, 1996 pre- and post-election study,
       https://electionstudies.org.

    Examples
    --------
    >>> from divest.datasets import load_anes96
    >>> voters = load_anes96()
    >>> voters.shape
    (944, 10)
    >>> voters["vote"].value_counts().to_dict()
    {0: 551, 1: 393}
    """
    return _read("anes96.csv")


def _read(name: str, **options: Any) -> pd.DataFrame:
    """A CSV file that stands next to this one."""
    with files("divest.datasets").joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file, **options)
