"""``python -m divest``: the command line."""

import sys

from divest.cli import main

if __name__ == "__main__":
    sys.exit(main())
