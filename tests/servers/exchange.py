"""An HTTP server that answers as exchanges do."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest


class Exchange:
    """A server that answers as Binance and Coinbase do, from one table of candles, and as badly as it is told to.

    Attributes
    ----------
    candles : open time in ms: open, high, low, close and volume as text; two of them after `now`, as exchanges give the
        candle that is not complete.
    faults : what happens to the next requests for candles, one each; None: nothing.
    ragged : draws how many candles a page has, where it is there.
    asked : the first times of the requests for candles.
    """

    def __init__(self, *, n: int, empty: tuple[int, int] | None, start: int) -> None:
        random = np.random.default_rng(n)
        self.start, self.now = start, start + n * 60_000
        kept = [row for row in range(n + 2) if empty is None or not empty[0] <= row < empty[1]]
        close = 30_000 * np.exp(np.cumsum(random.normal(0, 1e-3, n + 2)))
        priced = np.column_stack([close * 1.0001, close * 1.003, close * 0.997, close, random.exponential(3, n + 2)])
        self.candles = {start + 60_000 * row: tuple(map(repr, priced[row].tolist())) for row in kept}
        self.faults: list[str | None] = []
        self.ragged: np.random.Generator | None = None
        self.asked: list[int] = []
        self.n_candle_requests = 0
        exchange = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # or each answer waits for an acknowledgement of its header

            def log_message(self, *said: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                given = {name: values[-1] for name, values in parse_qs(url.query).items()}
                fault = None
                if url.path.endswith(("/klines", "/candles")):
                    exchange.n_candle_requests += 1
                    fault = exchange.faults.pop(0) if exchange.faults else None
                if fault in ("drop", "slow"):
                    time.sleep(1.0 if fault == "slow" else 0.0)
                    self.close_connection = True
                    return
                if fault is not None and fault.isdigit():
                    said = {"400": {"code": -1100, "msg": "Illegal characters found in parameter"}}.get(fault, {})
                    self._send(int(fault), json.dumps(said).encode(), fault == "429")
                    return
                body = json.dumps(exchange.answer(url.path, given)).encode()
                if fault == "html":
                    body = b"<html>we will be back soon</html>"
                self._send(200, body, cut=fault == "cut")

            def _send(self, code: int, body: bytes, later: bool = False, *, cut: bool = False) -> None:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if later:
                    self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
                self.close_connection = cut

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def answer(self, path: str, given: dict[str, str]) -> Any:
        """Answer a request that nothing happens to."""
        match path:
            case "/api/v3/time" | "/fapi/v1/time":
                return {"serverTime": self.now}
            case "/time":
                return {"epoch": self.now / 1000}
            case "/api/v3/klines" | "/fapi/v1/klines":
                since, size = int(given["startTime"]), self._size(int(given["limit"]))
                self.asked.append(since)
                rows = [at for at in sorted(self.candles) if at >= since][:size]
                return [[at, *self.candles[at], at + 59_999, "1.0", 7, "0.5", "0.5", "0"] for at in rows]
            case "/products/BTC-USD/candles":
                since, until = (_milliseconds(given[name]) for name in ("start", "end"))
                self.asked.append(since)
                assert (until - since) // 60_000 < 300, "more than 300 candles are refused"
                rows = [at for at in sorted(self.candles) if since <= at <= until]
                rows = rows[: self._size(300)][::-1]
                return [[at // 1000, *(float(self.candles[at][place]) for place in (2, 1, 0, 3, 4))] for at in rows]
            case "/api/v3/exchangeInfo":
                pairs = [("BTC", "USDT"), ("BTC", "USDC"), ("ETH", "BTC"), ("BTC", "EUR")]
                return {"symbols": [_listed(base, quote) for base, quote in pairs]}
            case "/fapi/v1/exchangeInfo":
                extra = {"contractType": "PERPETUAL", "marginAsset": "USDT", "pair": "BTCUSDT", "quotePrecision": 8}
                return {"symbols": [_listed("BTC", "USDT") | extra | {"deliveryDate": 4133404800000}]}
            case "/dapi/v1/exchangeInfo":
                return {"symbols": []}
            case "/products":
                money = {"base_currency": "BTC", "quote_currency": "USD", "min_market_funds": "1"}
                grid = {"base_increment": "0.00000001", "quote_increment": "0.01"}
                return [{"id": "BTC-USD", "status": "online", **money, **grid}]
            case _:
                return []

    def _size(self, limit: int) -> int:
        return limit if self.ragged is None else int(self.ragged.integers(1, limit))

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def _milliseconds(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def _listed(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": base + quote, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "permissions": ["SPOT"],
        "isSpotTradingAllowed": True, "baseAssetPrecision": 8, "quotePrecision": 8, "orderTypes": [], "filters": [],
    }  # fmt: skip


@pytest.fixture
def exchange() -> Iterator[Callable[..., Exchange]]:
    """A function that starts an exchange with so many candles from 2023-11-14T22:14Z on, some of them absent."""
    started: list[Exchange] = []

    def start(*, n: int, empty: tuple[int, int] | None = None, start: int = 1_700_000_040_000) -> Exchange:
        started.append(Exchange(n=n, empty=empty, start=start))
        return started[-1]

    yield start
    for server in started:
        server.stop()
