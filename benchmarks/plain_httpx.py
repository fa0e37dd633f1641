"""What one would write in ten minutes: Starlette in front, httpx.AsyncClient behind, nothing in between. To compare with.

    python -m benchmarks.plain_httpx PORT UPSTREAM_URL

Each POST goes to the same path of the upstream, whose URL is without a path. Its certificate is verified; SSL_CERT_FILE is honoured.
"""

import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def application(upstream: str) -> Starlette:
    # with httpx's default of 100 connections, no thousand streams could be open
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(timeout=600, trust_env=False, limits=limits, verify=ssl.create_default_context())

    async def forward(request: Request) -> Response:
        body = await request.body()
        url = upstream + request.url.path
        sent = client.build_request("POST", url, content=body, headers={"content-type": "application/json"})
        reply = await client.send(sent, stream=True)
        kind = reply.headers["content-type"]
        if kind.startswith("text/event-stream"):
            return StreamingResponse(reply.aiter_raw(), media_type=kind)
        return Response(await reply.aread(), media_type=kind)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    return Starlette(routes=[Route("/{path:path}", forward, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="warning")
