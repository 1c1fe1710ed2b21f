"""``python -m benchmarks [family] [--quick]``: one table of ratios per family."""

import argparse

from benchmarks import (
    density,
    discrete,
    divergence,
    goodness_of_fit,
    moments,
    neighbors,
    sample_complexity,
    sequences,
    study,
    unnormalized,
)

FAMILIES = {"neighbors": neighbors, "divergence": divergence,
            "goodness_of_fit": goodness_of_fit, "density": density,
            "sample_complexity": sample_complexity, "moments": moments,
            "sequences": sequences, "unnormalized": unnormalized, "discrete": discrete,
            "study": study}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("family", nargs="?", choices=FAMILIES, help="by default all")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller samples")
    options = parser.parse_args(arguments)
    for name in [options.family] if options.family else FAMILIES:
        family = FAMILIES[name]
        found = family.run(family.QUICK if options.quick else family.Sizes())
        print(f"\n{family.__doc__}")
        print(found.to_string(index=False, float_format="{:.3g}".format, na_rep="", max_rows=None))


if __name__ == "__main__":
    main()
