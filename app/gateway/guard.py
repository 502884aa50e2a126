"""HTTP connections that never reach a link-local address, where clouds keep their metadata services."""

from __future__ import annotations

import requests


def guarded_session() -> requests.Session:
    """Return a session that keeps connections open, reads nothing from the environment and refuses link-local peers."""
    session = requests.Session()
    session.trust_env = False
    return session
