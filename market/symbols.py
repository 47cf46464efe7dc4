"""Symbols: one normal form for every market, however its vendor writes it.

| market | form | vendors write |
|---|---|---|
| pair | ``BTC-USD`` | ``BTC/USD``, ``btcusd``, ``XBT/USD``, ``tBTCUSD``, ``XXBTZUSD``, ``EUR_USD``, ``EURUSD=X``, ``BINANCE:BTCUSD`` |
| perpetual | ``BTC-USDT-PERP`` | ``BTC/USDT:USDT``, ``BTC-USDT-SWAP``, ``BTCUSDT.P``, ``XBTUSDTM``, ``tBTCF0:USTF0`` |
| perpetual settled in its base | ``BTC-USD-PERP.BTC`` | ``BTC/USD:BTC``, ``BTC-USD-SWAP``, ``BTCUSD_PERP``, ``BTC-PERPETUAL``, ``PI_XBTUSD`` |
| dated future | ``BTC-USDT-251226`` | ``BTC/USDT:USDT-251226``, ``BTCUSDT_251226`` |
| share, index | ``AAPL``, ``BRK.B``, ``GSPC``, ``M&M.NS`` | ``aapl``, ``NASDAQ:AAPL``, ``BRK-B``, ``BRK/B``, ``^GSPC`` |
| future of an exchange | ``CL=F``, ``ES1!``, ``ES 03-24`` | ``NYMEX:CL=F``, ``CME_MINI:ES1!``, ``es 03-24`` |

A perpetual is a different market from the pair that it follows, and BTC-USDT from BTC-USD: they are never merged.
"""  # noqa: E501 -- a table

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from urllib.parse import quote, unquote

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
# Only pairs end in these after two characters or more, so any base may come before them.
_STABLE = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD")
_MAIN = ("USD", "EUR", "GBP", "JPY")
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
# NinjaTrader's contracts, such as ES 03-24, are the only ones with a space. An exchange before a colon and Yahoo's =X
# are no part of it.
_NORMAL_FORM = re.compile(r"(?![A-Z_]+:|.*=X$)[A-Z0-9][A-Z0-9._=&!:+#@-]*|[A-Z0-9]{1,4} \d\d-\d\d")
# A class of a share, after a point, a hyphen (Yahoo) or a slash.
_SHARE_CLASS = re.compile(r"([A-Z]{1,4})[-/.]([A-Z])")
_CONTRACT = re.compile(r"(\w+)[/-](\w+):(\w+?)(?:-(\d{6}))?")
_PERPETUAL_WORDS = frozenset(("PERP", "SWAP", "PERPETUAL"))
_MAX_LENGTH = 64
# Windows keeps these names for devices, whatever follows a point.
_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)


def normalise_symbol(text: str) -> str:
    """Write a symbol in its normal form; one that has it already is returned as it is.

    Raises
    ------
    BadInput : if it is empty, too long, holds a character that no symbol has, or is ambiguous, as FETUSD, which may be
        FET-USD or FE-TUSD.

    Examples
    --------
    >>> [normalise_symbol(text) for text in ("btcusd", "XBT/EUR", "tBTCUSD", "EURUSD=X", "BTC/USDT:USDT", "aapl")]
    ['BTC-USD', 'BTC-EUR', 'BTC-USD', 'EUR-USD', 'BTC-USDT-PERP', 'AAPL']
    """
    name = _strip_vendor(str(text).strip()).upper()
    contract, share_class = _CONTRACT.fullmatch(name), _SHARE_CLASS.fullmatch(name)
    if contract:
        base, quote, settlement, expiry = contract.groups()
        symbol = f"{_asset(base)}-{_asset(quote)}-{expiry or 'PERP'}"
        symbol += "" if settlement == quote else f".{_asset(settlement)}"
    elif share_class:
        symbol = ".".join(share_class.groups())
    else:
        symbol = _perpetual(name) or _pair(name) or name
    if not _NORMAL_FORM.fullmatch(symbol) or len(symbol) > _MAX_LENGTH:
        raise _invalid(text)
    return symbol


def symbol_or_none(text: str) -> str | None:
    """Write a symbol in its normal form; None where `normalise_symbol` raises."""
    with suppress(BadInput):
        return normalise_symbol(text)
    return None


