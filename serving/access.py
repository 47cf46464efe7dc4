"""Access: whom the service answers.

Without keys it answers programs of this machine alone: no other machine, and no web page that is open in a browser
here. With keys it answers whoever has one, anywhere, on the paths of the key's roles.

Keys stand in the environment variable ``TRADESIEVE_KEYS``, as ``score:KEY,score+push:KEY``, or one a line in the file
that ``TRADESIEVE_KEYS_FILE`` names. A request carries its key as ``Authorization: Bearer KEY``.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW
from tradesieve.serving.paths import ARROW_PATHS, METHODS, OPEN_PATHS, plain
from tradesieve.serving.problem_details import (
    MOST_HEADER_BYTES,
    Problem,
    headers_too_large,
    problem_response,
    refuse_socket,
)

KEYS_VARIABLE, KEYS_FILE_VARIABLE = "TRADESIEVE_KEYS", "TRADESIEVE_KEYS_FILE"

ROLES = {"score": "POST /score, /score/batch, /outcomes and /stream", "push": "POST /bars", "admin": "every path"}
"""Role of a key to what it may do. A key of any role may read."""

_ROLE_OF_PATH = {
    "/score": "score", "/score/batch": "score", "/stream": "score", "/outcomes": "score", "/bars": "push",
    "/admin/reload": "admin",
}  # fmt: skip
_SHORTEST_KEY = 24
_MAKE_A_KEY = "make one by `openssl rand -hex 32`"
_JSON = "application/json"


@dataclass(frozen=True)
class Access:
    """Whom the service answers.

    Parameters
    ----------
    roles : of each key, by its SHA-256; empty: programs of this machine alone are answered.
    """

    roles: Mapping[bytes, frozenset[str]] = field(default_factory=dict)

    def refusal(self, scope: Scope) -> Problem | None:
        """Return why a request is refused before it is read; None if it is not."""
        n_bytes = len(scope["raw_path"]) + len(scope["query_string"])
        if n_bytes + sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
            return headers_too_large()
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] not in OPEN_PATHS:
            refused = self._without_right(scope["path"], headers) if self.roles else _from_elsewhere(scope, headers)
            if refused is not None:
                return refused
        if scope.get("method") != "POST" or plain(scope["path"]) not in METHODS:
            return None  # nothing is read; other methods and paths have refusals of their own
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON and not (kind == ARROW and plain(scope["path"]) in ARROW_PATHS):
            # A page of any site may send other types without asking first.
            return Problem(
                415,
                "wrong-type",
                f"the body is sent as {kind[:60] or 'no type'}",
                hint=f"send it as JSON with the header Content-Type: {_JSON}",
            )
        return None

    def may_push(self, scope: Scope) -> Problem | None:
        """Return why a connection that may ask for decisions may not append bars; None if it may."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        return self._without_right("/bars", headers) if self.roles else None

    def _without_right(self, path: str, headers: Mapping[bytes, str]) -> Problem | None:
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        digest, found = _digest(given.strip()), None
        for known, roles in self.roles.items():  # all of them, so that the time says nothing of a key
            if hmac.compare_digest(known, digest):
                found = roles
        if scheme.lower() != "bearer" or found is None:
            what = "no key of this service" if given else "no key"
            hint = f"send the header Authorization: Bearer KEY, with a key of {KEYS_VARIABLE}"
            return Problem(401, "no-key", f"the request has {what}", hint=hint)
        role = _ROLE_OF_PATH.get(plain(path))
        if role is not None and not found & {role, "admin"}:
            has = "+".join(sorted(found))
            return Problem(403, "no-right", f"the key's role is {has}", hint=f"{path} takes a key with the role {role}")
        return None


