"""Which semlens this is."""

import subprocess
from pathlib import Path

VERSION = "2.0.0"


def find_commit() -> str:
    """Return the commit of the checkout that holds this file, with ``+`` if files differ; "unknown" without Git."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        changes = subprocess.run([*git, "status", "--porcelain", "-uno"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changes.stdout else "")
