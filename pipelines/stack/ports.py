"""Ports of the servers, checked before anything is started."""

from __future__ import annotations

import errno
import socket
from dataclasses import asdict, dataclass

from tradesieve.market.errors import BadInput

TITLES = {"prefect": "Prefect", "mlflow": "MLflow", "service": "the scoring service"}
"""What messages call the server of each port."""


@dataclass(frozen=True)
class Ports:
    """The ports on 127.0.0.1 of the three servers."""

    prefect: int = 4200
    mlflow: int = 5000
    service: int = 3000

    def __post_init__(self) -> None:
        seen: dict[int, str] = {}
        for name, port in asdict(self).items():
            if not 1 <= port <= 65535:
                raise BadInput(f"port {port} of {TITLES[name]} is not between 1 and 65535")
            if port in seen:
                raise BadInput(f"port {port} is given to both {TITLES[seen[port]]} and {TITLES[name]}")
            seen[port] = name


def require_free(port: int, *, host: str, remedy: str) -> None:
    """Refuse a port that cannot be listened on.

    Parameters
    ----------
    remedy : what to do about it, for the message.

    Raises
    ------
    BadInput : if the port is in use, or `host` is not an address of this machine.
    """
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            state = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used on {host} ({error.strerror})"
            raise BadInput(f"port {port} {state}: {remedy}") from error
    with socket.socket() as probe:
        # macOS lets us bind beside a server that listens on every address.
        probe.settimeout(1)
        if probe.connect_ex((host, port)) == 0:
            raise BadInput(f"port {port} is in use: {remedy}")
