"""Large JSON bodies without a long step: no other stream may wait while one of them is looked at.

A body of some megabytes is not decoded as it stands: a JSON codec holds the interpreter for as long as it takes, and a thread does not
help. What is bulk in it (long strings: prompts, files, images) is found by a scan of its bytes and left out of what is decoded, each with
a token in its place. What decodes so is the body's *skeleton*: the same members and values, but for the middle of those strings. Every
step is bounded by `Sizes`, and between two steps the event loop runs.

    segments.py   bytes in several pieces
    strings.py    where the long strings of a body are
    boundaries.py where a JSON string may be cut in two
    skeleton.py   the cuts, the skeleton, and bytes with the cuts filled in again
    runs.py       a decode of long arrays in runs of their elements
    steps.py      work in bounded steps on the event loop, or aside from it
"""

from polyglot_cloud.large.runs import encoded
from polyglot_cloud.large.segments import PIECE, Gathering, Segments
from polyglot_cloud.large.skeleton import DEFAULT_SIZES, Cut, Sizes, Skeleton, skeleton
from polyglot_cloud.large.steps import aside, in_steps

__all__ = [
    "DEFAULT_SIZES",
    "PIECE",
    "Cut",
    "Gathering",
    "Segments",
    "Sizes",
    "Skeleton",
    "aside",
    "encoded",
    "in_steps",
    "skeleton",
]
