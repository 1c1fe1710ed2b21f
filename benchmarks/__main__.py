"""``python -m benchmarks [family] [--quick] [--page FOLDER]``: one table for each family."""

import argparse

from benchmarks import (
    _page,
    density,
    discrete,
    divergence,
    goodness_of_fit,
    growth,
    moments,
    neighbors,
    sample_complexity,
    sequences,
    study,
    two_sample,
    unnormalized,
)

FAMILIES = {"neighbors": neighbors, "divergence": divergence, "two_sample": two_sample,
            "goodness_of_fit": goodness_of_fit, "density": density,
            "sample_complexity": sample_complexity, "moments": moments,
            "sequences": sequences, "unnormalized": unnormalized, "discrete": discrete,
            "study": study, "growth": growth}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("family", nargs="?", choices=FAMILIES, help="by default all")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller samples")
    parser.add_argument("--page", metavar="FOLDER", help="where the tables of the page "
                        "are kept; those of the families that ran are replaced")
    options = parser.parse_args(arguments)
    for name in [options.family] if options.family else FAMILIES:
        family = FAMILIES[name]
        found = family.run(family.QUICK if options.quick else family.Sizes())
        print(f"\n{family.__doc__}")
        shown = found.dropna(axis="columns", how="all")
        print(shown.to_string(index=False, float_format="{:.3g}".format, na_rep="", max_rows=None))
        if options.page:
            _page.keep(options.page, name, found, "smaller" if options.quick else "full")
    if options.page:
        _page.write(options.page, FAMILIES)


if __name__ == "__main__":
    main()
