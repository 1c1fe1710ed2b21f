"""What README.md shows is what happens."""

import re
import shlex
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from pages_of_text import agrees

from divest.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.M | re.S)
COMMANDS = [text.strip() for kind, text in BLOCKS if kind == "bash"]
EXAMPLES = [(text, output) for (kind, text), (after, output) in
            pairwise(BLOCKS) if kind == "python" and after == "text"]


@pytest.mark.parametrize(("shown", "printed", "same"), [
    ("a  b\nc", "a b\nc", True),
    ("a ... d\nc", "a b x d\nc", True),
    ("a\n...\nd", "a\nb\nc\nd", True),
    ("a\n...", "a\nb\nc", True),
    ("a\nd", "a\nb\nd", False),
    ("a b", "a b c", False),
    ("a 1", "a 2", False),
    ("d\n...\na", "a\nd", False),
])
def test_comparison_of_outputs(shown, printed, same):
    assert agrees(shown, printed) == same


def test_there_are_two_commands_one_installs_and_runs_one_installs_and_tests():
    run, test = COMMANDS
    assert run.startswith("pip install -e . && divest compare examples/data/")
    assert test == 'pip install -e ".[test]" && pytest -n auto'


def test_command_prints_what_is_shown(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(COMMANDS[0].split(" && ")[1])
    assert program == "divest"
    assert main(arguments) == 0
    shown = next(text for kind, text in BLOCKS if kind == "text")
    assert agrees(shown, capsys.readouterr().out)


def test_examples_print_what_is_shown():
    """They build on one another, so they run in one namespace."""
    assert len(EXAMPLES) == sum(kind == "python" for kind, _ in BLOCKS) == 6
    names = {}
    for code, output in EXAMPLES:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert printed.getvalue().strip() == output.strip()


def test_first_example_is_ten_lines():
    assert len([line for line in EXAMPLES[0][0].splitlines() if line.strip()]) == 10


def test_every_link_leads_somewhere():
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert "docs/_static/compare_penguins.png" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
