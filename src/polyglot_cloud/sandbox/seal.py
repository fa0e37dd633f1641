"""Opaque state a client must hand back unharmed: signatures and encrypted content. Any changed character is noticed."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_MAC = 15


def seal(cloud: str, payload: dict[str, Any]) -> str:
    """Standard base64 of a keyed digest and the payload."""
    raw = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    return base64.b64encode(_mac(cloud, raw) + raw).decode()


def unseal(cloud: str, sealed: str) -> dict[str, Any] | None:
    """The payload; None for anything this cloud's stand-in did not seal, or that was changed since."""
    try:
        data = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    mac, raw = data[:_MAC], data[_MAC:]
    if not hmac.compare_digest(mac, _mac(cloud, raw)):
        return None
    payload: dict[str, Any] = json.loads(raw)
    return payload


def _mac(cloud: str, raw: bytes) -> bytes:
    return hmac.new(cloud.encode(), raw, hashlib.sha256).digest()[:_MAC]
