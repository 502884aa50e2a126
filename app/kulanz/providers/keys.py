"""Keys of a provider's objects: its name before its own id, as ids are only unique at one provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key builder for one provider's objects."""

    provider: str

    def key(self, identifier: str) -> str:
        """Return an object's key among the facts."""
        return f"{self.provider}:{identifier}"

    def key_if_any(self, identifier: str | None) -> str | None:
        """Return the key of an object that the event may leave out."""
        return f"{self.provider}:{identifier}" if identifier else None

    def binding(self, kind: str, identifier: str) -> str:
        """Return an object's key among the bindings, which hold objects of all kinds."""
        return f"{self.provider}:{kind}:{identifier}"

    def binding_if_any(self, kind: str, identifier: str | None) -> str | None:
        """Return the binding of an object that may not be named."""
        return self.binding(kind, identifier) if identifier else None
