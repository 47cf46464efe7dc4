"""Symbols: one form for every market, whatever its vendor writes.

| market | form | vendors write |
|---|---|---|
| pair | ``BTC-USD`` | ``BTC/USD``, ``btcusd``, ``XBT/USD``, ``tBTCUSD``, ``XXBTZUSD``, ``EUR_USD``, ``EURUSD=X``, ``BINANCE:BTCUSD`` |
| perpetual | ``BTC-USDT-PERP`` | ``BTC/USDT:USDT``, ``BTC-USDT-SWAP``; settled in another currency: ``BTC-USD-PERP.BTC`` |
| dated future | ``BTC-USDT-251226`` | ``BTC/USDT:USDT-251226``, ``BTCUSDT_251226`` |
| share, index, future | ``AAPL``, ``BRK.B``, ``GSPC`` | ``aapl``, ``NASDAQ:AAPL``, ``^GSPC`` |

A perpetual is another market than the pair it follows, and so is BTC-USDT than BTC-USD: they are never made equal here.
"""  # noqa: E501 -- a table

from __future__ import annotations

import re
from contextlib import suppress
from itertools import pairwise

from tradesieve.market.errors import BadInput

_FIAT = frozenset((
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "CNH", "CNY", "HKD", "SGD", "SEK", "NOK", "DKK", "PLN",
    "CZK", "HUF", "TRY", "MXN", "ZAR", "BRL", "INR", "KRW", "THB", "ILS",
))  # fmt: skip
_METALS = frozenset(("XAU", "XAG", "XPT", "XPD"))
_DOLLARS = frozenset(("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI"))
_COINS = frozenset((
    "BTC", "ETH", "XRP", "SOL", "ADA", "DOGE", "LTC", "BCH", "BNB", "DOT", "LINK", "AVAX", "TRX", "XLM", "ETC", "XMR",
    "ATOM", "UNI", "MATIC", "POL", "NEAR", "FIL", "APT", "ARB", "OP", "SUI", "DASH", "ZEC", "EOS", "XTZ", "AAVE",
    "ALGO", "SHIB", "PEPE", "TON", "HBAR", "ICP", "NEO", "IOTA",
))  # fmt: skip
_CURRENCIES = _FIAT | _METALS | _DOLLARS | _COINS
# Nothing but a pair ends in these behind at least two characters, so that any base may stand before them.
_STABLE = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD")
_MAIN = ("USD", "EUR", "GBP", "JPY")
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
_FORM = re.compile(r"[A-Z0-9][A-Z0-9._-]*")
_CONTRACT = re.compile(r"(\w+)[/-](\w+):(\w+?)(?:-(\d{6}))?")
_LONGEST = 64


def normalise_symbol(text: str) -> str:
    """Write a symbol in its one form; what has it already stays as it is.

    Raises
    ------
    BadInput : if it is empty, holds what no symbol holds, or may be two pairs, as FETUSD may be FET-USD or FE-TUSD.

    Examples
    --------
    >>> [normalise_symbol(text) for text in ("btcusd", "XBT/EUR", "tBTCUSD", "EURUSD=X", "BTC/USDT:USDT", "aapl")]
    ['BTC-USD', 'BTC-EUR', 'BTC-USD', 'EUR-USD', 'BTC-USDT-PERP', 'AAPL']
    """
    given = str(text)
    name = _without_vendor(given.strip()).upper()
    contract = _CONTRACT.fullmatch(name)
    if contract:
        base, quote, settled, day = contract.groups()
        found = f"{_asset(base)}-{_asset(quote)}-{day or 'PERP'}"
        found += "" if settled == quote else f".{_asset(settled)}"
    else:
        found = _pair(name) or name
    if not _FORM.fullmatch(found) or len(found) > _LONGEST:
        raise BadInput(f"symbol {given!r} is not understood: write letters, digits, '-', '.' or '_', as in BTC-USD")
    return found


