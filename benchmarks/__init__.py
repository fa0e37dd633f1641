"""Measurements, to be run by hand: nothing here decides whether a test passes."""
