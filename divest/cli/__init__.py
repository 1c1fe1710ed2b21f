"""The command line: parse, call a public function, print a table."""

from divest.cli.program import main

__all__ = ["main"]