def same_market(symbol: str, other: str) -> bool:
    """Tell whether two symbols in their one form may stand for one another: equal, or pairs in two kinds of dollars."""
    if symbol == other:
        return True
    (base, _, quote), (other_base, _, other_quote) = symbol.partition("-"), other.partition("-")
    return base == other_base and {quote, other_quote} <= _DOLLARS


def pair_in_name(name: str) -> str | None:
    """Find the one pair that a file's name tells unmistakably, such as ``BTC-USD`` in ``Bitstamp_BTCUSD_d.csv``.

    Names tell pairs only: a word that could be a share's symbol is as often a vendor's name.
    """
    words = [_ALIASES.get(word, word) for word in re.split(r"[^A-Z0-9]+", name.upper())]
    found = {f"{base}-{quote}" for base, quote in pairwise(words) if {base, quote} <= _CURRENCIES}
    for word in words:
        # MetaTrader writes the timeframe behind the pair: EURUSD60, EURUSDh1.
        with suppress(BadInput):
            forms = (word, word.rstrip("0123456789"), re.sub(r"[DHMW]\d+$", "", word))
            found |= {pair for pair in map(_joined, forms) if pair}
    return found.pop() if len(found) == 1 else None


def _without_vendor(name: str) -> str:
    if re.fullmatch(r"t[A-Z0-9]{2,}(:[A-Z0-9]{3,}|[A-Z]{3,})", name):  # Bitfinex
        pair = name[1:].replace(":", "/")
        return re.sub(r"UST$", "USDT", pair)
    if "/" not in name and re.fullmatch(r"[A-Za-z_]+:.+", name):  # the exchange stands first, as TradingView writes it
        name = name.partition(":")[2]
    if name.upper().endswith("=X"):  # Yahoo
        name = name[:-2]
        return f"USD{name}" if len(name) == 3 else name
    return name.removeprefix("^")


def _pair(name: str) -> str | None:
    """Write a pair in its one form; None when it is none."""
    kraken = re.fullmatch(r"X([A-Z]{3})[XZ]([A-Z]{3})", name)
    if kraken and {_asset(kraken[1]), _asset(kraken[2])} <= _CURRENCIES:
        return f"{_asset(kraken[1])}-{_asset(kraken[2])}"
    swap = re.fullmatch(r"(\w+)-(\w+)-SWAP", name)
    if swap:
        return f"{_asset(swap[1])}-{_asset(swap[2])}-PERP"
    dated = re.fullmatch(r"([A-Z0-9]+)_(\d{6})", name)
    if dated and _joined(dated[1]):
        return f"{_joined(dated[1])}-{dated[2]}"
    parts = re.split(r"[/_-]", name)
    if len(parts) == 2 and all(parts) and ("/" in name or _asset(parts[1]) in _CURRENCIES):
        return f"{_asset(parts[0])}-{_asset(parts[1])}"
    return _joined(name)


def _joined(name: str) -> str | None:
    """Split a pair that is written without a separator; None when it is none.

    Raises
    ------
    BadInput : if it may be two pairs, as FETUSD may be FET-USD or FE-TUSD.
    """
    if not re.fullmatch(r"[A-Z0-9]+", name):
        return None
    splits = [
        (name.removesuffix(quote), quote)
        for quote in sorted(_CURRENCIES | set(_ALIASES), key=len)
        if name.endswith(quote) and len(name) >= len(quote) + 2
    ]
    known = [f"{_asset(base)}-{_asset(quote)}" for base, quote in splits if _asset(base) in _CURRENCIES]
    if known:
        return known[0]
    likely = [f"{base}-{quote}" for base, quote in splits if quote in _STABLE or (quote in _MAIN and len(base) >= 3)]
    if len(likely) > 1:
        raise BadInput(f"symbol {name!r} may be {' or '.join(likely)}: write one of them")
    return likely[0] if likely else None


def _asset(name: str) -> str:
    return _ALIASES.get(name, name)
