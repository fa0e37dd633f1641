"""GET models and models/{id}: the catalog, in the shape that the asking client knows."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyglot_cloud.catalog import Catalog
from polyglot_cloud.errors import UnknownModel, UnknownPath
from polyglot_cloud.pipeline import Rules
from polyglot_cloud.rows import Model

ANY = "any"


class Models:
    def __init__(self, catalog: Catalog, rules: Rules, today: Callable[[], date]) -> None:
        self._catalog = catalog
        self._rules = rules
        self._today = today

    async def list(self, request: Request) -> Response:
        models = self._catalog.models(self._provider(request), self._today())
        shape = shape_for(request)
        return JSONResponse(shape.all([shape.one(model, self._today()) for model in models]))

    async def one(self, request: Request) -> Response:
        """One model by id, alias or tier. Raises UnknownModel or RetiredModel."""
        asked = request.path_params["model"]
        resolution = self._catalog.resolve(
            asked,
            provider=self._provider(request),
            today=self._today(),
            retired=self._rules.retired,
            urls=self._rules.urls,
        )
        if resolution.row is None:
            raise UnknownModel(
                f"The catalog has no model {asked!r}. A call may name it all the same; it would go on unpriced."
            )
        return JSONResponse(shape_for(request).one(resolution.row, self._today()))

    def _provider(self, request: Request) -> str | None:
        name: str = request.path_params["provider"]
        if name == ANY:
            return None
        if name not in self._catalog.providers:
            raise UnknownPath(f"There is no provider {name!r} here; there are {', '.join(self._catalog.providers)}.")
        return name


class OpenAIShape:
    """platform.openai.com, API reference, models; `shutdown_date` is OpenAI's own, the rest of the extra fields are the catalog's."""

    @staticmethod
    def one(model: Model, today: date) -> dict[str, Any]:
        return {
            "id": model.id,
            "object": "model",
            "created": int(_moment(model.released).timestamp()) if model.released else 0,
            "owned_by": model.provider,
            "shutdown_date": model.retires.isoformat() if model.retires else None,
            **facts(model, today),
        }

    @staticmethod
    def all(models: list[dict[str, Any]]) -> dict[str, Any]:
        return {"object": "list", "data": models}


class AnthropicShape:
    """docs.anthropic.com, list models; one page holds all."""

    @staticmethod
    def one(model: Model, today: date) -> dict[str, Any]:
        return {
            "id": model.id,
            "type": "model",
            "display_name": model.id,
            "created_at": _moment(model.released or date(1970, 1, 1)).isoformat().replace("+00:00", "Z"),
            "lifecycle": "retired" if model.retired_on(today) else model.status,
            "retires_at": _moment(model.retires).isoformat().replace("+00:00", "Z") if model.retires else None,
            "max_input_tokens": model.max_input,
            "max_tokens": model.max_output,
        }

    @staticmethod
    def all(models: list[dict[str, Any]]) -> dict[str, Any]:
        ends = (
            {"first_id": models[0]["id"], "last_id": models[-1]["id"]}
            if models
            else {"first_id": None, "last_id": None}
        )
        return {"data": models, "has_more": False, **ends}


class GeminiShape:
    """ai.google.dev, models.list."""

    @staticmethod
    def one(model: Model, today: date) -> dict[str, Any]:
        embeds = model.kind == "embedding"
        methods = (
            ["embedContent", "batchEmbedContents"]
            if embeds
            else ["generateContent", "streamGenerateContent", "countTokens"]
        )
        return {
            "name": f"models/{model.id}",
            "displayName": model.id,
            "inputTokenLimit": model.max_input,
            "outputTokenLimit": model.max_output,
            "supportedGenerationMethods": methods,
            "thinking": "reasoning" in model.features,
        }

    @staticmethod
    def all(models: list[dict[str, Any]]) -> dict[str, Any]:
        return {"models": models}


Shape = type[OpenAIShape] | type[AnthropicShape] | type[GeminiShape]


def shape_for(request: Request) -> Shape:
    """By what the client says of itself: Anthropic's clients name a version in a header, Google's in the path."""
    if "anthropic-version" in request.headers:
        return AnthropicShape
    if request.scope.get("state", {}).get("api_version") == "v1beta" or "x-goog-api-key" in request.headers:
        return GeminiShape
    return OpenAIShape


def facts(model: Model, today: date) -> dict[str, Any]:
    """What the catalog knows, as extra fields. Prices in USD per million tokens, as of today."""
    price = model.price_on(today)
    return {
        "provider": model.provider,
        "kind": model.kind,
        "status": "retired" if model.retired_on(today) else model.status,
        "context_window": model.context_window,
        "max_input_tokens": model.max_input,
        "max_output_tokens": model.max_output,
        "pricing_usd_per_million": {kind: pico / 1e6 for kind, pico in price.rates.pico_per_token.items()}
        if price
        else None,
        "capabilities": list(model.capabilities),
        "features": list(model.features),
        "modalities": {"input": list(model.modalities_in), "output": list(model.modalities_out)},
        "dialects": [offer.dialect for offer in model.offers],
        "aliases": list(model.aliases),
        "successor": model.successor,
    }


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
