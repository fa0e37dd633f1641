"""Embeddings without a model: words hashed into places, so that texts which share words are near each other."""

import hashlib
import math


def vector(text: str, size: int) -> list[float]:
    """A unit vector that belongs to the text: the same text gives the same, and texts that share words are nearer."""
    values = [0.0] * size
    for word in text.lower().split() or [""]:
        digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
        for place in range(0, 32, 4):
            values[int.from_bytes(digest[place : place + 3], "big") % size] += 1 if digest[place + 3] % 2 else -1
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]
