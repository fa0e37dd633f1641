"""A key that shows itself to nobody who does not ask for it by name."""

import hmac
import re
from dataclasses import dataclass
from typing import Any, NoReturn, SupportsIndex

VEIL = "**********"


class Secret:
    """Text that every usual door leaves veiled: str, repr, format, JSON, pickle, `dataclasses.asdict`. `reveal` is the one way in."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    def __repr__(self) -> str:
        return f"Secret({VEIL!r})"

    def __str__(self) -> str:
        return VEIL

    def __format__(self, spec: str) -> str:
        return format(VEIL, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not written down")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is not written down")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a text that should be a key: the key, or why it is none. `remark` is for a key that had to be cleaned."""

    key: Secret | None
    fault: str | None = None
    remark: str | None = None


_VISIBLE_ASCII = re.compile(r"[!-~]+")
_QUOTES = ('"', "'", "`")
_PLACEHOLDER = re.compile(
    r"""
      .*(\.\.\.|…)                                    # sk-...
    | <.*> | \[.*\] | \{.*\}                          # <your key>
    | \$\{?\w+\}?                                     # ${OPENAI_API_KEY}: nothing expands it here
    | ([a-z]{2,6}-)*[x*]{3,}                          # sk-xxxxxxxx
    | ([a-z]{2,6}-)*your[-_ ].*                       # your-key-here, sk-your-key
    | (add|enter|insert|paste|put|replace)[-_ ].*(here|key|me|this).*
    | change[-_]?(me|this) | place[-_]?holder | none | null | undefined | todo | tbd
    | ([a-z]+[-_])?api[-_]?key                        # OPENAI_API_KEY=OPENAI_API_KEY
    """,
    re.IGNORECASE | re.VERBOSE,
)


def read(text: str, example: str) -> Reading:
    """A key from the text of a variable. White space and one pair of quotes around it are taken off, and said.

    Only visible ASCII passes: every vendor's keys are made of it, and anything else could add a header or fail late in one.
    """
    bare = text.strip()
    if len(bare) > 1 and bare[0] in _QUOTES and bare[-1] == bare[0]:
        bare = bare[1:-1].strip()
    if not bare:
        return Reading(None, "is blank")
    if bare == example or _PLACEHOLDER.fullmatch(bare):
        return Reading(None, "holds a placeholder, not a key")
    if not _VISIBLE_ASCII.fullmatch(bare):
        return Reading(
            None, "holds white space, a control character or a letter outside ASCII, which no key has and no header may"
        )
    remark = None if bare == text else "has quotes or white space around the key; they were taken off"
    return Reading(Secret(bare), remark=remark)
