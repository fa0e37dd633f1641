"""From a prompt to an answer: which tools to call with what, or what to say, and where the limits cut it."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polyglot_cloud.sandbox import reading, schema, talk, tokens
from polyglot_cloud.sandbox.instructions import obeying
from polyglot_cloud.sandbox.prompt import Answer, Call, Prompt, Result, Tool
from polyglot_cloud.sandbox.triggers import Triggers

_SHELLS = frozenset(
    [
        "bash",
        "shell",
        "exec_command",
        "exec",
        "local_shell",
        "run_command",
        "run_shell_command",
        "execute_command",
        "terminal",
        "run_terminal_cmd",
    ]
)
_COMMAND_FIELDS = ("command", "cmd", "script", "commands", "input")
_AGENT_TOOLS = 9
"""From so many tools on it is an agent's client: only a tool named in the prompt is called, and the shell on request."""
_FILLERS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "for",
        "to",
        "by",
        "with",
        "at",
        "from",
        "and",
        "or",
        "is",
        "are",
        "be",
        "get",
        "give",
        "return",
        "returns",
        "given",
        "current",
        "make",
        "do",
        "does",
        "use",
        "used",
        "tool",
        "function",
        "call",
        "calls",
        "this",
        "that",
        "it",
        "its",
        "your",
        "you",
        "user",
        "please",
        "what",
        "which",
        "when",
        "where",
        "how",
        "name",
        "value",
        "data",
        "info",
        "information",
        "any",
        "all",
        "one",
        "two",
        "new",
        "can",
        "will",
    ]
)
_KIN = {
    "add": {"sum", "plu", "total", "+"}, "multiply": {"tim", "multiplied", "product", "*", "×"}, "subtract": {"minu"}, "divid": {"divided"},
    "calculat": {"comput", "+", "*"}, "tim": {"clock", "hour", "o'clock"}, "weather": {"temperature", "temperatur",
    "forecast", "rain", "sunny", "degre"},
    "search": {"find", "look", "google"}, "price": {"cost"}, "pric": {"cost"},
}  # fmt: skip
_LONGEST_QUOTE = 4000
_SOMEWHERE = re.compile(r"\b(?:in|at|near|for)\s+(?=[A-Z])")
_PLACES = frozenset({"city", "location", "place", "town"})
_NAME_HIT, _WORD_HIT, _ENOUGH = 3, 1, 2


def answer(prompt: Prompt, triggers: Triggers) -> Answer:
    """The whole answer, deterministic for the same prompt."""
    if "refuse" in triggers and "late" not in triggers["refuse"].words:
        return Answer(finish="refusal", text="I would rather not help with that, even in a sandbox.")
    if "refuse" in triggers:
        return Answer(finish="filtered", text=talk.prose(8))
    prompt = obeying(prompt)
    out = _thought(prompt, _content(prompt, triggers))
    return _limited(prompt, _stopped(prompt, out), triggers)


def _content(prompt: Prompt, triggers: Triggers) -> Answer:
    if "empty" in triggers:
        return Answer()
    if "words" in triggers:
        return Answer(text=talk.prose(int(triggers["words"].number(300))))
    calls = _calls(prompt)
    if calls:
        return Answer(calls=tuple(calls), finish="tools")
    if prompt.schema is not None:
        return Answer(text=_structured(prompt))
    text = _told(prompt.results) if prompt.results else talk.reply(prompt)
    return Answer(text=_continued(prompt.trailing, text))


def _continued(beginning: str, text: str) -> str:
    """What follows a beginning that the client wrote for us."""
    if beginning.rstrip().endswith("{"):
        return json.dumps({"reply": text}, ensure_ascii=False)[1:]
    return text.removeprefix(beginning)


def _thought(prompt: Prompt, out: Answer) -> Answer:
    return replace(out, thinking=talk.thought(prompt), thinking_tokens=prompt.thinking) if prompt.thinking else out


def _structured(prompt: Prompt) -> str:
    source = prompt.results[-1].text if prompt.results else prompt.said
    if not prompt.schema:
        return json.dumps(
            {"reply": _told(prompt.results) if prompt.results else talk.reply(prompt)}, ensure_ascii=False
        )
    return json.dumps(schema.fill(prompt.schema, source), ensure_ascii=False)


def _stopped(prompt: Prompt, out: Answer) -> Answer:
    """Cut before the first stop sequence."""
    found = [(at, stop) for stop in prompt.stop if stop and (at := out.text.find(stop)) >= 0]
    if not found:
        return out
    at, stop = min(found)
    return replace(out, text=out.text[:at], finish="stop_sequence", stopped_at=stop)


