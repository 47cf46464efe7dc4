"""CSV files with a header line, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from market.errors import BadInput


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file as it is, its separator recognised from the header.

    Raises
    ------
    BadInput : if the file is empty, is no UTF-8 text, or a line has more fields than the header.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        if not header.strip():
            raise BadInput(f"{path}: the file is empty")
        separator = csv.Sniffer().sniff(header, delimiters=",;\t").delimiter
        frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput(f"{path}: this is no CSV file that can be read: {str(error).strip()}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first field for the name of the row then, and shifts every column.
        raise BadInput(f"{path}: its lines have more fields than its header; is there a separator at their ends?")
    return frame
