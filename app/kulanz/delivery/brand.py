"""The merchant's brand as mails show it: name, logo, colour, imprint, and where questions go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOGO_CID = "logo@kulanz"
MAX_LOGO = 256 * 1024
"""Bytes: a logo in a file goes out with every mail."""
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
_PLAIN = "#0b57d0"
_LINEAR_BELOW, _MIDDLE = 0.04045, 0.179


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """Brand of a customer's mail: name, logo, colour, addresses."""

    name: str | None = None
    logo: str | None = None
    """An `https://` address, or a file that goes out with the mail."""
    color: str = _PLAIN
    """`#rrggbb`."""
    address: str | None = None
    """The imprint, in lines."""
    support: str | None = None

    @property
    def logo_source(self) -> str | None:
        """Return the `src` of the `img` element in a mail."""
        return f"cid:{LOGO_CID}" if self.logo_file else self.logo

    @property
    def logo_file(self) -> Path | None:
        """Return the file that is sent along."""
        return Path(self.logo) if self.logo and "://" not in self.logo else None

    @property
    def text_color(self) -> str:
        """Return black or white, the one that is read better on the brand's colour (WCAG relative luminance)."""
        red, green, blue = (_linear(int(self.color[place : place + 2], 16) / 255) for place in (1, 3, 5))
        return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _MIDDLE else "#ffffff"

    @property
    def address_lines(self) -> tuple[str, ...]:
        """Return the lines of the imprint; one variable may hold them with `|` between."""
        lines = (self.address or "").replace("|", "\n").split("\n")
        return tuple(stripped for line in lines if (stripped := " ".join(line.split())))


def logo_kind(content: bytes) -> str | None:
    """Return `png`, `jpeg` or `gif`, the kinds that every mail program shows; None for anything else."""
    return next((kind for signature, kind in _SIGNATURES.items() if content.startswith(signature)), None)


def logo_problem(file: Path) -> str | None:
    """Return why a file cannot be the logo; None: it can."""
    try:
        content = file.read_bytes()
    except OSError:
        return f"{file} cannot be read"
    if logo_kind(content) is None:
        return f"{file} is not a PNG, JPEG or GIF file, which are what mail programs show"
    return f"{file} is larger than {MAX_LOGO // 1024} KiB" if len(content) > MAX_LOGO else None


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= _LINEAR_BELOW else ((channel + 0.055) / 1.055) ** 2.4)
