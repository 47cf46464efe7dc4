"""Candles from exchanges through ccxt, page by page. The only module that knows ccxt's markets."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.extras import import_extra
from tradesieve.market.sources.exchanges.retries import RetryPolicy, with_retries
from tradesieve.market.symbols import normalise_symbol, same_market, symbol_or_none
from tradesieve.market.timeframes import Timeframe, parse_timeframe

_MILLISECOND = 1_000_000
_DEFAULT_PAGE_SIZE = 100
"""Candles that every exchange returns at once, where ccxt does not know its limit."""


@dataclass(frozen=True, eq=False)
class ExchangeMarket:
    """One market of an exchange at one timeframe.

    Parameters
    ----------
    exchange : ccxt's name of the exchange.
    name : ccxt's name of the market, such as ``BTC/USDT``.
    symbol : what its bars are stored as.
    timeframe : of its bars.
    page_size : the most candles that one request returns.
    """

    exchange: str
    name: str
    symbol: str
    timeframe: Timeframe
    page_size: int
    _client: Any = field(repr=False)
    _interval: str = field(repr=False)
    _retry_policy: RetryPolicy = field(repr=False)

    def candles(self, since: int) -> np.ndarray:
        """Request one page of candles.

        Parameters
        ----------
        since : int64 ns UTC; no candle opens before it.

        Returns
        -------
        float64 array (n, 6): open time in ms, open, high, low, close, volume; in order of time, NaN where the exchange
        sends nothing. Few or no candles do not mean that there are no later ones.

        Raises
        ------
        Transient : if the exchange does not answer after every retry.
        BadInput : if it refuses.
        """

        def request() -> Any:
            import ccxt

            self._client.last_json_response = None
            rows = self._client.fetch_ohlcv(
                self.name, self._interval, since=since // _MILLISECOND, limit=self.page_size
            )
            if self._client.last_json_response in (None, {}):
                # Some of ccxt's exchanges take an HTML page for an empty list, which would leave a gap for good.
                raise ccxt.BadResponse(f"{self.exchange} answers with something other than JSON")
            return rows

        rows = np.array(with_retries(self._client, request, self._retry_policy), dtype=np.float64).reshape(-1, 6)
        # An exchange may send a candle twice: equal ones are merged, and `Bars` refuses the others.
        rows = np.unique(rows, axis=0)
        return rows[rows[:, 0] * _MILLISECOND >= since]

    def now(self) -> int:
        """Return the time, int64 ns UTC: the exchange's clock or ours, whichever is behind."""
        ours = time.time_ns()
        if not self._client.has.get("fetchTime"):
            return ours
        theirs = int(with_retries(self._client, self._client.fetch_time, self._retry_policy)) * _MILLISECOND
        return min(ours, theirs)


