"""CSV files with a header line, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from market.errors import BadInput
from market.sources.contents import opened


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file as it is, its separator recognised from the header.

    Raises
    ------
    BadInput : if the file is empty, is no UTF-8 text, or a line has more fields than the header.
    """
    try:
        with opened(path) as file:
            header = file.readline().decode("utf-8-sig")
            if not header.strip():
                raise BadInput(f"{path}: the file is empty")
            separator = csv.Sniffer().sniff(header, delimiters=",;\t").delimiter
            file.seek(0)
            frame = pd.read_csv(file, sep=separator, encoding="utf-8-sig", low_memory=False)
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{path}: this is no CSV file that can be read: {reason}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first field for the name of the row then, and shifts every column.
        raise BadInput(f"{path}: its lines have more fields than its header; is there a separator at their ends?")
    return frame
