"""Shows settings to a person without showing a secret."""

from __future__ import annotations

from typing import Any

from kulanz.config.settings import TABLE, Settings, is_unset


def masked(settings: Settings) -> dict[str, str]:
    """Return every setting by its variable's name as text, secrets and passwords as `****`."""
    rows = (setting for setting in TABLE.values() if not setting.merges)
    values: dict[str, Any] = {setting.variable: getattr(settings, setting.field) for setting in rows}
    return {variable: "" if is_unset(value) else TABLE[variable].kind.show(value) for variable, value in values.items()}
