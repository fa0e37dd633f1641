"""What one would write in ten minutes: Starlette in front, httpx.AsyncClient behind, nothing in between. To compare with.

python -m benchmarks.plain_httpx PORT UPSTREAM_PORT
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def application(upstream: int) -> Starlette:
    client = httpx.AsyncClient(timeout=600, trust_env=False)
    url = f"http://127.0.0.1:{upstream}/v1/chat/completions"

    async def chat(request: Request) -> Response:
        body = await request.body()
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

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(application(int(sys.argv[2])), port=int(sys.argv[1]), access_log=False, log_level="warning")
