"""One decision: pass the very bytes, or read and write. Out to the provider, and back, whole or as a stream."""

from polyglot_cloud.translate.lowering import ACROSS, lower, question, retold, sent
from polyglot_cloud.translate.outbound import Outbound, outgoing, read, reading, writing
from polyglot_cloud.translate.pumps import PassThrough, Pump, pump
from polyglot_cloud.translate.replies import Inbound, answering, incoming, outcome_of

__all__ = [
    "ACROSS",
    "Inbound",
    "Outbound",
    "PassThrough",
    "Pump",
    "answering",
    "incoming",
    "lower",
    "outcome_of",
    "outgoing",
    "pump",
    "question",
    "read",
    "reading",
    "retold",
    "sent",
    "writing",
]
