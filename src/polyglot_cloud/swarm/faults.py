"""What can go wrong in the swarm's own rooms, and tells a person what to do."""


class StoreUnusable(Exception):
    """The database cannot be read or written: it is locked, damaged, full, not ours to write, or of a newer version."""
