"""xAI Grok: answers a wrong key with 400 rather than 401 (xai-org/xai-sdk-ts spec/openapi.json, read 2026-11-22)."""

from polyglot_cloud.providers.base import Provider


class Grok(Provider):
    pass
