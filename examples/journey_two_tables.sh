#!/usr/bin/env bash
# A data scientist has two tables and wants to know whether the newer one has changed.
# From the folder of the project, after `pip install -e .`:  bash examples/journey_two_tables.sh
set -euo pipefail
data=$(cd "$(dirname "$0")/data" && pwd)
cd "${1:-$(mktemp -d)}" # where the results go

# 1. Look: one table on the screen, verdict first.
divest compare "$data/penguins_2007.csv" "$data/penguins_2009.csv"

# 2. Keep: the same as numbers, for pandas or a spreadsheet.
divest compare "$data/penguins_2007.csv" "$data/penguins_2009.csv" --output drift.csv

# 3. Watch: a job that fails when something moved more than it may.
if divest compare "$data/penguins_2007.csv" "$data/penguins_2008.csv" \
  --min-effect 0.1 --fail-on-drift --output watch.json; then
  echo "2008: nothing to do"
else
  echo "2008: look at watch.json"
fi

# 4. Go on in Python with what was kept.
python - <<'PY'
import pandas as pd

drift = pd.read_csv("drift.csv")
columns = drift[drift["kind"] != "joint"].sort_values("pvalue_adjusted")
print(columns[["column", "estimate", "pvalue_adjusted", "drift"]].to_string(index=False))
PY

# 5. Is a sample of this size enough at all?
divest plan "$data/penguins_2007.csv" --family gaussian
