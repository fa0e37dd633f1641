"""The Polyglot Agent Swarm: what it is told of the models here, and compatible services for who has none.

Its Router (6103) finds models, its Gateway (6120) sends work and counts the cost, its Registry (6121) lists services, its Event Stream
(6102) tells whoever watches. None of them is needed for a call, and none can hold one up.

Each module is imported by its own name. `store` alone imports SQLAlchemy, so that who serves nothing of the swarm never loads it.
"""
