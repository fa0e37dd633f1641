"""Where in a generate request the long strings stand that are passed on unread."""

from collections.abc import Iterator
from typing import Any

from polyglot_cloud.dialects import Bulk


def bulk(body: dict[str, Any]) -> Iterator[Bulk]:
    """The body may be of any shape: nothing of it was checked."""
    for name in ("prompt", "system"):
        if isinstance(body.get(name), str):
            yield Bulk(body, name, "text")
    images = body.get("images")
    for index, image in enumerate(images if isinstance(images, list) else ()):
        if isinstance(image, str):
            yield Bulk(images, index, "base64")
