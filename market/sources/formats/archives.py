"""What is inside a file: plain, gzip, or the one member of a zip, never larger than a stated limit."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from tradesieve.market.errors import BadInput

LIMIT = 512 * 2**20
"""Bytes that a packed file may hold: about ten years of one-minute bars as text."""
HEAD = 64 * 2**10
"""Bytes at the beginning of a file by which its vendor is recognised."""
_PACKED = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def read_head(path: Path) -> tuple[bytes, str]:
    """Return the first `HEAD` bytes of what is inside a file, and its name there.

    Raises
    ------
    BadInput : as `opened`.
    """
    with _stream(path) as (stream, name):
        return stream.read(HEAD), name


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open what is inside a file.

    Raises
    ------
    BadInput : if it cannot be opened, is cut short or damaged, is a zip of none or several files, is locked by a
        password, or holds more than `LIMIT` bytes. A size that a zip claims is not believed: the bytes are counted.
    """
    with _stream(path) as (stream, _):
        if not isinstance(stream, io.BufferedReader):
            content = stream.read(LIMIT + 1)
            if len(content) > LIMIT:
                raise BadInput(f"{path}: it unpacks to more than {LIMIT // 2**20} MiB, which is the limit")
            stream = cast(BinaryIO, io.BytesIO(content))
        yield stream


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text inside a file.

    Raises
    ------
    BadInput : as `opened`, or if it is no UTF-8 text.
    """
    try:
        with opened(path) as stream:
            return stream.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: this is no text that can be read: {error}") from error


def read_json(path: Path) -> Any:
    """Return the value of a JSON text inside a file.

    Raises
    ------
    BadInput : as `opened`, or if it is no JSON.
    """
    try:
        with opened(path) as stream:
            return json.load(stream)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: this is no JSON that can be read: {str(error).splitlines()[0]}") from error


@contextmanager
def _stream(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast(BinaryIO, unpacked), path.stem if path.suffix.lower() == ".gz" else path.name
            elif magic[:2] == b"PK":
                with zipfile.ZipFile(file) as archive, archive.open(_only_member(path, archive)) as member:
                    yield cast(BinaryIO, member), Path(member.name).name
            else:
                yield file, path.name
    except BadInput:
        raise
    except _PACKED as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise BadInput(f"{path}: cannot be read: {reason}") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    # HistData packs a report of its gaps beside the bars.
    tables = [member for member in members if not (member.filename.lower().endswith(".txt") and len(members) > 1)]
    if len(tables) != 1:
        raise BadInput(f"{path}: the zip holds {len(tables)} files, but one file of bars is expected")
    if tables[0].file_size > LIMIT:
        raise BadInput(f"{path}: it unpacks to more than {LIMIT // 2**20} MiB, which is the limit")
    return tables[0]


def first_lines(head: bytes) -> list[str]:
    """Split the beginning of a text into whole lines; none when it is no UTF-8 text."""
    text = head.decode("utf-8-sig", errors="ignore")
    if b"\x00" in head or "\n" not in text:
        return []
    return [line.strip() for line in text[: text.rindex("\n")].splitlines()]
