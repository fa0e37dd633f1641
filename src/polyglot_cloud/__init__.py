"""One door to four clouds."""

__version__ = "0.1.0"
