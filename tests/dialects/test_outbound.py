"""Outbound bodies against the vendors' own types and rules: for every fixture, and for whole generated requests to every model of the
catalog in every dialect that it is offered in. No accepted request leads to a body that the vendor would refuse.
"""

import gzip
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects import cases
from dialects.cases import Case
from dialects.chat_requests import MEMBERS, chat_requests, stateful_loop
from dialects.outbound import Body, Sent, attempt, makers, objections, send, subjects
from polyglot_cloud.errors import BadRequest
from vendor_schemas import Subject
from vendor_schemas.subject import opened_seals

WHOLE_REQUESTS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
SOME = settings(suppress_health_check=WHOLE_REQUESTS, max_examples=2 * settings().max_examples)
MANY = settings(suppress_health_check=WHOLE_REQUESTS, max_examples=4 * settings().max_examples)


def _by_dialect() -> list[list[Subject]]:
    """The subjects of each provider and dialect: these differ most, so each gets its share of the examples."""
    found: dict[tuple[str, str], list[Subject]] = {}
    for subject in subjects():
        found.setdefault((subject.provider, subject.dialect), []).append(subject)
    return list(found.values())


@st.composite
def asked(draw: Any) -> tuple[Subject, Body]:
    """A model in one of its dialects, and a request to it."""
    subject = draw(st.sampled_from(_by_dialect()).flatmap(st.sampled_from))
    return subject, draw(chat_requests(subject.wire_model, makers(subject)))


def with_others(given: tuple[Subject, Body]) -> Iterator[tuple[Subject, Body]]:
    """The same request to one model of every other provider and dialect: a request costs more to make than to send."""
    subject, body = given
    yield given
    for others in _by_dialect():
        other = others[len(str(body)) % len(others)]
        if (other.provider, other.dialect) != (subject.provider, subject.dialect):
            yield other, body | {"model": other.wire_model}


# --- fixtures ---


def _representatives() -> list[Subject]:
    """One model of each (provider, dialect, quirks): what differs in nothing needs no second look."""
    found: dict[str, Subject] = {}
    for subject in subjects():
        found.setdefault(f"{subject.provider} {subject.dialect} {subject.offer.needs} {subject.quirks}", subject)
    return list(found.values())


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in cases.cases("request.json", names=["openai_chat"])]
)
def test_every_fixture_is_sent_as_its_vendor_takes_it(case: Case) -> None:
    for subject in _representatives():
        body = case.json("request") | {"model": subject.wire_model}
        sent = attempt(subject, body)
        if sent is not None:
            assert objections(subject, sent) == [], str(subject)


STORE = Path(__file__).parents[2].parent / "shared" / "wire" / "store"


@pytest.mark.skipif(not STORE.exists(), reason="the recordings are not here")
def test_every_recorded_request_is_sent_as_its_vendor_takes_it() -> None:
    """What clients really sent to Chat Completions, to one model of each provider and dialect."""
    chosen = {(subject.provider, subject.dialect): subject for subject in subjects()}.values()
    sent = 0
    for store in sorted(STORE.glob("*.jsonl.gz")):
        for row in map(json.loads, gzip.decompress(store.read_bytes()).splitlines()):
            request = row["request"]
            if not row["endpoint"].endswith("chat/completions") or not request.get("messages"):
                continue
            for subject in chosen:
                found = attempt(subject, request | {"model": subject.wire_model})
                if found is not None:
                    assert objections(subject, found) == [], f"{row['id']} to {subject}"
                    sent += 1
    assert sent > 200


# --- generated requests ---


@given(asked())
@MANY
def test_no_accepted_request_leads_to_a_body_that_the_vendor_refuses(given: tuple[Subject, Body]) -> None:
    for subject, body in with_others(given):
        before = deepcopy(body)
        try:
            sent = send(subject, body)
        except BadRequest as error:
            assert_names_a_member(error, body)
        else:
            if sent is not None:
                assert objections(subject, sent) == [], str(subject)
                assert_pointers_lead_somewhere(sent, body)
        assert body == before


def assert_names_a_member(error: BadRequest, body: Body) -> None:
    """A refusal says which of the client's members is at fault, in the client's words."""
    if error.code == "invalid_json":
        return
    assert error.param is not None, error.message
    if error.param == "tools" and body.get("functions"):
        return  # the plan knows no spellings
    path = [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", error.param)]
    if error.code == "missing_required_parameter":
        path.pop()
    assert _leads(body, path), f"{error.param}: {error.message}"


def assert_pointers_lead_somewhere(sent: Sent, body: Body) -> None:
    """A loss points to a member that the client sent."""
    for loss in sent.losses:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in loss.pointer.split("/")[1:]]
        path = [int(step) if step.isdecimal() else step for step in steps]
        assert _leads(body, path), f"{loss.pointer}: {loss.reason}"


def _leads(value: Any, path: list[str | int]) -> bool:
    for step in path:
        there = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if step not in there:
            return False
        value = value[step]
    return True


