"""The program ``divest``: its commands, its exit statuses, one line for every error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from divest.cli._compare import add_compare
from divest.cli._density import add_density
from divest.cli._gof import add_gof
from divest.cli._options import Failure, Parser
from divest.cli._plan import add_plan
from divest.cli._study import add_study

ERROR = 2  # exit status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``divest ...``.

    Parameters
    ----------
    arguments : list of str, optional
        The words after ``divest``; by default those of the process.

    Returns
    -------
    int
        0; 1 where the user asked to fail on a finding; 2 after an error, with one line on standard
        error.

    Examples
    --------
    >>> from divest.cli import main
    >>> main(["compare"])
    2
    """
    try:
        options = _parser().parse_args(arguments)
        options.words = sys.argv[1:] if arguments is None else arguments
        return int(options.run(options))
    except Failure as failure:
        message = str(failure)
    except KeyboardInterrupt as stop:
        message = f"{stop}" or "interrupted"
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # whatever it is, one line is kinder than a traceback
        message = f"{error}" or type(error).__name__
    print(f"divest: error: {' '.join(message.split())}", file=sys.stderr)
    return ERROR


def _parser() -> Parser:
    from divest import __version__

    parser = Parser(prog="divest", description="How far apart are two distributions, does a model "
                    "fit, what density did a sample come from, is there enough data to say so, and "
                    "how do such methods behave?")
    parser.add_argument("--version", action="version", version=f"divest {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_compare(commands)
    add_gof(commands)
    add_density(commands)
    add_plan(commands)
    add_study(commands)
    return parser
