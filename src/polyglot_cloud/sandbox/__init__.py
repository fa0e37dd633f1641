"""Stand-ins for the four clouds on loopback: no key, no network, the vendors' own wire formats.

They import nothing else of polyglot_cloud, so that they can disagree with it. See docs/sandbox.md.
"""

from dataclasses import dataclass

from polyglot_cloud.sandbox import anthropic, gemini, grok, openai
from polyglot_cloud.sandbox.asgi import App

__all__ = ["CLOUDS", "App", "Cloud"]


@dataclass(frozen=True, slots=True)
class Cloud:
    """One stand-in. Its base URL is http://127.0.0.1:<port><base_path>, and `key` is the only key it takes."""

    name: str
    app: App
    base_path: str
    key: str


CLOUDS: dict[str, Cloud] = {
    "openai": Cloud("openai", App("openai", openai.OpenAI()), "/v1", openai.KEY),
    "anthropic": Cloud("anthropic", App("anthropic", anthropic.Anthropic()), "/v1", anthropic.KEY),
    "gemini": Cloud("gemini", App("gemini", gemini.Gemini()), "/v1beta", gemini.KEY),
    "grok": Cloud("grok", App("grok", grok.Grok()), "/v1", grok.KEY),
}