def test_reasoning_state_goes_home_and_nowhere_else() -> None:
    for subject in _first_and_last():
        home = (subject.provider, subject.wire_model)
        for maker in makers(subject):
            sent = attempt(subject, {"model": subject.wire_model, "messages": stateful_loop(maker)})
            if sent is not None:
                assert objections(subject, sent) == [], f"{maker} to {subject}"
                arrived = set(opened_seals(sent.body))
                assert arrived == ({home} if maker[:2] == home and subject.dialect != "openai_chat" else set())
                assert arrived or "messages" in sent.told


# --- losses are honest ---


_ANYWAY: dict[str, tuple[Any, ...]] = {
    "tool_choice": ("auto",),
    "function_call": ("auto",),
    "parallel_tool_calls": (True,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "n": (1,),
    "store": (False,),
    "modalities": (["text"],),
    "service_tier": ("auto",),
    "response_format": ({"type": "text"},),
    "reasoning_effort": ("none",),
}
"""What happens without the member as well, by Chat's own definition."""
_OF_TOOLS = ("tool_choice", "function_call", "parallel_tool_calls")
_MAXIMA = ("max_tokens", "max_completion_tokens")


def _says_nothing(subject: Subject, body: Body, name: str) -> bool:
    value = body[name]
    if name in {"tools", "functions", "parallel_tool_calls"} and "none" in {
        str(body.get("tool_choice")),
        str(body.get("function_call")),
    }:
        return True  # what the history calls is named all the same, and none may be called
    if name in _OF_TOOLS and not (body.get("tools") or body.get("functions")):
        return True
    if name in _MAXIMA:  # one stands for the other, or says what holds anyway
        return None not in [body.get(each) for each in _MAXIMA] or bool(value == subject.row.max_output)
    # stream_options shape the answer, which the gateway writes
    return name == "stream_options" or value in (None, {}, [], "", *_ANYWAY.get(name, ()))


@given(asked())
@SOME
def test_a_member_that_leaves_no_trace_is_told_as_lost(given: tuple[Subject, Body]) -> None:
    for subject, body in with_others(given):
        sent = attempt(subject, body)
        if sent is not None:
            assert_told(subject, body, sent)


def assert_told(subject: Subject, body: Body, sent: Sent) -> None:
    """Whatever may be left out of the request without a difference to what goes out was either without meaning or is named."""
    for name in body.keys() - {"model", "messages"}:
        if body[name] is None or _says_nothing(subject, body, name) or name in sent.told:
            continue
        without = attempt(subject, {key: value for key, value in body.items() if key != name})
        assert without is None or _differ(sent, without), f"{name} of {body[name]!r} went nowhere, and nobody said so"


def _first_and_last() -> list[Subject]:
    return [subject for group in _by_dialect() for subject in (group[0], group[-1])]


@pytest.mark.parametrize("name", MEMBERS)
def test_each_member_alone_arrives_or_is_told(name: str) -> None:
    """Each value in turn, to two models of every provider and dialect: what chance would leave out."""
    for value in MEMBERS[name]:
        for subject in _first_and_last():
            body = {"model": subject.wire_model, "messages": [{"role": "user", "content": "Hello"}], name: value}
            sent = attempt(subject, body)
            if sent is not None:
                assert objections(subject, sent) == [], f"{name} of {value!r} to {subject}"
                assert_told(subject, body, sent)


def _differ(one: Sent, other: Sent) -> bool:
    return (one.body, one.headers, one.path, one.target) != (other.body, other.headers, other.path, other.target)


_INNER = (
    "name",
    "refusal",
    "cache_control",
    "prompt_cache_breakpoint",
    "detail",
    "filename",
    "strict",
    "description",
    "reasoning_content",
)


@given(asked())
@SOME
def test_an_inner_member_that_leaves_no_trace_is_told_as_lost(given: tuple[Subject, Body]) -> None:
    for subject, body in with_others(given):
        sent = attempt(subject, body)
        if sent is None:
            continue
        for path, shorter in _shortened(body):
            told = path[0] in sent.told or (path[0] == "tools" and "tool_choice" in sent.told)  # not offered, and told
            without = None if told else attempt(subject, shorter)
            assert without is None or _differ(sent, without), f"{path} went nowhere, and nobody said so"


def _shortened(body: Body) -> list[tuple[list[Any], Body]]:
    """The request without one of these members, for each that says something."""
    found = []
    for top in ("messages", "tools", "response_format"):
        for path in _places(body.get(top), []):
            shorter = deepcopy(body)
            holder = shorter[top]
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
            found.append(([top, *path], shorter))
    return found


def _places(value: Any, path: list[Any]) -> list[list[Any]]:
    steps = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    found = []
    for step, inner in steps:
        if step in _INNER and inner and inner != "auto" and _is_ours(value, step):
            found.append([*path, step])
        elif step not in {"parameters", "schema", "data", "reasoning_details"}:
            found += _places(inner, [*path, step])
    return found


def _is_ours(holder: Body, name: str) -> bool:
    """Not a name that a call, a function or a schema is known by, and not on a message that has no such member."""
    if name == "strict" and "schema" in holder:
        return False  # a schema is enforced wherever it is not refused
    if name == "reasoning_content" and holder.get("reasoning_details"):
        return False  # the details say the same, and more
    if name == "name":
        return holder.get("role") in {"user", "system", "developer", "assistant"}
    return name != "refusal" or holder.get("role") == "assistant"
