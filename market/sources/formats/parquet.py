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
    layout : the layout that the user described.

    Returns
    -------
    The table, its columns named as `layout` says, and no notes.

    Raises
    ------
    BadInput : if it is not valid Parquet, cannot be opened, or does not match `layout`.
    """
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        whole = str(error).splitlines()[0].rstrip(".")
        reason = whole.partition(f"'{path}': ")[2] or whole  # the path is named already
        raise BadInput(
            f"{path}: not valid Parquet: {reason}; if it was cut short, copy or download it again"
        ) from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    return (layout or Layout()).apply(frame, name=str(path)), ()
