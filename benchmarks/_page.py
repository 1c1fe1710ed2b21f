"""The tables of ``docs/benchmarks.rst``: ``keep`` stores what was measured, ``write`` shows it.

In a folder stand ``<family>.csv``, all that was measured, ``machines.csv``, and what is made from
them: ``peers.csv``, ``slower.csv``, ``wrong.csv``, ``machines.inc`` and ``families.inc``.
"""

import csv
import io
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

import divest

PACKAGES = {"scipy": "scipy", "sklearn": "scikit-learn", "scikit-learn": "scikit-learn",
            "GaussianMixture": "scikit-learn", "pandas": "pandas", "statsmodels": "statsmodels",
            "linearmodels": "linearmodels", "KDEpy": "KDEpy", "POT": "POT", "hyppo": "hyppo",
            "dcor": "dcor", "infomeasure": "infomeasure", "numpy": "numpy"}  # by first words
VERSIONS = ["numpy", "numba", *sorted(set(PACKAGES.values()) - {"numpy"})]
TABLE = """.. csv-table::
   :header-rows: 1
   :class: compact
   :widths: auto

"""


# ---------------------------------------------------------------- what is stored
def keep(folder: str, name: str, found: pd.DataFrame, sizes: str) -> None:
    """Store a family's table, and the machine and the versions that it ran with."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    found.to_csv(place / f"{name}.csv", index=False, float_format="%.4g", lineterminator="\n")
    file = place / "machines.csv"
    runs = {row["family"]: row for row in _rows(file)} if file.exists() else {}
    runs[name] = {"family": name, "sizes": sizes, "machine": _machine(), "versions": _versions()}
    pd.DataFrame(runs.values()).sort_values("family").to_csv(file, index=False,
                                                             lineterminator="\n")


def _rows(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _machine() -> str:
    """The processor, its cores and the system."""
    model = platform.processor() or platform.machine()
    if (file := Path("/proc/cpuinfo")).exists():
        lines = file.read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")),
                     model)
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def _versions() -> str:
    """Of Python, of divest and of the peers that are installed."""
    found = [f"Python {platform.python_version()}", f"divest {divest.__version__}"]
    for name in VERSIONS:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def load(folder: str, families) -> pd.DataFrame:
    """What is stored of all families."""
    tables = [pd.read_csv(file, keep_default_na=False, na_values=[""]).assign(family=name)
              for name in families if (file := Path(folder) / f"{name}.csv").exists()]
    frame = pd.concat([table.astype({"note": object, "met": object}) for table in tables],
                      ignore_index=True)
    frame["package"] = frame["peer"].map(_package)
    return frame


def _package(peer) -> str:
    return PACKAGES.get(str(peer).split()[0].rstrip(","), "") if isinstance(peer, str) else ""


# ---------------------------------------------------------------- what is shown
def write(folder: str, families: dict) -> None:
    """Make what the page includes from what is stored; `families` are modules by name."""
    place, frame = Path(folder), load(folder, families)
    against = frame[frame["package"].ne("") & frame["ratio"].notna()]
    _peers(against).to_csv(place / "peers.csv", index=False, lineterminator="\n")
    _slower(against).to_csv(place / "slower.csv", index=False, lineterminator="\n")
    _wrong(frame).to_csv(place / "wrong.csv", index=False, lineterminator="\n")
    (place / "machines.inc").write_text(_machines(place / "machines.csv"), "utf-8")
    sections = [_section(families[name], rows) for name, rows in
                frame.groupby("family", sort=False)]
    (place / "families.inc").write_text("\n".join(sections), "utf-8")


def _peers(rows: pd.DataFrame) -> pd.DataFrame:
    """How we compare with each package, over all tasks."""
    return pd.DataFrame([{
        "peer": name, "comparisons": len(part),
        "median ratio of times": f"{part['ratio'].median():.2g}",
        "smallest and largest": f"{part['ratio'].min():.2g} to {part['ratio'].max():.2g}",
        "we are slower in": int((part["ratio_low"] > 1).sum()),
        "median ratio of memory": _memory_ratio(part)}
        for name, part in rows.groupby("package")])


def _slower(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each task where a peer is faster, at some size, the worst size."""
    rows = rows.assign(slower=rows["ratio_low"] > 1).sort_values("ratio", ascending=False)
    keys = ["family", "task", "ours", "peer"]
    groups = rows.groupby(keys, sort=False)["slower"]
    sizes = groups.transform("sum").astype(str) + " of " + groups.transform("size").astype(str)
    worst = rows["slower"] & ~rows.duplicated(keys)
    found = shown(rows[worst]).filter(regex="^(task|n|d|ours|peer|ratio.*|seconds.*)$")
    found.insert(0, "family", rows["family"].str.replace("_", " "))
    return found.assign(**{"slower at": sizes[worst] + " sizes"})