def open_market(
    exchange: str,
    *,
    symbol: str | None,
    timeframe: Timeframe,
    market: str | None = None,
    url: str | None = None,
    retry_policy: RetryPolicy | None = None,
) -> ExchangeMarket:
    """Find a market of an exchange.

    Parameters
    ----------
    exchange : ccxt's name of it, such as ``binance``.
    symbol : what the bars are stored as; None: the normal form of `market`.
    timeframe : one that the exchange offers.
    market : ccxt's name of the market, where it is not simply the symbol, such as ``BTC/USDT`` for ``BTC-USD``.
    url : used instead of the exchange's own address, with the same paths.
    retry_policy : for failures that a retry can cure.

    Raises
    ------
    Unknown : if there is no such exchange.
    BadInput : if it has no such market or timeframe, offers no candles, or `market` is a different one from `symbol`.
    Transient : if it does not answer.
    """
    ccxt = import_extra("ccxt", "exchanges")
    if exchange not in ccxt.exchanges:
        raise Unknown("exchange", exchange, ccxt.exchanges)
    if symbol is None and market is None:
        raise BadInput(f"{exchange}: choose a market with --symbol, such as BTC-USD")
    retry_policy = retry_policy or RetryPolicy()
    client = getattr(ccxt, exchange)({"enableRateLimit": True, "timeout": int(retry_policy.timeout * 1000)})
    client.enableLastJsonResponse = True
    if client.has.get("fetchOHLCV") is not True:
        raise BadInput(f"{exchange} offers no candles")
    interval = _interval(client, timeframe)
    if url is not None:
        client.urls["api"] = _redirected(client.urls["api"], _checked_url(url))
    stored_as = normalise_symbol(symbol if symbol is not None else str(market))
    market_types = client.options.get("fetchMarkets")
    has_spot = isinstance(market_types, dict) and "spot" in market_types.get("types", ())
    if has_spot and not _is_contract(market or stored_as):
        market_types["types"] = ["spot"]  # one list of markets to load instead of several
    with_retries(client, client.load_markets, retry_policy)
    name = _market_name(client, exchange, stored_as, market)
    found = symbol_or_none(name)
    if found is not None and found != stored_as and not same_market(stored_as, found):
        raise BadInput(
            f"{exchange}: {name} is a different market from {stored_as}; omit --symbol to store it as {found}"
        )
    page_size = int(client.feature_value(name, "fetchOHLCV", "limit") or _DEFAULT_PAGE_SIZE)
    return ExchangeMarket(exchange, name, stored_as, timeframe, page_size, client, interval, retry_policy)


def _interval(client: Any, timeframe: Timeframe) -> str:
    """Return the exchange's name for a timeframe."""
    offered: dict[Timeframe, str] = {}
    for text in client.timeframes or ():
        with suppress(BadInput):
            offered.setdefault(parse_timeframe(text), text)
    finer = [text for each, text in sorted(offered.items()) if each.divides(timeframe) and not each.calendar]
    if timeframe.calendar:
        # Exchanges begin their weeks on different days, some of them on Thursday.
        raise BadInput(
            f"weeks and months are not fetched; fetch {finer[-1] if finer else '1d'}, which experiments resample to "
            f"{timeframe}"
        )
    if timeframe in offered:
        return offered[timeframe]
    hint = f"; fetch {finer[-1]}, which experiments resample to {timeframe}" if finer else ""
    names = ", ".join(text for each, text in sorted(offered.items()) if not each.calendar)
    raise BadInput(f"{client.id} has no bars of {timeframe}; it has {names}{hint}")


def _market_name(client: Any, exchange: str, symbol: str, market: str | None) -> str:
    """Return the exchange's name for a symbol, or check the one that the user gives."""
    names = list(client.markets)
    if market is not None:
        if market in names:
            return market
        raise Unknown(f"market of {exchange}", market, names)
    symbols = {name: symbol_or_none(name) for name in names}
    for name, found in symbols.items():
        if found == symbol:
            return name
    near = [name for name, found in symbols.items() if found and same_market(found, symbol)]
    near += [name for name, found in symbols.items() if found and found.partition("-")[0] == symbol.partition("-")[0]]
    if not near:
        raise Unknown(f"market of {exchange}", symbol, [found for found in symbols.values() if found])
    shown = list(dict.fromkeys(near))[:5]
    raise BadInput(
        f"{exchange} has no market {symbol}; similar ones: {', '.join(shown)}; choose one, as in --market {shown[0]}"
    )


def _is_contract(name: str) -> bool:
    return ":" in name or name.count("-") > 1


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadInput(f"--url is {url!r}, but must be like https://api.example.com")
    return url.rstrip("/")


def _redirected(addresses: Any, url: str) -> Any:
    """Put `url` in place of the host of every address, in ccxt's nested dictionaries."""
    if isinstance(addresses, dict):
        return {kind: _redirected(address, url) for kind, address in addresses.items()}
    return url + urlsplit(addresses).path if isinstance(addresses, str) else addresses