def find_symbol(text: str, known: Iterable[str]) -> str | None:
    """Find a symbol among known ones, under whichever name it is given; None if it is not there.

    Parameters
    ----------
    text : a known symbol as it is, or in any vendor's form.

    Raises
    ------
    BadInput : if several known symbols are the same market, and `text` is none of them as it is written.
    """
    known = sorted(set(known))
    if text in known:
        return text
    normal = symbol_or_none(text)
    if normal is None or normal in known:
        return normal
    found = [each for each in known if symbol_or_none(each) == normal]
    if len(found) > 1:
        raise BadInput(f"symbol {text!r} may be {' or '.join(found)}: write one of these")
    return found[0] if found else None


def file_name_of(symbol: str) -> str:
    """Write a symbol as a name that every file system and URL can hold; most symbols stay as they are.

    Other characters than letters, digits, ``-``, ``.`` and ``_`` are percent-encoded, and so is the first letter of a
    name that Windows keeps for a device, or a point at the end.

    Raises
    ------
    BadInput : if it holds a character that no symbol has.

    Examples
    --------
    >>> [file_name_of(symbol) for symbol in ("BTC-USD", "CL=F", "M&M.NS", "ES 03-24", "PRN")]
    ['BTC-USD', 'CL%3DF', 'M%26M.NS', 'ES%2003-24', '%50RN']
    """
    if not _NORMAL_FORM.fullmatch(symbol.upper()):
        raise _invalid(symbol)
    name = quote(symbol, safe="")
    if _DEVICES.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return f"{name[:-1]}%2E" if name.endswith(".") else name


def symbol_of_file_name(name: str) -> str:
    """Read a name that `file_name_of` wrote."""
    return unquote(name)


def perpetual(pair: str) -> str:
    """Return the perpetual of a pair as an exchange writes it; a name that is no pair is returned as it is.

    Quoted in dollars, it is settled in its base; quoted in a stable coin, in that coin. Bybit writes those in USDC as
    BTCPERP.

    Examples
    --------
    >>> [perpetual(pair) for pair in ("BTCUSDT", "XBTUSD", "BTCPERP", "BTCUSDH24")]
    ['BTC-USDT-PERP', 'BTC-USD-PERP.BTC', 'BTC-USDC-PERP', 'BTCUSDH24']
    """
    if pair.endswith("PERP") and len(pair) > len("PERP"):
        return f"{_asset(pair.removesuffix('PERP').strip('-_'))}-USDC-PERP"
    base, _, quote = (_pair(pair) or "").partition("-")
    return _perpetual_of(base, quote) if quote and "-" not in quote else pair


def same_pair(symbol: str, other: str) -> bool:
    """Tell whether one normal symbol is a pair, and the other a perpetual or a future of it."""
    pair, contract = sorted((symbol, other), key=lambda each: each.count("-"))
    base, _, quote = pair.partition("-")
    contract_base, _, rest = contract.partition("-")
    contract_quote, _, kind = rest.partition("-")
    if "-" in quote or not kind or base != contract_base:
        return False
    return quote == contract_quote or {quote, contract_quote} <= _DOLLARS


def same_market(symbol: str, other: str) -> bool:
    """Tell whether two normal symbols are equal, or the same base against two kinds of dollars."""
    if symbol == other:
        return True
    (base, _, quote), (other_base, _, other_quote) = symbol.partition("-"), other.partition("-")
    return base == other_base and {quote, other_quote} <= _DOLLARS


def pair_in_name(name: str) -> str | None:
    """Find the pair in the name of a file, such as ``BTC-USD`` in ``Bitstamp_BTCUSD_d.csv``; None unless it is unique.

    A name that also says so, as ``BTCUSD_PERP-1m.csv`` or ``BTCUSDT.P``, is that of the pair's perpetual.
    Only pairs are looked for: a word that could be a share's symbol is as often a vendor's name.
    """
    words = [_ALIASES.get(word, word) for word in re.split(r"[^A-Z0-9]+", name.upper())]
    pairs = {f"{base}-{quote}" for base, quote in pairwise(words) if {base, quote} <= _CURRENCIES}
    for word in words:
        # MetaTrader appends the timeframe to the pair: EURUSD60, EURUSDh1.
        with suppress(BadInput):
            forms = (word, word.rstrip("0123456789"), re.sub(r"[DHMW]\d+$", "", word))
            pairs |= {pair for pair in map(_split_pair, forms) if pair}
    if len(pairs) != 1:
        return None
    pair = pairs.pop()
    is_perpetual = bool(_PERPETUAL_WORDS & set(words)) or re.search(r"[A-Z]\.P\b", name.upper())
    return _perpetual_of(*pair.split("-")) if is_perpetual else pair


