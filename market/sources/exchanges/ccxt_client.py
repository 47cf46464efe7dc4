"""The door to exchanges, through ccxt: candles of one market, page by page, with the patience that a network needs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tradesieve.market.errors import BadInput, Transient, Unknown
from tradesieve.market.symbols import normalise_symbol, same_market
from tradesieve.market.timeframes import Timeframe, parse_timeframe

_MILLISECOND = 1_000_000
_FEW = 100
"""Candles that every exchange gives at once, where ccxt does not know how many one gives."""
_LONGEST_WAIT = 30.0
# ccxt files them under "not available", but asking again changes nothing: forbidden, gone, or closed to this country.
_FINAL = re.compile(r" (400|401|403|404|405|410|451) ")


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, and how long is waited in between: twice as long each time.

    Parameters
    ----------
    tries : how often in all, at least once.
    first_wait : seconds before the second try; the exchange's own Retry-After counts where it is longer.
    timeout : seconds until a request that is not answered has failed.
    sleep : what waits.

    Raises
    ------
    BadInput : if it never tries, or waits for nothing.
    """

    tries: int = 8
    first_wait: float = 0.5
    timeout: float = 10.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise BadInput(f"a request is tried at least once, not {self.tries} times")
        if not (self.first_wait >= 0 and self.timeout > 0):
            raise BadInput(f"first_wait is {self.first_wait} and timeout {self.timeout}, but they are seconds to wait")


