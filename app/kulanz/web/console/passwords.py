"""Passwords of operators: compared in constant time, those that are kept as a hash by Werkzeug's function for it."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.security import check_password_hash, generate_password_hash

from kulanz.config import OpsUser
from kulanz.web.api.tokens import same


def hashed(password: str) -> str:
    """Return the hash of a password, as OPS_USERS and OPS_PASSWORD take it."""
    return generate_password_hash(password)


def user_with(users: Sequence[OpsUser], name: str, password: str) -> OpsUser | None:
    """Return the user with this name and password.

    Every plain password is compared, and always one hash where there is any, so that no name can be guessed by time.
    """
    plain = [user for user in users if not user.hashed and same(password, user.password) and same(name, user.name)]
    kept = [user for user in users if user.hashed]
    if not kept:
        return plain[0] if plain else None
    named = [user for user in kept if same(name, user.name)]
    fits = check_password_hash((named or kept)[0].password, password)
    matches = plain or (named if fits else [])
    return matches[0] if matches else None
