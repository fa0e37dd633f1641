"""Anthropic: its key goes in `x-api-key`, and every request names a version (docs.anthropic.com, versioning, read 2026-11-22)."""

from polyglot_cloud.providers.base import Provider


class Anthropic(Provider):
    hints = {"anthropic-version": "2023-06-01"}  # noqa: RUF012  # a constant of the class, never written

    counts = ("anthropic",)

    def credential(self, key: str) -> dict[str, str]:
        return {"x-api-key": key}
