"""One door to four clouds. `create_app` builds the gateway as an ASGI app, `serve` runs it on its ports; both are loaded when asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyglot_cloud.app import create_app
    from polyglot_cloud.server import serve

__version__ = "0.1.0"
__all__ = ["__version__", "create_app", "serve"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from polyglot_cloud.app import create_app  # noqa: PLC0415  # `polyglot-cloud --version` needs none of it

        return create_app
    if name == "serve":
        from polyglot_cloud.server import serve  # noqa: PLC0415  # see above

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
