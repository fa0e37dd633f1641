"""A fixture's folder: tests/fixtures/<dialect>/<case>/. Layout and meaning of the files: docs/fixtures.md."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from scripts.recording import said, scrub
from scripts.recording.cases import Case, Mode, Table
from scripts.recording.exchange import Answer, Exchange

RECORDED = "recorded from "
"""How the origin of every recording begins; a folder whose origin says otherwise was made by hand and is not touched."""


class NotOurs(Exception):
    """The folder holds a fixture that no recorder made."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who was recorded. `host` in words, never an address."""

    provider: str
    host: str
    model: str
    day: date
    gateway: str


def files(case: Case, exchange: Exchange, source: Source, table: Table, scrubber: scrub.Scrubber) -> dict[str, bytes]:
    """The folder's files, scrubbed."""
    exchange = Exchange(
        scrubber.body(exchange.request),
        {mode: replace(answer, body=scrubber.body(answer.body)) for mode, answer in exchange.answers.items()},
    )
    found = {"request.json": exchange.request}
    found |= {reply_name(case, mode, answer): answer.body for mode, answer in exchange.answers.items()}
    about = origin(case, exchange, source, table, scrubber)
    return {**found, "origin.json": json.dumps(about, indent=2, ensure_ascii=False).encode() + b"\n"}


def reply_name(case: Case, mode: Mode, answer: Answer) -> str:
    if answer.status != 200:
        return "error.json"
    if mode == "stream":
        return "stream.sse"
    return "count.json" if case.path else "response.json"


def origin(case: Case, exchange: Exchange, source: Source, table: Table, scrubber: scrub.Scrubber) -> dict[str, Any]:
    first = exchange.answers[case.modes[0]]
    about: dict[str, Any] = {
        "origin": RECORDED + source.host,
        "provider": source.provider,
        "model": answered(case, exchange) or source.model,
        "asked": source.model,
        "date": source.day.isoformat(),
        "source": f"scripts/record, case {case.name}",
        "status": first.status,
        "content_type": first.headers["content-type"],
        "headers": scrubber.headers(first.headers),
        "gateway": source.gateway,
        "twins": twins(case, exchange),
    }
    stream = exchange.answers.get("stream")
    if stream is not None and stream.status == 200:
        about["stream"] = {"added": table.stream[case.dialect], "headers": scrubber.headers(stream.headers)}
        if case.fails:
            about["fails"] = True
    return about


def answered(case: Case, exchange: Exchange) -> str:
    """The model that a reply names; "" where it names none."""
    mode, answer = next(iter(exchange.answers.items()))
    if answer.status != 200 or case.path:
        return ""
    read = said.plain if mode == "plain" else said.streamed
    return read(case.dialect, answer.body).model


def twins(case: Case, exchange: Exchange) -> bool:
    """Whether the two replies say the same to the letter: time, reasoning state and all ids included, which calls must have."""
    if case.path or set(exchange.answers) != {"plain", "stream"} or exchange.answers["plain"].status != 200:
        return False
    one = said.plain(case.dialect, exchange.answers["plain"].body)
    two = said.streamed(case.dialect, exchange.answers["stream"].body)
    whole = one.error is None and one.finish is not None and all(identity for identity, _, _ in one.calls)
    return whole and one == two


def write(folder: Path, contents: dict[str, bytes], keys: Iterable[str]) -> None:
    """Raises NotOurs and scrub.SecretFound, in both cases before anything is written."""
    keys = tuple(keys)
    for name, data in contents.items():
        scrub.refuse_keys(data, keys, f"{folder.name}/{name}")
    if folder.exists() and not is_recording(folder):
        raise NotOurs(f"{folder} was not made by this recorder and is left as it is")
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    for name, data in contents.items():
        (folder / name).write_bytes(data)


def is_recording(folder: Path) -> bool:
    try:
        about = json.loads((folder / "origin.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and str(about.get("origin", "")).startswith(RECORDED)
