"""Broken files of vendors: each gets one clear line, and nothing is read halfway."""

from __future__ import annotations

import gzip
import json
import re
import struct
import zipfile
from io import BytesIO

import pandas as pd
import pytest

from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.sources.formats import archives as contents_of
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe

STAMPS = pd.date_range("2024-01-10 15:00", periods=50, freq="min")
MILLISECONDS = [int(stamp.timestamp()) * 1000 for stamp in STAMPS]
KLINE = "{time},2,3,1,2.5,7,{end},1,1,1,1,0"
KLINES = [KLINE.format(time=time, end=time + 59_999) for time in MILLISECONDS]
HEADLESS = [f"{stamp:%Y%m%d %H%M%S};2;3;1;2.5;7" for stamp in STAMPS]
LEAN = [f"{stamp:%Y%m%d %H:%M},2.5,3.5,1.5,2.5,7" for stamp in STAMPS]
CDD = ["date,symbol,open,high,low,close,Volume BTC,Volume USD"]
CDD += [f"{stamp},BTC/USD,2,3,1,2.5,7,17.5" for stamp in STAMPS[::-1]]
META = [f"{stamp:%Y.%m.%d,%H:%M},2,3,1,2.5,7" for stamp in STAMPS]
POINTS = ["Date,open,high,low,close,tick_volume"] + [f"{stamp},2,3,1,2.5,7" for stamp in STAMPS]
PLAIN = ["time,open,high,low,close,volume"] + [f"{stamp},2,3,1,2.5,7" for stamp in STAMPS]
GERMAN = ["time;open;high;low;close;volume"] + [f"{stamp};2,5;3,5;1,5;2,5;7,5" for stamp in STAMPS]
CANDLES = [[time, 2, 2.5, 3, 1, 7] for time in MILLISECONDS]


def changed(rows: list[str], old: str, new: str, *, at: int = 20) -> str:
    assert old in rows[at]
    return "\n".join([*rows[:at], rows[at].replace(old, new, 1), *rows[at + 1 :]]) + "\n"


