"""What the reports of several questions share: a verdict with tables and advice."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd


class Report:
    """A verdict with tables and advice, as text and as HTML."""

    diagnostics: Any  # a DataFrame, one row per diagnostic
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    verdict: Any
    _digits = 4

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic passed."""
        return bool(self.diagnostics["passed"].all())

    def _opening(self) -> list[str]:
        """What was looked at."""
        raise NotImplementedError

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """What is shown, each with a title."""
        raise NotImplementedError

    def _columns_in_words(self) -> str:
        """How many columns were used, and which."""
        some = ", ".join(self.names[:5]) + (" ..." if len(self.names) > 5 else "")
        return f"{len(self.names)} column{'s' if len(self.names) > 1 else ''} ({some})"

    def _left_out_in_words(self) -> list[str]:
        """The columns that were not used."""
        return ([f"Columns left out because they hold no numbers: {', '.join(self.left_out)}."]
                if self.left_out else [])

    def _notes(self) -> list[str]:
        """Advice of the failed diagnostics."""
        failed = self.diagnostics[~self.diagnostics["passed"]]
        if failed.empty:
            return [f"All {len(self.diagnostics)} diagnostics passed: nothing speaks against "
                    "trusting this."]
        return [f"Doubtful: {row.name} = {row.value:.3g}: {row.advice}."
                for row in failed.itertuples(index=False)]

    def summary(self) -> str:
        """Verdict, tables and advice as text.

        Returns
        -------
        str
            Text to print.
        """
        parts = [*self._opening(), self.verdict, ""]
        for title, table in self._tables():
            parts += [title, table.to_string(index=False, na_rep="-",
                                             float_format=f"{{:.{self._digits}g}}".format), ""]
        return "\n".join([*parts, *self._notes()])

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        tables = "".join(f"<p>{escape(title)}</p>{table.to_html(index=False)}"
                         for title, table in self._tables())
        notes = "".join(f"<li>{escape(line)}</li>" for line in self._notes())
        return (f"<p>{escape(' '.join(self._opening()))}</p><p><b>{escape(self.verdict)}</b></p>"
                f"{tables}<ul>{notes}</ul>")
