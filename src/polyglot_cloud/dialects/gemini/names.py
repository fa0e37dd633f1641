"""Names of functions. Gemini wants a letter or _ first, which OpenAI does not: another _ stands before a name that begins otherwise.

It stands before names that look so already as well ("_3d"), so that every name comes back as the client wrote it, without a table.
"""

import re

FIT = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_LONGEST = 128
_SHIFTED = re.compile(r"_*[0-9-]")
_UNFIT = re.compile(r"[^A-Za-z0-9_.:-]")


def wire_name(name: str) -> str:
    """As Gemini is told it. Of a name that no mark in front makes fit, the same name."""
    return f"_{name}" if _SHIFTED.match(name) else name


def own_name(name: str) -> str:
    """As the client knows it."""
    return name[1:] if name.startswith("_") and _SHIFTED.match(name) else name


def past_name(name: str) -> str:
    """Of a call in the history: models invent names, and a client can only repeat them, so what does not fit is made to."""
    told = wire_name(name)
    if FIT.fullmatch(told):
        return told
    fit = _UNFIT.sub("_", told)
    return (fit if FIT.match(fit) else f"_{fit}")[:_LONGEST]
