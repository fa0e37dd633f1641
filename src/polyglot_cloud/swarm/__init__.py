"""The Polyglot Agent Swarm: its services as clients meet them, and compatible ones for who has none.

Each module is imported by its own name. `store` alone imports SQLAlchemy, so that who serves nothing of the swarm never loads it.
"""
