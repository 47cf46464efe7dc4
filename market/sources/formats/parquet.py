"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.layout import Layout


def read_parquet(path: Path, layout: Layout | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a Parquet file.

    Parameters
    ----------
    layout : what was said about the file.

    Returns
    -------
    The table, its columns named as `layout` says, and nothing to say about it.

    Raises
    ------
    BadInput : if it is not Parquet, is cut short, or cannot be opened, or is not laid out as was said.
    """
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadInput(f"{path}: this is no Parquet file that can be read: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    return (layout or Layout()).applied(frame, name=str(path)), ()
