"""Clients of a tradesieve service: `Client` asks it, `AsyncClient` does so in asyncio.

The other modules come from tradesieve when this one is built.
"""

from tradesieve_client.client import AsyncScoringClient as AsyncClient
from tradesieve_client.client import RequestRefused
from tradesieve_client.client import ScoringClient as Client
from tradesieve_client.errors import BadInput, TradesieveError, Transient
from tradesieve_client.responses import Appended, Decision, Fallback, Recorded, Requirements

__all__ = [
    "Client",
    "AsyncClient",
    "Decision",
    "Fallback",
    "Appended",
    "Recorded",
    "Requirements",
    "TradesieveError",
    "BadInput",
    "RequestRefused",
    "Transient",
]
