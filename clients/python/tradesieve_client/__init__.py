"""Client of a tradesieve service: `Client` asks it. The other modules come from tradesieve when this one is built."""

from tradesieve_client.client import RequestRefused
from tradesieve_client.client import ScoringClient as Client
from tradesieve_client.errors import BadInput, TradesieveError, Transient
from tradesieve_client.responses import Appended, Decision, Requirements

__all__ = [
    "Client",
    "Decision",
    "Appended",
    "Requirements",
    "TradesieveError",
    "BadInput",
    "RequestRefused",
    "Transient",
]
