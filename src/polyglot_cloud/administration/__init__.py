"""Tenants, keys, budgets and what a crash left, over HTTP: a door of its own, on loopback, for whoever has POLYGLOT_ADMIN_KEY.

guard.py       who may come in, and how a refusal is written
api.py         the endpoints
reading.py     bodies -> what the store takes
documents.py   tenants, keys, audit rows, budgets -> JSON, for the command line too
spans.py       "30d", "2027-01-01T12:00:00Z": times as people write them
"""