@dataclass(frozen=True, eq=False)
class ExchangeMarket:
    """One market of an exchange at one timeframe.

    Parameters
    ----------
    exchange : what ccxt calls the exchange.
    name : what ccxt calls the market, such as ``BTC/USDT``.
    symbol : what its bars are stored as.
    timeframe : how long its bars last.
    page : how many candles one request gives at most.
    """

    exchange: str
    name: str
    symbol: str
    timeframe: Timeframe
    page: int
    _client: Any = field(repr=False)
    _interval: str = field(repr=False)
    _patience: Patience = field(repr=False)

    def candles(self, since: int) -> np.ndarray:
        """Ask for one page of candles.

        Parameters
        ----------
        since : int64 ns UTC; no candle opens before it.

        Returns
        -------
        float64 array (n, 6): open time in ms, open, high, low, close, volume; in the order of time, NaN where the
        exchange gives nothing. Few or none does not mean that nothing comes later.

        Raises
        ------
        Transient : if the exchange does not answer, however often it is asked.
        BadInput : if it refuses.
        """

        def ask() -> Any:
            import ccxt

            self._client.last_json_response = None
            rows = self._client.fetch_ohlcv(self.name, self._interval, since=since // _MILLISECOND, limit=self.page)
            if self._client.last_json_response in (None, {}):
                # Some exchanges' files in ccxt take a page of HTML for an empty list: that would be a hole for ever.
                raise ccxt.BadResponse(f"{self.exchange} answers with what is no JSON")
            return rows

        rows = np.array(_asked(self._client, ask, self._patience), dtype=np.float64).reshape(-1, 6)
        # An exchange may give a candle twice: equal ones are one, and others are told by the laws of bars.
        rows = np.unique(rows, axis=0)
        return rows[rows[:, 0] * _MILLISECOND >= since]

    def now(self) -> int:
        """Tell the time, int64 ns UTC: the exchange's own or ours, whichever is behind."""
        ours = time.time_ns()
        if not self._client.has.get("fetchTime"):
            return ours
        return min(ours, int(_asked(self._client, self._client.fetch_time, self._patience)) * _MILLISECOND)


def open_market(
    exchange: str,
    *,
    symbol: str | None,
    timeframe: Timeframe,
    market: str | None = None,
    url: str | None = None,
    patience: Patience | None = None,
) -> ExchangeMarket:
    """Find a market of an exchange.

    Parameters
    ----------
    exchange : what ccxt calls it, such as ``binance``.
    symbol : what the bars are stored as; None: what `market` means.
    timeframe : one that the exchange has.
    market : what ccxt calls the market, where it is not simply the symbol, such as ``BTC/USDT`` for ``BTC-USD``.
    url : asked instead of the exchange's own address, its paths kept.
    patience : with failures that a retry can cure.

    Raises
    ------
    Unknown : if there is no such exchange.
    BadInput : if it has no such market or timeframe, gives no candles, or `market` is another one than `symbol`.
    Transient : if it does not answer.
    """
    import ccxt

    if exchange not in ccxt.exchanges:
        raise Unknown("exchange", exchange, ccxt.exchanges)
    if symbol is None and market is None:
        raise BadInput(f"{exchange}: say which market with --symbol, such as BTC-USD")
    patience = patience or Patience()
    client = getattr(ccxt, exchange)({"enableRateLimit": True, "timeout": int(patience.timeout * 1000)})
    client.enableLastJsonResponse = True
    if client.has.get("fetchOHLCV") is not True:
        raise BadInput(f"{exchange} gives no candles")
    interval = _interval(client, timeframe)
    if url is not None:
        client.urls["api"] = _redirected(client.urls["api"], _checked_url(url))
    stored_as = normalise_symbol(symbol if symbol is not None else str(market))
    kinds = client.options.get("fetchMarkets")
    if isinstance(kinds, dict) and "spot" in kinds.get("types", ()) and not _is_contract(market or stored_as):
        kinds["types"] = ["spot"]
    _asked(client, client.load_markets, patience)
    name = _market(client, exchange, stored_as, market)
    told = _normal(name)
    if told is not None and told != stored_as and not same_market(stored_as, _spot(told)):
        raise BadInput(
            f"{exchange}: {name} is another market than {stored_as}; leave --symbol out to store it as {told}"
        )
    page = int(client.feature_value(name, "fetchOHLCV", "limit") or _FEW)
    return ExchangeMarket(exchange, name, stored_as, timeframe, page, client, interval, patience)


def _asked(client: Any, ask: Callable[[], Any], patience: Patience) -> Any:
    """Ask until there is an answer, or patience ends."""
    import ccxt

    for failed in range(1, patience.tries + 1):
        try:
            return ask()
        except ccxt.OperationFailed as error:
            said = _one_line(error)
            if _FINAL.search(f"{said} "):
                raise BadInput(f"{client.id} refuses: {said}") from error
            if failed == patience.tries:
                often = "once" if failed == 1 else f"{failed} times"
                raise Transient(
                    f"{client.id} does not answer, asked {often}: {said}; what came is stored, and the same "
                    "command goes on from there"
                ) from error
            wait = patience.first_wait * 2 ** (failed - 1)
            patience.sleep(min(max(wait, _retry_after(client)), _LONGEST_WAIT))
        except ccxt.BaseError as error:
            raise BadInput(f"{client.id} refuses: {_one_line(error)}") from error
    raise BadInput("a request is tried at least once")


def _retry_after(client: Any) -> float:
    headers = client.last_response_headers or {}
    with suppress(KeyError, ValueError):
        return float(headers["Retry-After"])
    return 0.0


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _interval(client: Any, timeframe: Timeframe) -> str:
    known: dict[int, str] = {}
    for text in client.timeframes or ():
        with suppress(BadInput):
            known.setdefault(parse_timeframe(text).duration, text)
    if timeframe.duration in known:
        return known[timeframe.duration]
    finer = [text for duration, text in sorted(known.items()) if timeframe.duration % duration == 0]
    hint = f"; fetch {finer[-1]}, from which experiments make {timeframe}" if finer else ""
    have = ", ".join(text for _, text in sorted(known.items()))
    raise BadInput(f"{client.id} has no bars of {timeframe}; it has {have}{hint}")


def _market(client: Any, exchange: str, symbol: str, market: str | None) -> str:
    names = list(client.markets)
    if market is not None:
        if market in names:
            return market
        raise Unknown(f"market of {exchange}", market, names)
    forms = {name: _normal(name) for name in names}
    for name, form in forms.items():
        if form == symbol:
            return name
    near = [name for name, form in forms.items() if form and same_market(form, symbol)]
    near += [name for name, form in forms.items() if form and form.partition("-")[0] == symbol.partition("-")[0]]
    if not near:
        raise Unknown(f"market of {exchange}", symbol, [form for form in forms.values() if form])
    shown = list(dict.fromkeys(near))[:5]
    raise BadInput(
        f"{exchange} has no market {symbol}; near are {', '.join(shown)}: choose one, as in --market {shown[0]}"
    )


def _normal(name: str) -> str | None:
    with suppress(BadInput):
        return normalise_symbol(name)
    return None


def _is_contract(name: str) -> bool:
    return ":" in name or name.count("-") > 1


def _spot(symbol: str) -> str:
    """Name the pair that a contract follows."""
    return "-".join(symbol.split("-")[:2])


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadInput(f"--url is {url!r}, but must be like https://api.example.com")
    return url.rstrip("/")


def _redirected(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {kind: _redirected(address, url) for kind, address in addresses.items()}
    return url + urlsplit(addresses).path if isinstance(addresses, str) else addresses
