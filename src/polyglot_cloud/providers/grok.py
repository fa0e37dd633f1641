"""xAI Grok: answers a wrong key with 400 rather than 401 (xai-org/xai-sdk-ts spec/openapi.json, read 2026-11-22).

Its /tokenize-text takes one text and knows no template: it counts no request.
"""

from dataclasses import replace

from polyglot_cloud.errors import Fault
from polyglot_cloud.providers.base import Provider


class Grok(Provider):
    def understand(self, status: int, fault: Fault) -> Fault:
        """Its code for a wrong key is that of any invalid argument; what tells it is our own key in the answer, masked by the host."""
        key = self._account.reveal() if self._account.reveal else ""
        masked = f"{key[:2]}***{key[-2:]}"
        return replace(fault, code="invalid_api_key") if status == 400 and key and masked in fault.message else fault
