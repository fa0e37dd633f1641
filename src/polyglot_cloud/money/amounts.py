"""Amounts under the name by which the rooms of the money know them; they stand below, since settings read and show them too."""

from polyglot_cloud.amounts import LARGEST, Nano, shown, usd

__all__ = ["LARGEST", "Nano", "shown", "usd"]