def _limited(prompt: Prompt, out: Answer, triggers: Triggers) -> Answer:
    """Cut at the most output tokens. Where thinking counts it may leave no room for text at all."""
    limit = prompt.limit
    if "length" in triggers:
        limit = max(1, tokens.count(out.text) // 2) + (out.thinking_tokens if prompt.limit_counts_thinking else 0)
    if limit is None:
        return out
    room = limit
    if prompt.limit_counts_thinking and out.thinking_tokens:
        if out.thinking_tokens >= limit:
            return Answer(thinking=tokens.clip(out.thinking, limit), thinking_tokens=limit, finish="length")
        room -= out.thinking_tokens
    if out.calls or tokens.count(out.text) <= room:
        return out
    return replace(out, text=tokens.clip(out.text, room), finish="length", stopped_at=None)


def _told(results: tuple[Result, ...]) -> str:
    """Tool results in words."""
    lines = [_line(result) for result in results]
    if len(lines) == 1:
        return lines[0]
    return "Here is what came back:\n" + "\n".join(f"- {line}" for line in lines)


def _line(result: Result) -> str:
    text = reading.plain(result.text)
    if len(text) > _LONGEST_QUOTE:
        text = text[:_LONGEST_QUOTE] + " …"
    if result.failed:
        return f"{result.tool} stumbled: {text}"
    if result.tool.lower() in _SHELLS:
        return f"Done. The command printed:\n{text}" if text else "Done. The command had nothing to add."
    return f"{result.about or result.tool}: {_readable(text)}."


def _readable(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.rstrip(".")
    if isinstance(value, dict) and all(not isinstance(item, dict | list) for item in value.values()):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return text.rstrip(".")


def _calls(prompt: Prompt) -> list[Call]:
    """The tools to call now."""
    tools = _allowed(prompt)
    if not tools:
        return []
    forced = prompt.choice.mode == "required"
    shell = next((tool for tool in tools if tool.name.lower() in _SHELLS), None)
    if shell and (commands := reading.commands(prompt.said)):
        step = _shell_steps(prompt)
        return [_shell_call(shell, commands[step])] if step < len(commands) else []
    if prompt.results and not forced:
        return []
    calls = _by_words(prompt, tools) or ([_call(tools[0], reading.read(prompt.said))] if forced else [])
    return calls if prompt.choice.parallel else calls[:1]


def _allowed(prompt: Prompt) -> list[Tool]:
    if prompt.choice.mode == "none":
        return []
    return [tool for tool in prompt.tools if not prompt.choice.names or tool.name in prompt.choice.names]


def _shell_steps(prompt: Prompt) -> int:
    """How many of the commands have been run: one result each."""
    return sum(result.tool.lower() in _SHELLS for result in prompt.results)


def _shell_call(tool: Tool, command: str) -> Call:
    if tool.schema is None:
        return Call(tool.name, _script(command) if "tools.exec_command" in tool.description else command)
    fields = schema.properties(tool.schema)
    name = next((field for field in _COMMAND_FIELDS if field in fields), "command")
    arguments = schema.fill(tool.schema, command, everything=False)
    kind = fields.get(name, {}).get("type")
    arguments[name] = ["bash", "-lc", command] if kind == "array" else command
    if "description" in fields and "description" in arguments:
        arguments["description"] = "Runs what the user asked for"
    return Call(tool.name, arguments)


def _script(command: str) -> str:
    """Codex runs commands by way of JavaScript in its tool `exec`."""
    return f"const result = await tools.exec_command({json.dumps({'cmd': command})});\ntext(result.output ?? result);\n"


def _by_words(prompt: Prompt, tools: list[Tool]) -> list[Call]:
    """A call for each clause of the prompt that a tool fits; a clause of names alone repeats the tool before it."""
    asked: list[tuple[Tool, reading.Clause]] = []
    before: reading.Clause | None = None
    few = len(tools) < _AGENT_TOOLS
    for clause in reading.clauses(prompt.said):
        tool = _best(clause, tools, few=few)
        last = asked[-1] if asked else None
        if tool and not (last and last[0] is tool and not _more(clause)):
            asked.append((tool, before.and_(clause) if before and not last and not _more(clause) else clause))
        elif last and clause.names and _takes_one(last[0]) and not _mentions_other(clause):
            asked.append((last[0], clause))
        elif last:
            asked[-1] = (last[0], last[1].and_(clause))
        else:
            before = before.and_(clause) if before else clause
    calls = [_call(tool, clause) for tool, clause in asked]
    return [call for number, call in enumerate(calls) if call not in calls[:number]]


def _more(clause: reading.Clause) -> bool:
    return bool(clause.names or clause.numbers or clause.quoted)


def _mentions_other(clause: reading.Clause) -> bool:
    """A sentence with a life of its own, which is no further item of a list."""
    return len(clause.text.split()) > 6  # "New York City in the United States" is six


def _takes_one(tool: Tool) -> bool:
    """Whether a call takes one name, so that two names make two calls."""
    if tool.schema is None:
        return False
    fields = schema.properties(tool.schema)
    required = [name for name in tool.schema.get("required") or fields if name in fields]
    return sum(_is_open_text(fields[name]) for name in required) == 1 and not any(
        fields[name].get("type") == "array" for name in required
    )


def _is_open_text(field: Mapping[str, Any]) -> bool:
    return str(field.get("type", "")).lower() == "string" and "enum" not in field


def _best(clause: reading.Clause, tools: list[Tool], *, few: bool) -> Tool | None:
    scored = [(_score(clause, tool, few=few), -number) for number, tool in enumerate(tools)]
    score, number = max(scored)
    return tools[-number] if score >= _ENOUGH else None


def _score(clause: reading.Clause, tool: Tool, *, few: bool) -> int:
    """How well a tool fits: its very name, words of its name, words of its description."""
    if tool.name in clause.text and (few or f"{tool.name} tool" in clause.text):
        return _NAME_HIT * 10
    if not few:
        return 0
    said = clause.words | set(clause.text.split())
    named = _telling(tool.name)
    score = sum(_NAME_HIT for word in named if word in said or _KIN.get(word, set()) & said)
    if _SOMEWHERE.search(clause.text) and tool.schema and _PLACES & schema.properties(tool.schema).keys():
        score += _ENOUGH
    described = _telling(tool.description) - named
    return score + sum(_WORD_HIT for word in described if word in said)


def _telling(text: str) -> set[str]:
    return {word for word in reading.words(text) if word not in _FILLERS and len(word) > 2}


def _call(tool: Tool, clause: reading.Clause) -> Call:
    if tool.schema is None:
        return Call(tool.name, " ".join(clause.quoted) or clause.text)
    arguments = schema.fill(tool.schema, clause=clause, everything=False)
    return Call(tool.name, arguments if isinstance(arguments, dict) else {})
