"""Numbers as people write them, and tables without a volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tradesieve.market.bars import PRICES, VALUES, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

MINUTE, DAY = parse_timeframe("1m"), parse_timeframe("1d")
SMALL = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:300]
LARGE = {name: getattr(SMALL, name) * 4096 for name in VALUES}
BARS = Bars("BTC-USD", MINUTE, close_time=SMALL.close_time, **LARGE)


def thousands(value: float) -> str:
    whole, _, fraction = repr(value).partition(".")
    return f"{int(whole):,}.{fraction}"


def suffixed(value: float) -> str:
    """Move the point of a shortest decimal by three or six places, which loses no bit."""
    places, suffix = (6, "M") if value >= 1e6 else (3, "K")
    whole, _, fraction = repr(value).partition(".")
    whole = whole.zfill(places + 1)
    return f"{whole[:-places]}.{whole[-places:]}{fraction}{suffix}"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "form", [thousands, lambda value: "$" + thousands(value), suffixed, lambda value: f"€{value!r}"]
)
def test_numbers_as_people_write_them_are_exact(tmp_path: Path, separator: str, form: Callable[[float], str]) -> None:
    frame = pd.DataFrame({"time": pd.to_datetime(BARS.open_time)})
    for name in VALUES:
        frame[name] = [form(value) for value in getattr(BARS, name).tolist()]
    frame.to_csv(tmp_path / "a.csv", index=False, sep=separator)
    bars, notes = read_file(tmp_path / "a.csv", symbol="BTC-USD", timeframe=MINUTE)
    assert bars.fingerprint == BARS.fingerprint
    assert [note.partition(" holds")[0] for note in notes if " holds " in note] == [f"column {name}" for name in VALUES]


def test_a_comma_that_may_be_either_has_to_be_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('time,open,high,low,close,volume\n2024-03-04,"2,000","3,000","1,000","2,500",7\n')
    with pytest.raises(
        BadInput, match=r"column open holds '2,000', whose comma may be a decimal sign: pass --decimal \."
    ):
        read_file(path, symbol="X", timeframe=DAY)
    for decimal, close in ((".", 2500.0), (",", 2.5)):
        assert read_file(path, symbol="X", timeframe=DAY, layout=Layout(decimal=decimal))[0].close[0] == close


def test_a_currency_of_one_cell_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,open,high,low,close,volume\n2024-03-04,1,3,1,$2,7\n2024-03-05,1,3,1,2,7\n")
    with pytest.raises(BadInput, match=r"row 0 at .* has '\$2' in column close, which is not a number"):
        read_file(path, symbol="X", timeframe=DAY)


@pytest.mark.parametrize("mark", ["-", "--", "\u2014", "."])
@pytest.mark.parametrize("volume", ["68.5K", "1,234.5", "7"])
def test_a_dash_is_a_missing_value(tmp_path: Path, mark: str, volume: str) -> None:
    path = tmp_path / "a.csv"
    rows = (f'2024-03-04,1,3,1,2,"{volume}"', f"2024-03-05,1,3,1,2,{mark}", f"2024-03-06,1,3,1,{mark},5")
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    bars, notes = read_file(path, symbol="X", timeframe=DAY)
    assert bars.volume.tolist() == [{"68.5K": 68500.0, "1,234.5": 1234.5, "7": 7.0}[volume], 0.0]
    assert any("1 row without a volume, stored as 0: row 1" in note for note in notes)
    assert any("left out 1 row without a price: row 2" in note for note in notes)


def test_rows_with_a_cell_that_is_no_number_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "time,open,high,low,close,volume\n2024-03-06,1,3,1,2,7\n2024-03-05,1,halt,1,2,7\n2024-03-04,1,3,1,2,7\n"
    )
    with pytest.raises(BadInput, match=r"row 1 at .* has 'halt' in column high, which is not a number"):
        read_file(path, symbol="X", timeframe=DAY)
    bars, notes = read_file(path, symbol="X", timeframe=DAY, bad_rows="drop")
    assert len(bars) == 2
    assert "left out 1 row with a cell that is not a number: row 1 at 2024-03-06T00:00:00Z" in notes


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_without_a_volume_is_read_and_said(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({name: getattr(BARS, name) for name in PRICES}).assign(time=pd.to_datetime(BARS.open_time))
    path = tmp_path / f"a.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    bars, notes = read_file(path, symbol="BTC-USD", timeframe=MINUTE)
    assert (bars.close.tolist(), bars.volume.any()) == (BARS.close.tolist(), False)
    assert "no column volume: stored as 0, so factors of volume are refused" in notes


def test_a_column_that_may_be_the_volume_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,open,high,low,close,Vol.\n2024-03-04,1,3,1,2,7.5K\n")
    with pytest.raises(BadInput, match=r"no column volume, but 'vol\.': pass --columns volume='vol\.', or volume= for"):
        read_file(path, symbol="X", timeframe=DAY)
    for column, volume in (("vol.", 7500.0), ("", 0.0)):
        layout = Layout(columns={"volume": column})
        assert read_file(path, symbol="X", timeframe=DAY, layout=layout)[0].volume[0] == volume


def test_the_published_shapes_are_read(shared_data: Path) -> None:
    formats = shared_data / "formats"
    bars, _ = read_file(formats / "thousands.csv", symbol="X", timeframe=DAY)
    assert (bars.open[0], bars.close[0], bars.volume[0]) == (16800.0, 16746.53, 17400.0)
    bars, _ = read_file(formats / "nse.csv", symbol="X", timeframe=DAY, layout=Layout(time_format="%d-%b-%Y"))
    assert (len(bars), bars.open[0], bars.volume[0]) == (60, 1100.0, 877_000.0)
    bars, notes = read_file(formats / "tradingview_iso.csv", symbol="X", timeframe=MINUTE)
    assert len(bars) == 60
    assert "no column volume: stored as 0, so factors of volume are refused" in notes
