"""polyglot-cloud quote: what the request in a file would cost. Asks the app itself, in this process; no gateway need run."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from polyglot_cloud.asgi import App, Message
from polyglot_cloud.commands.ledger import table

ANY = "any"
_HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


class NoQuote(Exception):
    """What was asked cannot be quoted; the text says why."""


def add(commands: Any, common: Callable[[argparse.ArgumentParser], None], run: Callable[..., int]) -> None:
    parser = commands.add_parser(
        "quote", help="what the request in a file would cost, and which budgets would admit it"
    )
    parser.add_argument("file", help="a request body as JSON, in any of the dialects; - reads it from standard input")
    parser.add_argument("--provider", default=ANY, help="at this provider's face (default: any)")
    parser.add_argument(
        "--dialect", help="openai_chat, openai_responses, anthropic, gemini or ollama; else the body tells"
    )
    parser.add_argument("--model", help="of a Gemini request, which has its model in the path")
    parser.add_argument("--json", action="store_true")
    common(parser)
    parser.set_defaults(run=run)


async def tell(options: argparse.Namespace, app: App, providers: Sequence[str]) -> str:
    """Raises NoQuote, with the words that a client would get."""
    if options.provider not in {ANY, *providers}:
        raise NoQuote(f"There is no provider {options.provider!r}; there are {', '.join(providers)} and {ANY}.")
    body = _read(options.file)
    query = urlencode({name: value for name in ("dialect", "model") if (value := getattr(options, name))})
    status, found = await asked(app, options.provider, query, body)
    if status != 200:
        error = found.get("error", found)
        raise NoQuote(error.get("message", error) if isinstance(error, dict) else str(error))
    return json.dumps(found, indent=2) + "\n" if options.json else shown(found)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise NoQuote(f"{file} cannot be read ({error.strerror}).") from None


async def asked(app: App, face: str, query: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """What the app answers to the request, as its server would ask it."""
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/quote", "raw_path": b"/v1/quote", "query_string": query.encode(),
        "headers": _HEADERS, "state": {"face": face}, "root_path": "", "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


# --- for people ---


def shown(quote: dict[str, Any]) -> str:
    taken = quote["taken"]
    lines = [quote["why"], "", *_candidates([taken, *quote["others"]])]
    if quote["left_out"]:
        lines.append(f"and {quote['left_out']} more that could answer")
    lines += _told(taken)
    if taken["budgets"]:
        lines += ["", *_budgets(taken["budgets"])]
    return "\n".join(lines) + "\n"


def _candidates(candidates: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"{each['provider']}/{each['model']}", _dollars(each["expected_usd"]), _dollars(each["most_usd"]),
            _span(each["input_tokens"]), _span(each["output_tokens"]), each["dialect"], "yes" if each["admitted"] else "no",
        ]
        for each in candidates
    ]  # fmt: skip
    return _lines(("model", "expected", "at most", "input", "output", "asked in", "admitted"), rows)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return table(head, rows).splitlines()


def _span(tokens: dict[str, Any]) -> str:
    most = tokens["most"]
    return f"{tokens['expected']:,} to {most:,}" if most is not None else f"{tokens['expected']:,}"


def _dollars(text: str | None) -> str:
    return "unknown" if text is None else f"${text}"


def _told(taken: dict[str, Any]) -> list[str]:
    lines = [f"It would lose: {taken['dropped']}"] if taken["dropped"] else []
    lines += [f"It would be edited: {', '.join(taken['edited'])}"] if taken["edited"] else []
    lines += [f"It would fail: {taken['problem']}"] if taken["problem"] else []
    if "catalog" in taken:
        lines += ["What it costs is not known. For the catalog that POLYGLOT_CATALOG names, with figures of your own:"]
        lines += ["", taken["catalog"]]
    return ["", *lines] if lines else []


def _budgets(budgets: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            each["id"],
            *(f"${each[name]}" for name in ("spent_usd", "held_usd", "limit_usd")),
            "yes" if each["admits"] else "no",
        ]
        for each in budgets
    ]
    return _lines(("budget", "spent", "held", "limit", "admits"), rows)
