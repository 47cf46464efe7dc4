"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from market.errors import BadInput


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file as it is.

    Raises
    ------
    BadInput : if it is not Parquet, is cut short, or cannot be opened.
    """
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadInput(f"{path}: this is no Parquet file that can be read: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
