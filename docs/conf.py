"""Sphinx settings. Nothing here needs a network; DIVEST_INTERSPHINX=1 links to other projects."""

import importlib
import os
import pkgutil
import re
import sys
from pathlib import Path

from sphinx.util.nodes import make_refnode

import divest

project = "divest"
author = "The divest developers"
copyright = author
release = version = divest.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the numpydoc sections say it
autodoc_default_options = {  # made by scikit-learn, whose docstrings link to its own pages
    "exclude-members": "get_metadata_routing, set_fit_request, set_score_request, "
                       "set_transform_request"}
autosummary_generate = True
nitpicky = True  # a link to a name of divest that leads nowhere is a warning
nitpick_ignore_regex = [(".*", r"(?!divest\.).*")]
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("divest",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "capture_repr": (),
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}

if os.environ.get("DIVEST_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "python": ("https://docs.python.org/3", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

html_theme = "pydata_sphinx_theme"
html_title = f"divest {version}"
html_static_path = ["_static"]
html_css_files = ["divest.css"]
html_show_sourcelink = False
html_sidebars = {page: [] for page in (
    "installation", "tutorial", "which_method", "evidence", "limits", "benchmarks", "migration",
    "architecture", "glossary", "references", "changelog")}
html_theme_options = {
    "logo": {"text": "divest"},
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
}


def changelog(app, docname, source):
    """Append CHANGELOG.md, its Markdown turned into reStructuredText, to the page of that name."""
    if docname == "changelog":
        text = Path(app.srcdir, "..", "CHANGELOG.md").read_text("utf-8").partition("\n")[2]
        text = re.sub(r"`([^`]+)`", r"``\1``", text)
        text = re.sub(r"\[([^]]+)\]\((\S+?)\)", r"`\1 <\2>`__", text)
        for mark, line in (("### ", "~"), ("## ", "-")):
            text = re.sub(rf"^{mark}\[?(.+?)\]?(?=$| - )(.*)$",
                          lambda m, line=line: f"{m[1]}{m[2]}\n{line * len(m[1] + m[2])}",
                          text, flags=re.M)
        source[0] += text


def unlisted():
    """Functions and classes that ``api_reference.rst`` leaves out; listed once is enough."""
    page = Path(__file__).with_name("api_reference.rst").read_text("utf-8")
    blocks = re.split(r"^\.\. currentmodule:: +(\S+)$", page, flags=re.M)[1:]
    listed = {id(getattr(importlib.import_module(module), name))
              for module, block in zip(blocks[::2], blocks[1::2], strict=True)
              for name in re.findall(r"^   ([A-Za-z]\w*)$", block, flags=re.M)}
    public = [m.name for m in pkgutil.walk_packages(divest.__path__, "divest.")
              if "._" not in m.name]
    for name in ["divest", *public]:
        module = importlib.import_module(name)
        yield from (f"{name}.{entry}" for entry in getattr(module, "__all__", [])
                    if callable(value := getattr(module, entry)) and id(value) not in listed)


def by_another_path(app, env, node, contnode):
    """A link to a module, or to a public name that the reference lists under another module."""
    target = node.get("reftarget", "")
    owner, _, name = target.rpartition(".")
    if not owner.startswith("divest") or node.get("refdomain") != "py":
        return None
    if target in sys.modules:  # its names stand in the reference
        return make_refnode(app.builder, node["refdoc"], "api_reference", None, contnode)
    python = env.get_domain("py")
    for listed in (entry for entry in python.objects if entry.endswith(f".{name}")):
        module = listed.rpartition(".")[0]
        try:
            same = (getattr(importlib.import_module(module), name)
                    is getattr(importlib.import_module(owner), name))
        except (ImportError, AttributeError):
            continue
        if same:
            return python.resolve_xref(env, node["refdoc"], app.builder, "obj", listed, node,
                                       contnode)
    return None


def links_elsewhere(app, what, name, member, skip, options):
    """Leave out the `score` that regressors have from scikit-learn, as it links to its guide."""
    inherited = str(getattr(member, "__module__", "")).startswith("sklearn.")
    return True if name == "score" and inherited else None


def setup(app):
    """Hook the changelog in, and stop where the reference is incomplete."""
    if missing := list(unlisted()):
        raise ValueError(f"docs/api_reference.rst lists no {', '.join(missing)}")
    app.connect("source-read", changelog)
    app.connect("missing-reference", by_another_path)
    app.connect("autodoc-skip-member", links_elsewhere)
