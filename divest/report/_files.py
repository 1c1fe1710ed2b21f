"""Files that are there in full or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """All of the content or none of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def hand_over(page: str, path: str | os.PathLike[str] | None) -> str | None:
    """The page itself, or None once it is written to the path."""
    if path is None:
        return page
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} to; "
                                "make it first.")
    write_atomically(target, page.encode("utf-8", "replace"))
    return None
