"""HistData: one-minute bars as ASCII in a zip, without header or volume, in a time zone that changes by year."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, drop_duplicates, ensure_sorted
from tradesieve.market.sources.vendors.semicolon_rows import ascii_frame, has_no_volume

# The vendor states New York's winter time all year. Measured against two other sources of the same bars, 2018 is New
# York time, and 2019 is five hours behind UTC with summer time on the dates of Europe, which is Paris time less six
# hours. {year: (zone, hours that the file is behind the zone)}
_MEASURED = {2018: ("America/New_York", 0), 2019: ("Europe/Paris", 6)}


def _recognises(head: bytes, name: str) -> bool:
    return has_no_volume(head) is True


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are opens.

    The time zone is the one measured for the year; for any other year the user must give it.
    """
    notes: list[str] = []
    frame, left_out = drop_duplicates(ascii_frame(path), notes)
    if options.stamps.timezone is not None:
        frame = ensure_sorted(frame, "time", notes)
        return VendorTable(frame, Stamps(meaning="open"), tuple(notes), left_out=left_out)
    years = frame["time"].dt.year
    for year in sorted(set(years)):
        if year not in _MEASURED:
            raise BadInput(
                f"{path}: the time zone of HistData files of {year} was not measured, and is not always the one that "
                "the vendor states; pass --timezone, such as America/New_York (with summer time) or Etc/GMT+5 (without)"
            ).proposing({"timezone": "America/New_York"}, {"timezone": "Etc/GMT+5"})
    parts = []
    for year in sorted(set(years)):
        zone, behind = _MEASURED[int(year)]
        local = frame["time"][years == year] + pd.Timedelta(hours=behind)
        notes.append(f"the time zone of {year} is {zone}{f' less {behind} hours' if behind else ''}, as measured")
        try:
            parts.append(local.dt.tz_localize(zone).dt.tz_convert("UTC"))
        except ValueError as error:
            raise BadInput(f"{path}: a time does not exist in {zone}: {str(error).partition(', try')[0]}") from error
    frame = ensure_sorted(frame.assign(time=pd.concat(parts)), "time", notes)
    return VendorTable(frame, Stamps(meaning="open"), tuple(notes), left_out=left_out)


HISTDATA = Vendor("HistData ASCII", _recognises, _read)
