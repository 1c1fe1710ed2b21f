"""The decorator of the compiled loops, and what it does where no cache folder can be written."""

import ast
from pathlib import Path

import pytest

import divest
from divest import _jit

FILES = sorted((Path(divest.__file__).parent / "_kernels").glob("[!_]*.py"))


def half(x):
    return x / 2


@pytest.fixture
def requests(monkeypatch):
    """The options of each call of numba; those that ask for a cache are refused."""
    asked = []

    def njit(function, **options):
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'half': no locator available")
        return function

    monkeypatch.setattr(_jit, "njit", njit)
    return asked


def test_compiles_without_a_cache_where_none_can_be_written(requests):
    assert _jit.kernel(half)(3.0) == 1.5
    first, second = requests
    assert first == {"cache": True, **second}
    assert second == {"nogil": True, "error_model": "numpy"}


def test_products_and_sums_may_be_fused_where_asked(requests):
    assert _jit.fused_kernel(half)(3.0) == 1.5
    assert [options["fastmath"] for options in requests] == [{"contract"}, {"contract"}]


def test_other_errors_are_not_hidden(monkeypatch):
    def njit(function, **options):
        raise TypeError("not a function")

    monkeypatch.setattr(_jit, "njit", njit)
    with pytest.raises(TypeError, match="not a function"):
        _jit.kernel(half)


def test_compiled_function_computes():
    assert _jit.kernel(half)(3.0) == 1.5


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_loop_is_compiled_by_it(file):
    functions = [node for node in ast.parse(file.read_text("utf-8")).body
                 if isinstance(node, ast.FunctionDef)]
    assert functions
    for function in functions:
        assert [ast.unparse(decorator) for decorator in function.decorator_list] in (
            ["kernel"], ["fused_kernel"])
