"""What is asked, read from record_cases.toml."""

import json
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

Body = dict[str, Any]
Mode = Literal["plain", "stream"]
FILE = Path(__file__).parent.parent / "record_cases.toml"


@dataclass(frozen=True, slots=True)
class Case:
    """One row. What a row leaves out is the default here.

    body         the request less its model and what makes it a stream; {} for a case that `follows` another
    providers    who is asked; empty: every provider that speaks the dialect
    needs, effort, thinking   what a model must have by its catalog row to be asked
    modes        plain, stream; where both are asked the replies are kept side by side
    path         where it goes, if not to the dialect's own path; `{model}` is filled in. Its reply is a count
    follows      the case whose plain reply this one goes on from, with `result` for every tool called
    expects      statuses, any of which is right; another one is not recorded
    fails        the stream must tell of a failure inside its 200
    model        asked for in place of a real one, `wrong_key`: with no true key. Neither can cost anything
    sandbox      of the sandbox only: what a real cloud does not do on demand
    """

    dialect: str
    name: str
    body: Body = field(default_factory=dict)
    providers: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    effort: str | None = None
    thinking: str | None = None
    modes: tuple[Mode, ...] = ("plain", "stream")
    path: str | None = None
    follows: str | None = None
    result: str = ""
    expects: tuple[int, ...] = (200,)
    fails: bool = False
    model: str | None = None
    wrong_key: bool = False
    sandbox: bool = False

    @property
    def free(self) -> bool:
        return self.model is not None or self.wrong_key or self.path is not None


@dataclass(frozen=True, slots=True)
class Table:
    """The whole file.

    stream        dialect -> members that make a request a stream (Gemini has it in the path)
    unseen_input  tokens that a vendor may add to a request: its prompt for tools, an image's own count
    visible_only  providers whose output maximum does not count thinking and tool calls
    """

    cases: tuple[Case, ...]
    stream: dict[str, Body]
    unseen_input: int
    visible_only: tuple[str, ...]


def load(path: Path = FILE) -> Table:
    """Raises ValueError, with the case's name, for a row that is not as above."""
    value = tomllib.loads(path.read_text(encoding="utf-8"))
    cases = tuple(_case(row) for row in value.pop("case"))
    table = Table(cases, value["stream"], value["unseen_input"], tuple(value["visible_only"]))
    known = {(case.dialect, case.name) for case in cases}
    if len(known) < len(cases):
        raise ValueError(f"{path.name}: a case stands there twice")
    for case in cases:
        if case.follows and (case.dialect, case.follows) not in known:
            raise ValueError(f"{path.name}: {case.dialect} {case.name} follows {case.follows}, which is not there")
    return table


def _case(row: dict[str, Any]) -> Case:
    label = f"{row.get('dialect')} {row.get('name')}"
    strange = set(row) - {each.name for each in fields(Case)}
    if strange:
        raise ValueError(f"case {label}: there is no {', '.join(sorted(strange))}")
    try:
        body = json.loads(row.get("body", "{}"))
    except ValueError as error:
        raise ValueError(f"case {label}: its body is not JSON: {error}") from None
    lists: dict[str, Any] = {name: tuple(row[name]) for name in ("providers", "modes", "expects") if name in row}
    given: dict[str, Any] = {**row, **lists, "body": body, "needs": frozenset(row.get("needs", ()))}
    return Case(**given)