def zipped(*members: tuple[str, str]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return packed.getvalue()


TEXT = "\n".join(LEAN) + "\n"
PACKED = zipped(("eurusd.csv", TEXT))
DAMAGED = bytearray(PACKED)
DAMAGED[60] ^= 0xFF
LOCKED = bytearray(PACKED)
LOCKED[6] |= 1
LOCKED[PACKED.index(b"PK\x01\x02") + 8] |= 1
OANDA = {
    "instrument": "X",
    "candles": [{"time": "2024-01-10T15:00:00Z", "mid": {"o": "1", "h": "1", "l": "1", "c": "1"}}],
}
# name: (content, error, what its line says)
BROKEN: dict[str, tuple[bytes | str, type[Exception], str]] = {
    "zip cut in half": (PACKED[: len(PACKED) // 2], BadInput, "cannot be read"),
    "zip cut at its end": (PACKED[:-3], BadInput, "cannot be read"),
    "zip of four bytes": (b"PK\x03\x04", BadInput, "cannot be read"),
    "zip with a damaged byte": (bytes(DAMAGED), BadInput, "cannot be read"),
    "zip with a password": (bytes(LOCKED), BadInput, "cannot be read.*(encrypted|password)"),
    "zip of nothing": (zipped(), BadInput, "the zip holds 0 files"),
    "zip of two": (zipped(("a.csv", TEXT), ("b.csv", TEXT)), BadInput, "the zip holds 2 files"),
    "gzip cut in half": (gzip.compress(TEXT.encode())[:-40], BadInput, "cannot be read"),
    "gzip with bytes behind it": (gzip.compress(TEXT.encode()) + b"junk", BadInput, "cannot be read"),
    "feather cut short": (b"ARROW1\x00\x00" + bytes(40), BadInput, "not valid Feather"),
    "utf-16 klines cut within a letter": ("\n".join(KLINES).encode("utf-16")[:-1], BadInput, "not valid UTF-16"),
    "latin-1 in the middle": (changed(CDD, "BTC/USD", "caf\u00e9").encode("latin-1"), BadInput, "not valid"),
    "binary behind a good beginning": ("\n".join(HEADLESS[:30]).encode() + bytes(range(256)), BadInput, "."),
    "mixed separators, klines": (changed(KLINES, ",", ";"), (BadInput), "not (valid|a number|a valid)|is missing"),
    "mixed separators, NinjaTrader": (changed(HEADLESS, ";2;3;1;2.5;7", ",2,3,1,2.5,7"), BadInput, "row 20 has"),
    "mixed separators, MetaTrader": (changed(META, ",", "\t"), (BadInput), "row 20|not valid CSV"),
    "a row with a field more": (changed(LEAN, ",7", ",7,8"), BadInput, "not valid CSV"),
    "every row with a field more, klines": ("\n".join(f"{row},9" for row in KLINES), BadInput, "."),
    "price as text, klines": (changed(KLINES, "2.5", "two"), BadInput, "row 20 at .* has 'two' in column close"),
    "price as text, CryptoDataDownload": (changed(CDD, "2.5", "2,5"), BadInput, "not valid CSV|not a number"),
    "price as text, NinjaTrader": (changed(HEADLESS, "2.5", "2,5"), BadInput, "row 20 at .* has '2,5' in column close"),
    "price as text, ejtrader": (changed(POINTS, "2.5", "n/a?"), BadInput, "row 19 at .* has 'n/a\\?' in column close"),
    "price as text, Lean": (changed(LEAN, "3.5", "x"), BadInput, "row 20 at .* has 'x' in column high"),
    "volume as text": (changed(CDD, "7,17.5", "seven,17.5"), BadInput, "row 30 at .* has 'seven' in column volume"),
    "a time as text, klines": (changed(KLINES, str(MILLISECONDS[20]), "noon"), BadInput, "not a valid time"),
    "a time as text, MetaTrader": (changed(META, "2024.01.10", "yesterday"), BadInput, "row 20 has 'yesterday"),
    "a time as text, NinjaTrader": (changed(HEADLESS, "20240110 ", "20241310 "), BadInput, "row 20 has '20241310"),
    "two symbols": (changed(CDD, "BTC/USD", "ETH/USD"), BadInput, "column symbol holds 2 symbols, BTC/USD and ETH/USD"),
    "three symbols": (
        changed(changed(CDD, "BTC/USD", "ETH/USD").splitlines(), "BTC", "SOL", at=9),
        BadInput,
        "holds 3 symbols, BTC/USD and ETH/USD and more",
    ),
    "two symbols, generic": (
        "time,ticker,open,high,low,close,volume\n2024-01-10,A,1,1,1,1,1\n2024-01-10,B,1,1,1,1,1\n",
        BadInput,
        "column ticker holds 2 symbols, A and B",
    ),
    "zip cut in half, generic": (zipped(("bars.csv", "\n".join(PLAIN)))[:200], BadInput, "cannot be read"),
    "wrong encoding, generic": (
        changed(PLAIN, "7", "7\u00a0").encode("latin-1"),
        BadInput,
        "not valid CSV",
    ),
    "a row of semicolons, generic": (changed(PLAIN, ",2,3,1,2.5,7", ";2;3;1;2.5;7"), BadInput, "not a valid time"),
    "a row of commas, generic": (
        changed(GERMAN, ";2,5;3,5;1,5", ",2.5,3.5,1.5"),
        BadInput,
        "row 19 has '2026|row 19 has|is",
    ),
    "a separator too many, generic": (changed(PLAIN, ",7", ",7,"), BadInput, "not valid CSV"),
    "price as text, generic": (
        changed(PLAIN, "2.5", "$2.5"),
        BadInput,
        "row 19 at .* has '\\$2.5' in column close, which is no",
    ),
    "a decimal point among commas, generic": (
        changed(GERMAN, "3,5", "3.5"),
        BadInput,
        "row 0 at .* has .2,5. in column open",
    ),
    "only an address": ("https://www.CryptoDataDownload.com\n", BadInput, "not valid CSV"),
    "an address over another table": ("https://www.CryptoDataDownload.com\na,b\n1,2\n", BadInput, "found a, b"),
    "no rows, Yahoo": ("Date,Open,High,Low,Close,Adj Close,Volume\n", BadInput, "the table is empty"),
    "JSON cut short": (json.dumps(CANDLES)[:900], BadInput, "not valid JSON"),
    "JSON of ragged rows": (json.dumps(CANDLES)[:-1] + ",[1,2]]", BadInput, "candle 50 is .1, 2.; expected 6 values"),
    "JSON that nests without end": ("[" * 100_000, BadInput, "."),
    "OANDA with no candles": (json.dumps(OANDA | {"candles": []}) + ' "mid"', BadInput, "not valid JSON"),
    "OANDA with a price missing": (
        json.dumps({"candles": [*OANDA["candles"], {"time": "2024-01-10T15:01:00Z", "mid": {"o": "1"}}]}),
        BadInput,
        "candle 1 has no time, or no o, h, l and c",
    ),
    "OANDA with an empty list": ('{"mid": 1, "candles": []}', BadInput, "holds no candles"),
    "Coinbase with a text for a start": (
        '{"candles": [{"start": "noon", "low": "1", "high": "1", "open": "1", "close": "1", "volume": "1"}]}',
        BadInput,
        "candle 0 has no start in seconds",
    ),
    "Coinbase without a volume": (
        '{"candles": [{"start": "1700000040", "low": "1", "high": "1", "open": "1", "close": "1"}]}',
        BadInput,
        "no volume",
    ),
    "prices in points without a scale": ("\n".join(POINTS), BadInput, "pass --price-scale"),
    "Bitfinex in the order of others": (
        json.dumps([[time, 2, 3, 1, 2.5, 7] for time in MILLISECONDS[:40]] + [[MILLISECONDS[40], 2, 1, 3, 2.5, 7]]),
        BadInput,
        "are not supported|JSON in an unknown layout",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("suffix", [".csv", ".json", ".zip", ""])
def test_a_broken_file_gets_one_clear_line(tmp_path, name, suffix):
    content, kind, match = BROKEN[name]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    scale = 1000.0 if "ejtrader" in name else None
    with pytest.raises((BadInput, BadData)) as caught:
        read_file(path, symbol="BTC-USD", timeframe=parse_timeframe("1m"), price_scale=scale)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    assert line.startswith((str(path), "BTC-USD: row"))
    # A file of nobody is read by its suffix.
    if suffix == ".csv" or "generic" not in name:
        assert isinstance(caught.value, kind)
        assert re.search(match, line), line


@pytest.mark.parametrize(
    ("content", "row"),
    [
        pytest.param(changed(HEADLESS, ";1;2.5;7", ""), 20, id="a row cut short"),
        pytest.param(changed(LEAN, "3.5", "NaN"), 20, id="NaN in a price"),
        pytest.param(changed(CDD, "2,3,1,2.5,7,17.5", "NaN,NaN,NaN,NaN,NaN,NaN"), 30, id="NaN rows"),
        pytest.param(
            json.dumps([*CANDLES[:20], [MILLISECONDS[20], None, 2, 2, 2, 2], *CANDLES[21:]]), 20, id="null in JSON"
        ),
        pytest.param(changed(PLAIN, ",2.5,7", ""), 19, id="half a row, generic"),
        pytest.param(changed(PLAIN, "2,3,1,2.5,7", "NaN,NaN,NaN,NaN,NaN"), 19, id="NaN rows, generic"),
        pytest.param(changed(PLAIN, "2,3,1,2.5,7", ",,,,"), 19, id="an empty row, generic"),
    ],
)
def test_a_row_without_a_price_is_left_out(tmp_path, content, row):
    path = tmp_path / "file.csv"
    path.write_text(content)
    bars, notes = read_file(path, symbol="BTC-USD", timeframe=parse_timeframe("1m"))
    assert len(bars) in (48, 49)
    assert any(note.startswith(f"left out 1 row without a price: row {row} at 2024-01-10T") for note in notes)


def bomb(size: int) -> bytes:
    """A zip of spaces, whose directory says how large it is."""
    return zipped(("bars.csv", TEXT + " " * size))


def test_a_member_that_is_too_large_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(contents_of, "UNPACKED_LIMIT", 2**20)
    path = tmp_path / "bars.zip"
    path.write_bytes(bomb(2**20))
    assert path.stat().st_size < 5000
    with pytest.raises(BadInput, match="unpacks to more than 1 MiB, which is the limit"):
        read_file(path, symbol="X", timeframe=parse_timeframe("1m"))


@pytest.mark.parametrize("kind", ["zip", "gzip"])
def test_a_size_that_is_claimed_is_not_believed(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(contents_of, "UNPACKED_LIMIT", 2**20)
    path = tmp_path / "bars.download"
    if kind == "gzip":
        path.write_bytes(gzip.compress((TEXT + " " * 2**20).encode()))
        with pytest.raises(BadInput, match="unpacks to more than 1 MiB"):
            read_file(path, symbol="X", timeframe=parse_timeframe("1m"))
        return
    content = bytearray(bomb(2**20))
    directory = bytes(content).index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, len(TEXT))
    struct.pack_into("<I", content, 22, len(TEXT))
    path.write_bytes(bytes(content))
    with pytest.raises(BadInput, match=r"bars\.download: "):
        read_file(path, symbol="X", timeframe=parse_timeframe("1m"))


def test_the_limit_leaves_room_for_the_largest_real_files():
    assert contents_of.UNPACKED_LIMIT == 512 * 2**20


def test_nothing_but_a_clear_line_comes_of_a_file_cut_anywhere(tmp_path):
    whole = [PACKED, gzip.compress(TEXT.encode()), json.dumps(CANDLES).encode(), "\n".join(CDD).encode()]
    path, told = tmp_path / "file.csv", []
    for content in whole:
        for size in {*range(0, len(content), max(len(content) // 40, 1)), len(content) - 1}:
            path.write_bytes(content[:size])
            try:
                read_file(path, symbol="BTC-USD", timeframe=parse_timeframe("1m"))
            except (BadInput, BadData) as error:
                told.append(str(error))
            else:
                # Only text has no end of its own: cut at the end of a line, it is a shorter table.
                assert content is whole[-1], size
    assert len(told) > 100
    assert not any("\n" in line for line in told)
