"""The content of a file of trades: a table, a JSON value, or the rows of an HTML page, whatever packs it."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import UNPACKED_LIMIT, open_unpacked, read_head, read_text
from tradesieve.market.sources.formats.parquet import read_parquet
from tradesieve.strategies.imports.written_amounts import written_decimal


@dataclass(frozen=True)
class Content:
    """What a file holds: a `frame`, a `json` value, or the `pages` of an HTML file; the other two are None.

    Parameters
    ----------
    name : what errors call it.
    stem : the name of the file without folders and endings, for what it does not name.
    frame : a table; of a text file all cells are text, and names of columns are as written.
    json : the value of a JSON file.
    html : the rows of the tables of an HTML file, each a list of cells; hidden cells are left out.
    decimal : the decimal sign of text.
    metadata : of a Parquet file, under ``tradesieve``.
    """

    name: str
    stem: str
    frame: pd.DataFrame | None = None
    json: Any = None
    html: list[list[str]] | None = None
    decimal: str = "."
    metadata: dict[str, Any] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The table.

        Raises
        ------
        BadInput : if it holds none.
        """
        if self.frame is None:
            raise BadInput(f"{self.name}: holds no table")
        return self.frame

    def has_columns(self, *names: str) -> bool:
        """Tell whether it is a table with all these columns; letter case and outer spaces do not matter."""
        return self.frame is not None and set(names) <= {str(name).strip().lower() for name in self.frame.columns}


METADATA = b"tradesieve"
"""The key of what tradesieve writes into the metadata of Parquet files of trades."""


def open_content(path: Path) -> Content:
    """Read a file, or a folder of Parquet files.

    Raises
    ------
    BadInput : if it is missing, cannot be read, or is of an unknown kind.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise BadInput(f"{path}: file not found")
    stem = path.name.partition(".")[0]
    if zipfile.is_zipfile(path):
        packed = _json_members(path)
        if packed is not None:
            return Content(str(path), stem, json=packed)
    head = read_head(path)[0]
    if head[:4] == b"PAR1":
        frame, _ = read_parquet(path)
        return Content(str(path), stem, frame=frame, metadata=_metadata(path))
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start[:1] in (b"{", b"["):
        return Content(str(path), stem, json=_parsed(read_text(path), str(path)))
    if start[:1] == b"<":
        return Content(str(path), stem, html=_html_rows(read_text(path)))
    return _text_table(path, stem)


def _folder(path: Path) -> Content:
    parts = sorted(path.rglob("*.parquet"))
    if not parts:
        raise BadInput(f"{path}: holds no Parquet file; name a file, or a folder that trades generate --output wrote")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a set of Parquet files of one kind: {str(error).splitlines()[0]}") from error
    written = [each for part in parts if (each := _metadata(part)) is not None]
    instances = [name for each in written for name in each["instances"]]
    stated = {"period": written[0]["period"], "instances": instances} if written else None
    return Content(str(path), path.name, frame=frame, metadata=stated)


def _metadata(path: Path) -> dict[str, Any] | None:
    written = (pq.read_schema(path).metadata or {}).get(METADATA)
    return None if written is None else json.loads(written)


def _json_members(path: Path) -> list[Any] | None:
    """Return the JSON values that a zip holds; None if it holds a single file, which is read like any other."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) < 2:
            return None
        wanted = [member for member in members if member.filename.lower().endswith(".json")]
        if not wanted:
            raise BadInput(f"{path}: the zip holds {len(members)} files, none of them JSON; name the one with trades")
        found = []
        for member in wanted:
            with archive.open(member) as stream:
                content = stream.read(UNPACKED_LIMIT + 1)
            if len(content) > UNPACKED_LIMIT:
                raise BadInput(f"{path}: {member.filename} unpacks to more than {UNPACKED_LIMIT // 2**20} MiB")
            found.append(_parsed(content.decode("utf-8-sig", errors="replace"), f"{path}/{member.filename}"))
        return found


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name}: not valid JSON: {str(error).splitlines()[0]}") from error


def _text_table(path: Path, stem: str) -> Content:
    with open_unpacked(path) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first = text.lstrip().partition("\n")[0]
    if "\x00" in text[:4096] or not first.strip():
        raise BadInput(f"{path}: is empty, or not a table, JSON or HTML")
    separator = max(",;\t|", key=lambda sign: first.count(sign))
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False, skipinitialspace=True
        )
    except (csv.Error, ValueError) as error:
        raise BadInput(f"{path}: not valid CSV: {str(error).strip().splitlines()[0]}") from error
    return Content(str(path), stem, frame=frame, decimal=written_decimal(frame, separator))


class _Rows(html.parser.HTMLParser):
    """Collects the cells of every table row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._cell, self._hidden = [], dict(attrs).get("class") == "hidden"

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            if self.rows and not self._hidden:
                self.rows[-1].append("".join(self._cell).strip())
            self._cell = None


def _html_rows(text: str) -> list[list[str]]:
    parser = _Rows()
    parser.feed(text)
    return [row for row in parser.rows if row]
