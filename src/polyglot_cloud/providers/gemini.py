"""Google Gemini: the key goes in a header (never in the query, which lands in logs), and clients choose among API versions."""

import re

from polyglot_cloud.providers.base import Provider

_VERSION = re.compile(r"/v\d+(?:alpha|beta)?\d*$")


class Gemini(Provider):
    counts = ("gemini",)

    def credential(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def url(self, path: str, version: str | None = None) -> str:
        base = self._account.base_url
        return f"{_VERSION.sub('', base)}/{version}/{path}" if version and _VERSION.search(base) else f"{base}/{path}"
