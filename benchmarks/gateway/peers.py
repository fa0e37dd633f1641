"""Other gateways, where somebody installed them. Nothing here installs one; docs/performance.md says how it is done.

LiteLLM runs with one worker, in production mode, with log level ERROR, the price list of its package, no database, a master key (it
refuses weak ones), and models named one by one. PYTHONDONTWRITEBYTECODE must not be set: an import that fails is tried again in each
call, and without bytecode files it is compiled each time.

Portkey is told by headers of the call where to forward to. With @hono/node-server 1.19 it fails every stream; 1.13.8 works.
It does not take the certificate of the run, not by NODE_EXTRA_CA_CERTS either, so it is not measured over TLS.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.gateway.subjects import CHAT, PASSED, TRANSLATED, Launch, Subject, trusting
from benchmarks.gateway.tools import Door, Upstream
from benchmarks.processes import free_ports

MASTER_KEY = "sk-benchmark-4f1c2b7e9d"


def litellm(program: Path, models: Iterable[str], folder: Path) -> Subject:
    """`program` is its command `litellm`, `models` the names that will be asked for, `folder` where configurations may be written."""
    named = list(models)

    def launch(upstream: Upstream) -> Launch:
        (port,) = free_ports(1)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=folder, delete=False, encoding="utf-8") as file:
            # JSON is YAML
            json.dump(litellm_configuration(named, upstream), file)
        command = [str(program), "--config", file.name, "--host", "127.0.0.1", "--port", str(port)]
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        doors = {provider: Door(port, CHAT, f"{provider}/", headers) for provider in (PASSED, TRANSLATED)}
        environment = {
            "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MASTER_KEY": MASTER_KEY, "PYTHONPATH": "", **trusting(upstream),
        }  # fmt: skip
        return Launch([*command, "--num_workers", "1", "--telemetry", "False"], doors, environment)

    return Subject("LiteLLM", launch)


def litellm_configuration(models: Iterable[str], upstream: Upstream) -> dict[str, object]:
    bases = {PASSED: f"{upstream.url}/v1", TRANSLATED: upstream.url}
    return {
        "model_list": [
            {
                "model_name": f"{provider}/{model}",
                "litellm_params": {"model": f"{provider}/{model}", "api_base": base, "api_key": "x"},
            }
            for provider, base in bases.items()
            for model in models
        ],
    }


def portkey(folder: Path) -> Subject:
    """`folder` is where npm installed it: it has node_modules/@portkey-ai/gateway."""

    def launch(upstream: Upstream) -> Launch:
        (port,) = free_ports(1)
        server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
        headers = {"Authorization": "Bearer x", "x-portkey-custom-host": f"{upstream.url}/v1"}
        doors = {
            provider: Door(port, CHAT, headers={**headers, "x-portkey-provider": provider})
            for provider in (PASSED, TRANSLATED)
        }
        return Launch(
            ["node", str(server.resolve()), f"--port={port}", "--headless"], doors, {"NODE_ENV": "production"}
        )

    return Subject("Portkey", launch)
