"""Who a body is for, and the small questions that all vendors' rules ask."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from polyglot_cloud.rows import Model, Offer, Quirks

Body = dict[str, Any]

_MAGIC = {
    "image/png": re.compile(rb"\x89PNG\r\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-"),
}


@dataclass(frozen=True)
class Subject:
    """A model of the catalog, asked in one of the dialects that it is offered in."""

    row: Model
    offer: Offer

    @property
    def provider(self) -> str:
        return self.row.provider

    @property
    def wire_model(self) -> str:
        return self.row.id

    @property
    def dialect(self) -> str:
        return self.offer.dialect

    @property
    def quirks(self) -> Quirks:
        return self.row.quirks

    def takes(self, need: str) -> bool:
        return need in self.offer.needs

    @property
    def limit(self) -> int | None:
        """The largest output maximum that is not refused."""
        return self.row.max_output if self.quirks.strict_max_output else None

    def __str__(self) -> str:
        return f"{self.provider}/{self.wire_model} in {self.dialect}"


def blank(text: str) -> bool:
    return not text.strip()


def mislabelled(media_type: str, data: str) -> str | None:
    """What is wrong with the label of inline bytes, as far as their first bytes tell."""
    head = base64.b64decode(data[:32] + "=" * (-len(data[:32]) % 4), validate=True)
    seen = next((name for name, magic in _MAGIC.items() if magic.match(head)), None)
    return f"{media_type} is named, {seen} it is" if seen and seen != media_type else None


# --- seals: what a test's reasoning state is signed with, so that it is known again wherever it went ---

_SEAL = "sealed by "
_TOKEN = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


def seal(provider: str, model: str, number: int = 0) -> str:
    """A signature in base64 that tells who made it."""
    return base64.b64encode(f"{_SEAL}{provider}/{model} {number}".encode()).decode("ascii")


def opened_seals(value: Any) -> Iterator[tuple[str, str]]:
    """(provider, model) of every seal anywhere in a body."""
    for token in _TOKEN.findall(json.dumps(value)):
        try:
            text = base64.b64decode(token, validate=True).decode()
        except ValueError:
            continue
        if text.startswith(_SEAL):
            provider, _, model = text.removeprefix(_SEAL).partition(" ")[0].partition("/")
            yield provider, model
