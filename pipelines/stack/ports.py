"""Ports: asked for before anything is started."""

from __future__ import annotations

import socket

from tradesieve.market.errors import BadInput


def require_free(port: int, *, host: str, flag: str) -> None:
    """Refuse a port that somebody listens on.

    Parameters
    ----------
    flag : the option that chooses another one, for the message.

    Raises
    ------
    BadInput : if it is in use, or the host is none of this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadInput(
                f"port {port} on {host} cannot be used: {error.strerror}; free it or choose another one with {flag}"
            ) from error