def _from_elsewhere(scope: Scope, headers: Mapping[bytes, str]) -> Problem | None:
    remedy = f"to answer others, start the service with keys in {KEYS_VARIABLE}, see the README"
    for end in ("client", "server"):
        address = scope.get(end)
        if address is not None and not is_loopback(address[0]):
            return Problem(403, "not-local", "without keys, the service answers this machine alone", hint=remedy)
    if b"origin" in headers:
        return Problem(403, "not-local", "without keys, the service answers no web page", hint=remedy)
    host = headers.get(b"host", "")
    if not is_loopback(_name_of(host)):
        # A page's own name can be made to lead to this machine.
        return Problem(
            403,
            "not-local",
            f"the host is {host[:60]!r}; without keys, the service answers under a name of this machine alone",
            field="Host",
            hint=f"use 127.0.0.1 or localhost; {remedy}",
        )
    return None


class Guard:
    """ASGI middleware that refuses what access and rate limit do not allow, before the body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, or refuse."""
        asks = scope["type"] in ("http", "websocket")
        refused = _refusal(scope) if asks else None
        if refused is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await problem_response(refused)(scope, receive, send)
        else:
            await refuse_socket(refused, scope, receive, send)


def _refusal(scope: Scope) -> Problem | None:
    state = scope["app"].state
    refused: Problem | None = state.access.refusal(scope)
    if refused is None and state.rate_limit is not None:
        refused = state.rate_limit.refusal(scope)
    return refused


def read_access(environment: Mapping[str, str]) -> Access:
    """Read the keys of the environment, or of the file that it names.

    Raises
    ------
    BadInput : if both are given, the file cannot be read, a line is not ``ROLE:KEY``, or a key is too short or twice.
    Unknown : if a role is none of `ROLES`.
    """
    text, file = environment.get(KEYS_VARIABLE, ""), environment.get(KEYS_FILE_VARIABLE, "")
    if text and file:
        raise BadInput(f"{KEYS_VARIABLE} and {KEYS_FILE_VARIABLE} are both set; set one of them")
    if not file:
        return Access(_read_keys(text.split(","), KEYS_VARIABLE))
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{KEYS_FILE_VARIABLE}: {file} cannot be read: {error}") from error
    keys = _read_keys([line.partition("#")[0] for line in lines], file)
    if not keys:
        raise BadInput(f"{KEYS_FILE_VARIABLE}: {file} has no key; write one a line, as score+push:KEY")
    return Access(keys)


def _read_keys(lines: list[str], where: str) -> dict[bytes, frozenset[str]]:
    """Read keys. A refusal gives the number of the line, never its text: that may be a secret."""
    found: dict[bytes, frozenset[str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        roles, colon, key = (part.strip() for part in line.partition(":"))
        if not colon or not roles:
            raise BadInput(f"{where}: key {number} is not written ROLE:KEY, as score+push:KEY")
        names = roles.split("+")
        for name in names:
            if name not in ROLES:
                raise Unknown(f"{where}: role of key {number}:", name, ROLES)
        if len(key) < _SHORTEST_KEY:
            raise BadInput(
                f"{where}: key {number} has {len(key)} characters, fewer than {_SHORTEST_KEY}; {_MAKE_A_KEY}"
            )
        if _digest(key) in found:
            raise BadInput(f"{where}: key {number} is there twice; join its roles with +, as score+push:KEY")
        found[_digest(key)] = frozenset(names)
    return found


def require_keys(host: str, environment: Mapping[str, str]) -> None:
    """Refuse to listen beyond this machine without keys.

    Raises
    ------
    Refused : if `host` is not a loopback address and there are no keys.
    BadInput, Unknown : as `read_access`.
    """
    if not read_access(environment).roles and not is_loopback(host):
        raise Refused(
            f"host is {host}, which other machines reach, and there are no keys: set {KEYS_VARIABLE}=score+push:KEY "
            f"({_MAKE_A_KEY}), or listen on 127.0.0.1"
        )


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Tell whether an address or name is this machine's own."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


@lru_cache(maxsize=256)
def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
