"""A real PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest


class Postgres:
    """A real PostgreSQL server of the tests' own, with a password, in a folder that vanishes with it."""

    user = "trader"
    password = "s3cr:t/p@ss"  # signs that a URL has to escape

    def __init__(self, binaries: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="tradesieve-postgres-"))
        atexit.register(self.stop)
        # The server refuses to run as root, who may run it as somebody else.
        account: dict[str, object] = {}
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            entry = names.get("postgres") or names["nobody"]
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        data = self.folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "cwd": self.folder, **account}
        made = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            self.user,
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
        ]
        subprocess.run([*made, "--locale=C", "--no-sync"], check=True, **quiet)  # type: ignore[call-overload]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(self.port), "-k", self.folder, "-c", "fsync=off",
             "-c", "listen_addresses=127.0.0.1"],
            stderr=self.log,
            preexec_fn=_quit_with_parent,
            **quiet,  # type: ignore[call-overload]
        )  # fmt: skip
        self._wait()

    def url(self, *, password: str | None = None, database: str = "postgres", port: int | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{self.user}:{secret}@127.0.0.1:{port or self.port}/{database}"

    def connect(self) -> Any:
        """Open a connection that commits by itself."""
        import psycopg

        return psycopg.connect(self.url(), autocommit=True, connect_timeout=5)

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}")
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL was not ready in 60 s")

    def stop(self) -> None:
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once, without a word to whoever is connected
            process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def _quit_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server; tests that need it are skipped where none is installed."""
    folders = [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *Path("/usr/lib/postgresql").glob("*/bin")]
    binaries = next(
        (folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None
    )
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: there is no initdb in PATH or in /usr/lib/postgresql")
    server = Postgres(binaries)
    yield server
    server.stop()
