"""The gateway under load, beside what it can be compared with, in one run: python -m benchmarks.gateway

__main__.py    the command line; runs the parts and prints their tables
tools.py       which upstream and load generator: our own, or those in C
subjects.py    what is measured: no gateway, plain httpx, this gateway in its ways
peers.py       LiteLLM and Portkey, where installed, and how they are configured
scenarios.py   what is asked of each of them
rounds.py      runs the scenarios: subjects take turns, round by round
tables.py      figures -> Markdown
start.py       part "start": cold start
memory.py      part "memory": resident memory over many calls of many kinds
mixture.py     those calls
installed.py   part "installed": packages and size of the run-time tree
venvs.py       environments of the lock file, for that and for other Pythons

A part of its own program is named in __main__.PROGRAMS.
"""
