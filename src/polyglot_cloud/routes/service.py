"""What a provider's face says of itself: /health, /info and /, with the field names of the swarm's contract; and /ready.

`service`, `api_key_present`, `cost_per_input_token` and the rest are what the swarm's own scripts and dashboards read.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from statistics import fmean, quantiles
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import UnknownPath
from polyglot_cloud.routes.calls import LastCalls
from polyglot_cloud.rows import Model, ProviderRow

ENDPOINTS = (
    "/chat/completions", "/generate", "/models", "/health", "/info", "/docs", "/openapi.json",
)  # fmt: skip
NATIVE = {
    "openai_responses": ("/responses",),
    "anthropic": ("/messages", "/messages/count_tokens"),
    "gemini": (
        "/v1beta/models/{model}:generateContent", "/v1beta/models/{model}:streamGenerateContent", "/v1beta/models/{model}:countTokens",
    ),
}  # fmt: skip
"""Endpoints that a face has because its provider speaks the dialect."""


@dataclass(frozen=True, slots=True)
class Face:
    """One provider as its face describes it. `default` is the model that answers where a call names none, None: it cannot be resolved."""

    row: ProviderRow
    port: int | None
    has_key: bool
    default: str | None
    model: Model | None
    tiers: Mapping[str, str]
    problems: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return "healthy" if self.has_key and self.default else "degraded"

    @property
    def title(self) -> str:
        return f"{self.row.title} {self.default or 'no model'} Adapter"

    @property
    def endpoints(self) -> list[str]:
        return [*ENDPOINTS, *(path for dialect in self.row.dialects for path in NATIVE.get(dialect, ()))]


class Service:
    def __init__(
        self,
        faces: Callable[[], Mapping[str, Face]],
        last_calls: LastCalls,
        drain: Drain,
        version: str,
        today: Callable[[], date],
        clock: Callable[[], float] = time.monotonic,
        swarm: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self._swarm = swarm
        self._faces = faces
        self._last_calls = last_calls
        self._drain = drain
        self._version = version
        self._today = today
        self._clock = clock
        self._began = clock()

    def _face(self, request: Request) -> Face:
        name = request.path_params["provider"]
        faces = self._faces()
        if name not in faces:
            raise UnknownPath(f"There is no provider {name!r} here; there are {', '.join(faces)}.")
        return faces[name]

    async def health(self, request: Request) -> Response:
        face = self._face(request)
        ago = self._last_calls.ago(face.row.name)
        return JSONResponse(
            {
                "status": face.status,
                "service": f"{face.row.name}-{face.default}" if face.default else face.row.name,
                "port": face.port,
                "provider": face.row.name,
                "model": face.default,
                "api_key_present": face.has_key,
                "uptime_seconds": round(self._clock() - self._began, 3),
                "last_request_ms": None if ago is None else round(ago * 1000, 1),
                "problems": list(face.problems),
                **({} if self._swarm is None else {"swarm": dict(self._swarm())}),
            }
        )

    async def info(self, request: Request) -> Response:
        face = self._face(request)
        return JSONResponse(
            {
                "service_name": face.title,
                "version": self._version,
                "provider": face.row.name,
                "model": self._model(face),
                "performance": latency(self._last_calls.latencies(face.row.name)),
                "endpoints": face.endpoints,
                "api_key_present": face.has_key,
                "tiers": dict(face.tiers),
            }
        )

    def _model(self, face: Face) -> dict[str, Any]:
        model = face.model
        price = model.price_on(self._today()) if model else None
        per_token = {kind: pico / 1e12 for kind, pico in price.rates.pico_per_token.items()} if price else {}
        return {
            "name": face.default,
            "provider": face.row.name,
            "context_window": model.context_window if model else None,
            "max_output_tokens": model.max_output if model else None,
            "cost_per_input_token": per_token.get("input"),
            "cost_per_output_token": per_token.get("output"),
            "capabilities": list(model.capabilities) if model else [],
        }

    async def root(self, request: Request) -> Response:
        face = self._face(request)
        return JSONResponse(
            {
                "service": face.title,
                "version": self._version,
                "provider": face.row.name,
                "model": face.default,
                "endpoints": {
                    "chat": "POST /chat/completions",
                    "health": "GET /health",
                    "info": "GET /info",
                    "docs": "GET /docs",
                    "models": "GET /models",
                    "generate": "POST /generate",
                    "any": "POST /v1/any/chat/completions",
                },
            }
        )

    async def ready(self, request: Request) -> Response:
        """Whether new calls are taken: a load balancer's question. /health answers whether the process lives, and how."""
        ready = not self._drain.started
        return JSONResponse({"ready": ready, "in_flight": self._drain.in_flight}, 200 if ready else 503)


def latency(milliseconds: list[float]) -> dict[str, float | None]:
    if not milliseconds:
        return {"avg_latency_ms": None, "p95_latency_ms": None}
    p95 = quantiles(milliseconds, n=20)[-1] if len(milliseconds) > 1 else milliseconds[0]
    return {"avg_latency_ms": round(fmean(milliseconds), 1), "p95_latency_ms": round(p95, 1)}
