"""Pages and what they show: code blocks of reStructuredText, and output against what is printed."""

import re
from contextlib import redirect_stdout
from io import StringIO
from textwrap import dedent

BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)", flags=re.M)


def blocks(text):
    """Pairs of a language and a text, in the order of the page."""
    return [(kind, dedent(body)) for kind, body in BLOCK.findall(text)]


def agrees(shown, printed):
    """Whether the lines shown are lines printed, in order; "..." stands for what is left out."""
    lines = []
    for line in shown.strip().splitlines():
        words = " +".join(".*" if word == "..." else re.escape(word) for word in line.split())
        lines.append(r"(?:.*\n)*" if words == ".*" else f" *{words}\n")
    return re.fullmatch("".join(lines), printed.strip() + "\n") is not None


def printed_by(code, names, title):
    """What a block of code prints; it runs in the namespace given."""
    output = StringIO()
    with redirect_stdout(output):
        exec(compile(code, title, "exec"), names)
    return output.getvalue()
