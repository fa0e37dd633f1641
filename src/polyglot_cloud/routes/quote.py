"""POST /v1/quote/<path of a call>: what that call would cost. Takes what the call takes, and refuses it in the same words.

`/v1/quote` alone takes a body of any dialect too: `?dialect=` names it, or what the request looks like tells.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from polyglot_cloud import wire
from polyglot_cloud.asgi import DEPARTURE, Receive, Scope, Send
from polyglot_cloud.bodies import ClientGone, content_length, read_body
from polyglot_cloud.call import Caller
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import BadRequest, GatewayError, UnknownPath, WrongMethod
from polyglot_cloud.large import Segments, aside
from polyglot_cloud.quoting import Quoter
from polyglot_cloud.routes.answer import JSON, defect, send_error, send_whole
from polyglot_cloud.routes.calls import ANY, CallEndpoint, Edge
from polyglot_cloud.routes.presence import Presence

WITH_MODEL = "models/"
"""How a path begins that carries the model."""


class QuoteEndpoint:
    """As an ASGI app. `endpoints` are those of calls by their routes under a face; `dialect_of` tells in whose shape a request is refused
    that names no dialect.
    """

    def __init__(
        self,
        edge: Edge,
        quoter: Quoter,
        endpoints: Mapping[str, CallEndpoint],
        dialect_of: Callable[[Scope], Dialect],
    ) -> None:
        self._edge = edge
        self._quoter = quoter
        self._endpoints = endpoints
        self._dialect_of = dialect_of
        self._by_dialect = {endpoint.dialect.name: route for route, endpoint in reversed(list(endpoints.items()))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, dialect = time.perf_counter_ns(), self._dialect_of(scope)
        try:
            if scope["method"] != "POST":
                raise WrongMethod("A quote is asked for by POST.", headers={"allow": "POST"})  # noqa: TRY301  # told as all else
            with self._edge.drain.track():
                body = await read_body(receive, self._edge.max_body, content_length=content_length(scope))
                endpoint, params = await self._endpoint(scope, body)
                dialect = endpoint.dialect
                face = scope.get("state", {}).get("face") or ANY
                caller: Caller | None = scope.get("caller")
                if caller is not None:
                    caller.check_face(face)
                call = await endpoint.read({**scope, "path_params": {**params, "provider": face}}, body, began)
                with Presence(receive, scope.get(DEPARTURE)):
                    found = await self._quoter.quote(call)
            await send_whole(send, 200, {"content-type": JSON}, wire.encode(found))
        except GatewayError as error:
            await send_error(send, error, dialect)
        except ClientGone:
            return
        except Exception as error:
            await send_error(send, defect(error), dialect)
            raise  # the server logs it with its traceback

    async def _endpoint(self, scope: Scope, body: bytes | Segments) -> tuple[CallEndpoint, dict[str, str]]:
        """The endpoint that would take the call, and what stands in its path."""
        rest = scope["path_params"].get("rest", "").strip("/")
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        if rest.startswith(WITH_MODEL):
            return self._endpoints[f"{WITH_MODEL}{{call:path}}"], {"call": rest.removeprefix(WITH_MODEL)}
        if rest:
            if rest not in self._endpoints:
                known = ", ".join(self._endpoints).replace("{call:path}", "<model>:generateContent")
                raise UnknownPath(f"There is no call {rest[:80]!r} to quote; there are {known}.")
            return self._endpoints[rest], {}
        name = query.get("dialect", "")
        if not name:
            name = await aside(len(body), looks_like, body, self._dialect_of(scope).name)
        if name not in self._by_dialect:
            raise BadRequest(
                f"There is no dialect {name[:80]!r}; there are {', '.join(self._by_dialect)}.", param="dialect"
            )
        endpoint = self._endpoints[self._by_dialect[name]]
        return endpoint, {"call": self._in_path(query)} if endpoint.in_path else {}

    @staticmethod
    def _in_path(query: Mapping[str, str]) -> str:
        if not query.get("model"):
            raise BadRequest(
                "A request in this dialect names its model in the path: quote it at /v1/quote/models/<model>:generateContent, or add "
                "?model= to this one.",
                param="model",
            )
        return f"{query['model']}:generateContent"


def looks_like(body: bytes | Segments, by_headers: str) -> str:
    """The dialect of a request that says nothing of it, by members that only one of them has; else what its headers say."""
    try:
        value: dict[str, Any] = wire.decode_object(bytes(body))
    except wire.InvalidJson:
        return by_headers
    if "messages" not in value:
        for member, dialect in (("contents", "gemini"), ("input", "openai_responses"), ("prompt", "ollama")):
            if member in value:
                return dialect
    elif "system" in value or "anthropic_version" in value:
        return "anthropic"
    return by_headers
