"""The client: what a bot holds to ask the service. It sends bars, never factors, so it cannot drift from research."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.serving.schemas import Appended, Decision, Requirements

Answer = TypeVar("Answer", Decision, Appended)

_WAITS = (0.05, 0.2, 0.8)
"""Seconds before each further attempt."""

_PASSING = frozenset({408, 429, 502, 503, 504})


class ScoringClient:
    """Asks a service, over one connection that is kept open. Safe under threads.

    Parameters
    ----------
    url : such as ``http://127.0.0.1:3000``.
    timeout : seconds that one attempt may take. A decision is worth nothing when it comes late.

    Examples
    --------
    >>> with ScoringClient("http://127.0.0.1:3000") as client:  # doctest: +SKIP
    ...     client.score(
    ...         strategy="breakout(lookback=20)", symbol="BTC-USD", timeframe="5m", side=1,
    ...         decision_time=int(bars.close_time[-1]), bars=bars,
    ...     ).accept
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"url is {url!r}, but begins with http:// or https://")
        if not timeout > 0:
            raise BadInput(f"timeout is {timeout}, but is above 0 seconds")
        self._url = url.rstrip("/")
        # Settings of the environment for proxies are not meant for a service on this machine.
        self._http = httpx.Client(
            base_url=self._url,
            timeout=timeout,
            trust_env=False,
            # Shorter than the service keeps it open, so that the client is the one to close.
            limits=httpx.Limits(keepalive_expiry=60.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def score(
        self,
        *,
        strategy: str,
        symbol: str,
        timeframe: str,
        side: float,
        decision_time: int,
        bars: Bars | None = None,
        stop: float | None = None,
        target: float | None = None,
        agreeing: float | None = None,
        results: Sequence[float] | None = None,
        others: Mapping[str, Bars | None] | None = None,
    ) -> Decision:
        """Ask whether to take a trade.

        Parameters
        ----------
        bars : the last bars up to the decision, as many as `model` says or more; None: the service's own window.
        stop, target, agreeing : see `features.decisions.Decisions`; NaN: there is none. None: not said, which is
            enough unless `model` names it among what is needed; so for the following.
        results : net returns of the instance's own closed trades, oldest first.
        others : the last bars of other symbols, closed by the decision; None, as a whole or for one: the service's own
            window.

        Raises
        ------
        BadInput : if the service refuses the request; says which field and what to do.
        Transient : if the service cannot be reached, after a few attempts.
        """
        terms = {"stop": stop, "target": target, "agreeing": agreeing}
        body: dict[str, Any] = {
            "strategy": strategy,
            "symbol": symbol,
            "timeframe": str(timeframe),
            "side": float(side),
            "decision_time": int(decision_time),
            "bars": None if bars is None else _columns(bars),
        }
        # JSON has no NaN: there, what a wish does not have is null, and what is not said is absent.
        body |= {name: None if value != value else float(value) for name, value in terms.items() if value is not None}
        if results is not None:
            body["results"] = [float(result) for result in results]
        if others is not None:
            body["others"] = {symbol: None if seen is None else _columns(seen) for symbol, seen in others.items()}
        return _read(Decision, self._ask("POST", "/score", body))

    def append_bars(self, bars: Bars, *, replace: bool = False) -> Appended:
        """Append closed bars to the service's own window. To repeat it changes nothing, therefore it is retried too.

        Raises
        ------
        BadInput, Transient : as `score`.
        """
        body = {
            "symbol": bars.symbol,
            "timeframe": str(bars.timeframe),
            "bars": _columns(bars),
            "replace": replace,
        }
        return _read(Appended, self._ask("POST", "/bars", body))

    def model(self) -> dict[str, Any]:
        """Fetch the manifest of the model that answers, its ``fingerprint``, and what a decision requires by timeframe.

        Returns
        -------
        The manifest's keys; ``lookback`` in bars, ``needs`` as `requirements` reads it.

        Raises
        ------
        BadInput, Transient : as `score`.
        """
        return self._ask("GET", "/model").json()

    def requirements(self, timeframe: str) -> Requirements:
        """Fetch what a decision at a timeframe requires, on any of the model's symbols.

        Raises
        ------
        BadInput, Transient : as `score`; BadInput if the model knows no such timeframe.
        """
        found = self.model()["needs"]
        if timeframe not in found:
            raise BadInput(f"timeframe is {timeframe}, but the model knows {', '.join(found)}")
        return TypeAdapter(Requirements).validate_python(found[timeframe])

    def wait_ready(self, timeout: float) -> None:
        """Wait until the service answers.

        Raises
        ------
        Transient : if it does not within `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                if self._http.get("/readyz").status_code == 200:
                    return
                state = "is not ready"
            except httpx.TransportError as error:
                state = f"cannot be reached ({type(error).__name__})"
            if time.monotonic() > end:
                raise Transient(f"the service at {self._url} {state} after {timeout:g} s")
            time.sleep(0.05)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        for wait in (*_WAITS, None):
            try:
                response = self._http.request(
                    method, path, content=content, headers={"Content-Type": "application/json"}
                )
                if response.status_code not in _PASSING:
                    return _checked(response, f"{method} {self._url}{path}")
                trouble = f"answers {response.status_code}"
            except httpx.TransportError as error:
                trouble = f"cannot be reached: {type(error).__name__} {error}"
            if wait is None:
                break
            time.sleep(wait)
        raise Transient(f"the service at {self._url} {trouble}, {len(_WAITS) + 1} times")


def _columns(bars: Bars) -> dict[str, list[float]]:
    return {name: getattr(bars, name).tolist() for name in COLUMNS}


def _checked(response: httpx.Response, asked: str) -> httpx.Response:
    if response.status_code < 400:
        return response
    try:
        problem = response.json()
        text = f"{problem['detail']}; {problem['hint']}"
    except (ValueError, KeyError, TypeError):
        text = response.text[:200]
    if response.status_code >= 500:
        raise TradesieveError(f"{asked} failed with {response.status_code}: {text}")
    raise BadInput(f"{asked} is refused with {response.status_code}: {text}")


def _read(kind: type[Answer], response: httpx.Response) -> Answer:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise TradesieveError(f"{response.url} is no service of ours: {error.errors()[0]['msg']}") from error