def _invalid(text: str) -> BadInput:
    return BadInput(f"symbol {str(text)!r} is not valid: use letters, digits and -._=&!:+#@, as in BTC-USD")


def _strip_vendor(name: str) -> str:
    bitfinex_perpetual = re.fullmatch(r"t([A-Z0-9]+)F0:([A-Z]+)F0", name)
    if bitfinex_perpetual:
        base, quote = bitfinex_perpetual.groups()
        quote = "USDT" if quote == "UST" else quote
        return f"{base}/{quote}:{quote}"
    if re.fullmatch(r"t[A-Z0-9]{2,}(:[A-Z0-9]{3,}|[A-Z]{3,})", name):  # Bitfinex
        pair = name[1:].replace(":", "/")
        return re.sub(r"UST$", "USDT", pair)
    if "/" not in name and re.fullmatch(r"[A-Za-z_]+:.+", name):  # TradingView: EXCHANGE:SYMBOL
        name = name.partition(":")[2]
    if name.upper().endswith("=X"):  # Yahoo
        name = name[:-2]
        return f"USD{name}" if len(name) == 3 else name
    return name.removeprefix("^")


def _pair(name: str) -> str | None:
    """Write a pair in its normal form; None if it is not a pair."""
    kraken = re.fullmatch(r"X([A-Z]{3})[XZ]([A-Z]{3})", name)
    if kraken and {_asset(kraken[1]), _asset(kraken[2])} <= _CURRENCIES:
        return f"{_asset(kraken[1])}-{_asset(kraken[2])}"
    dated = re.fullmatch(r"([A-Z0-9]+)_(\d{6})", name)
    if dated and _split_pair(dated[1]):
        return f"{_split_pair(dated[1])}-{dated[2]}"
    parts = re.split(r"[/_-]", name)
    if len(parts) == 2 and all(parts) and ("/" in name or _asset(parts[1]) in _CURRENCIES):
        return f"{_asset(parts[0])}-{_asset(parts[1])}"
    return _split_pair(name)


def _perpetual(name: str) -> str | None:
    """Write a perpetual in its normal form; None if it is not one.

    Raises
    ------
    BadInput : if it is ambiguous, as TradingView's BTCUSD.P, which is settled in dollars or in bitcoin.
    """
    swap = re.fullmatch(r"(\w+)-(\w+)-SWAP", name)  # OKX
    if swap:
        return _perpetual_of(_asset(swap[1]), _asset(swap[2]))
    deribit = re.fullmatch(r"([A-Z0-9]+)(?:_(USDC|USDT))?-PERPETUAL", name)
    if deribit:
        return _perpetual_of(_asset(deribit[1]), deribit[2] or "USD")
    kraken = re.fullmatch(r"P([FI])_([A-Z0-9]+)", name)
    written = kraken or re.fullmatch(r"([A-Z0-9]+)(_PERP|\.P)", name)  # Binance, TradingView
    pair = _split_pair(written[2 if kraken else 1]) if written else _kucoin_pair(name)
    if pair is None:
        return None
    base, _, quote = pair.partition("-")
    if kraken:
        return f"{pair}-PERP" if kraken[1] == "F" else _perpetual_of(base, quote)
    if written and written[2] == ".P" and quote == "USD":
        raise BadInput(f"symbol {name!r} may be {pair}-PERP or {pair}-PERP.{base}: write one of these")
    return _perpetual_of(base, quote)


def _kucoin_pair(name: str) -> str | None:
    found = re.fullmatch(r"([A-Z0-9]+)(USDT|USDC|USD)M", name)
    return f"{_asset(found[1])}-{found[2]}" if found and _asset(found[1]) in _COINS else None


def _perpetual_of(base: str, quote: str) -> str:
    return f"{base}-{quote}-PERP" + (f".{base}" if quote == "USD" else "")


def _split_pair(name: str) -> str | None:
    """Split a pair that is written without a separator; None if it is not a pair.

    Raises
    ------
    BadInput : if it is ambiguous, as FETUSD, which may be FET-USD or FE-TUSD.
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
        raise BadInput(f"symbol {name!r} may be {' or '.join(likely)}: write one of these")
    return likely[0] if likely else None


def _asset(name: str) -> str:
    return _ALIASES.get(name, name)
