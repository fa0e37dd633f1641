"""The Polyglot Agent Swarm: what it is told of the models here, and what of its services we serve where they are missing.

Its Router (6103) finds models, its Gateway (6120) sends work and counts the cost, its Registry (6121) lists services, its Event Stream
(6102) tells whoever watches. None of them is needed for a call, and none can hold one up.
"""
