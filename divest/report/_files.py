"""Files that are there in full or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """All of the content or none of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_texts(**texts: Any) -> None:
    """What a page prints as it is must be text, or None."""
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be text, got {text!r}.")


def hand_over(page: str, path: str | os.PathLike[str] | None) -> str | None:
    """The page itself, or None once it is written to the path."""
    if path is None:
        return page
    write_to(path, page.encode("utf-8", "replace"))
    return None


def write_to(path: Any, content: bytes) -> None:
    """The content as the file that a user names, at once."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be the name of a file, got {path!r}.")
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} to; "
                                "make it first.")
    write_atomically(target, content)