def _wrong(rows: pd.DataFrame) -> pd.DataFrame:
    """Where a peer errs less, by more than two standard errors of the difference."""
    more = rows["ours_error"] - rows["peer_error"]
    clear = more > 2 * np.hypot(rows["ours_error_se"], rows["peer_error_se"])
    rows = rows[clear]
    return pd.DataFrame({
        "family": rows["family"].str.replace("_", " "), "task": rows["task"],
        "n": rows["n"].map(_count), "d": rows["d"].map(_count), "ours": rows["ours"],
        "peer": rows["peer"]} | {f"error of {side}": [
            f"{error:.2g} ({spread:.1g})" for error, spread in zip(
                rows[f"{side}_error"], rows[f"{side}_error_se"], strict=True)]
            for side in ("ours", "peer")})


def _memory_ratio(rows):
    """Of those calls of which both take at least a megabyte."""
    both = rows[(rows["ours_mb"] >= 1) & (rows["peer_mb"] >= 1)]
    return f"{(both['ours_mb'] / both['peer_mb']).median():.2g}" if len(both) else ""


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as text, with ours and theirs in one cell."""
    pairs = {f"{name}: ours, peer": [_pair(*both) for both in zip(
        rows[f"ours_{column}"], rows[f"peer_{column}"], strict=True)]
        for name, column in (("seconds", "seconds"), ("MB", "mb"), ("error", "error"))}
    found = {"task": rows["task"], **{name: rows[name].map(_count) for name in ("n", "d", "k")},
             "ours": rows["ours"], "peer": rows["peer"].fillna(""),
             "ratio (quartiles)": [_spread(*three) for three in zip(
                 rows["ratio"], rows["ratio_low"], rows["ratio_high"], strict=True)], **pairs,
             "note": rows["note"].fillna("")}
    frame = pd.DataFrame(found, index=rows.index)
    return frame.loc[:, [name for name in frame if frame[name].ne("").any()]]


def _count(number):
    return "" if np.isnan(number) else f"{int(number):,}"


def _number(number):
    """Two digits, or all before the point."""
    return "-" if np.isnan(number) else f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _pair(ours, peer):
    return "" if np.isnan(ours) and np.isnan(peer) else f"{_number(ours)}, {_number(peer)}"


def _spread(median, low, high):
    if np.isnan(median):
        return ""
    return _number(median) + ("" if np.isnan(low) else f" ({_number(low)} to {_number(high)})")


def _section(family, rows: pd.DataFrame) -> str:
    """Title, text and table of one family; what did not run is named below."""
    title, _, body = family.__doc__.partition("\n")
    name = rows["family"].iloc[0].replace("_", " ").capitalize()
    absent = rows["note"].notna() & rows["ratio"].isna()
    table, stream = shown(rows[~absent]), io.StringIO()
    table.to_csv(stream, index=False, lineterminator="\n")
    lines = "".join(f"   {line}\n" for line in stream.getvalue().splitlines())
    left_out = "; ".join(rows.loc[absent, "note"].unique())
    return (f"{name}\n{'~' * len(name)}\n\n{title}\n\n{body.strip()}\n\n"
            f".. raw:: html\n\n   <details><summary>{len(table)} rows</summary>\n\n"
            f"{TABLE}{lines}\n.. raw:: html\n\n   </details>\n\n"
            + (f"Did not run: {left_out}.\n\n" if left_out else ""))


def _machines(file: Path) -> str:
    """One item for each machine and set of versions."""
    runs = pd.DataFrame(_rows(file))
    text = ""
    for (sizes, machine, versions), part in runs.groupby(["sizes", "machine", "versions"]):
        names = ", ".join(name.replace("_", " ") for name in part["family"])
        text += f"* {names}: {sizes} samples; {machine}; {versions}.\n"
    return text
