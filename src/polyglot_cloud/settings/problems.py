"""What is wrong with the settings, in words that name the variable, where it stands, and the remedy; never a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `error`: something does not work. `warning`: it works, but not as the operator meant it, or not safely.
    `note`: worth knowing, nothing to mend.

    `message` reads on from the variable: "must be a whole number".
    """

    message: str
    variable: str | None = None
    source: str | None = None
    level: Level = "error"

    @property
    def is_wrong(self) -> bool:
        return self.level != "note"

    def __str__(self) -> str:
        where = f" ({self.source})" if self.source else ""
        return f"{self.variable}{where} {self.message}" if self.variable else f"{self.message}{where}"


class SettingsError(ValueError):
    """The settings cannot be used. Lists every fault at once, so that one start finds them all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"The settings have {_count(len(self.problems))}:\n{lines}")


def _count(number: int) -> str:
    return "a fault" if number == 1 else f"{number} faults"
