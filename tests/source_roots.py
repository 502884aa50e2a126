"""Where Python finds the project's packages in a tree that is not installed, such as a copy of it."""

from __future__ import annotations

import os
from pathlib import Path


def python_path(root: Path) -> str:
    """Return a tree's `PYTHONPATH`."""
    return os.pathsep.join(str(root / folder) for folder in ("app", "workers", "."))
