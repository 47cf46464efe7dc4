"""Names that columns of bars have in files of many vendors and languages, to propose which column is which."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAMES = {
    "time": "gmt time|local time|date time|date/time|datetime|timestamp|time|day|"
    "datum|zeit|zeitpunkt|heure|fecha|hora|data|日期|时间|時間|交易日期|trade_date|日付|日時|날짜|дата|время|tarih",
    "open": "o|open|first|erster|eröffnung|eröffn|eroeffnung|ouverture|ouv|apertura|abertura|开盘|開盤|开盘价|始値|"
    "시가|откр|открытие|açılış",
    "high": "h|high|max|hoch|höchst|hoechst|plus haut|haut|máximo|maximo|máxima|maxima|massimo|最高|最高价|高値|고가|"
    "макс|максимум|yüksek",
    "low": "l|low|min|tief|tiefst|plus bas|bas|mínimo|minimo|mínima|minima|最低|最低价|安値|저가|мин|минимум|düşük",
    "close": "c|close|last|price|schluss|zuletzt|schlusskurs|letzter|dernier|clôture|cloture|clot|cierre|último|ultimo|"
    "chiusura|fechamento|收盘|收盤|收盘价|終値|종가|закрытие|цена|kapanış|şimdi",
    "volume": "v|volume|vol|volumen|volumes|成交量|出来高|거래량|объём|объем|hac",
}
"""Field: its names in lower case, without points, separated by bars: English, German, French, Spanish, Italian,
Portuguese, Chinese, Japanese, Korean, Russian and Turkish."""
_DATES = frozenset(["date", "datum", "fecha", "data", "日期", "交易日期", "trade_date", "日付", "дата", "tarih"])
_TIMES_OF_DAY = frozenset(["time", "zeit", "heure", "hora", "时间", "時間", "время"])


def proposed_columns(missing: Sequence[str], columns: Sequence[str]) -> list[dict[str, str | None]]:
    """Propose the option ``--columns`` that names the missing fields.

    Parameters
    ----------
    missing : fields of a bar that no column holds; a volume may stay missing.
    columns : the names that the table has.

    Returns
    -------
    One proposal for `TradesieveError.proposing`; none where a field has no column, or may be one of several.
    """
    found = {name: _column(name, columns) for name in missing}
    pairs = [f"{name}={column}" for name, column in found.items() if column is not None]
    unknown = [name for name, column in found.items() if column is None and name != "volume"]
    return [] if unknown or not pairs else [{"columns": ",".join(pairs)}]


def likely_volumes(columns: Sequence[str]) -> list[str]:
    """Return the columns that may hold a volume, by a name that is known for one or holds a part of it."""
    known = _NAMES["volume"].split("|")
    return [column for column in columns if "vol" in column.lower() or column.strip().lower().rstrip(".") in known]


def _column(name: str, columns: Sequence[str]) -> str | None:
    """Return the column whose whole name is known for a field, else the only one that has a word which is."""
    known = set(_NAMES.get(name, name).split("|"))
    plain = {column: column.strip().lower().rstrip(".") for column in columns}
    if name == "time":
        dates = [column for column in columns if plain[column] in _DATES]
        times = [column for column in columns if plain[column] in _TIMES_OF_DAY]
        if len(dates) == len(times) == 1:
            return f"{dates[0]}+{times[0]}"
        known |= _DATES
    whole = [column for column in columns if plain[column] in known]
    partly = [column for column in columns if known & set(re.findall(r"[^\W\d_]+", plain[column]))]
    return next((each[0] for each in (whole, partly) if len(each) == 1), None)
