"""Signatures: who made an artifact, and that nobody has changed a byte of it since.

An installation signs by a key of its own (Ed25519), which it makes at its first artifact. What is signed is the
manifest, and with it the gate's verdict and the checksum of every other file. What another installation has signed is
refused until its key is admitted.

The folder of keys is that of ``TRADESIEVE_SIGNING_KEYS``, else ``keys`` in the state folder:

    signing.key   the secret key, which its owner alone may read
    signing.pub   the public key that belongs to it
    trusted       admitted public keys, one a line, and after each what it is
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.market.storage.files import atomic_write

KEYS_VARIABLE = "TRADESIEVE_SIGNING_KEYS"
SIGNATURE_FILE = "signature"

_SECRET, _PUBLIC, _TRUSTED = "signing.key", "signing.pub", "trusted"
_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(rb"ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})\n")
_PURPOSE = b"tradesieve artifact\n"
"""Precedes what is signed, so that a signature made for something else never counts."""
_AGAIN = "export the model again with `tradesieve model export`"


@dataclass(frozen=True)
class Keys:
    """The key of an installation, and those that it has admitted.

    Parameters
    ----------
    folder : see the module. It is created, with a key, when something is first signed.
    """

    folder: Path

    @property
    def public(self) -> str | None:
        """The installation's own public key; None before the first signature."""
        path = self.folder / _PUBLIC
        return _read(path).strip() if path.is_file() else None

    def trusted(self) -> dict[str, str]:
        """Return the trusted public keys, and what each is, the installation's own first."""
        path, own = self.folder / _TRUSTED, self.public
        lines = _read(path).splitlines() if path.is_file() else []
        admitted = {
            key: note.strip() for key, _, note in (line.partition(" ") for line in lines) if _KEY.fullmatch(key)
        }
        return ({} if own is None else {own: "this installation"}) | admitted

    def trust(self, key: str, note: str = "") -> None:
        """Admit a public key.

        Raises
        ------
        BadInput : if it is not a public key, or cannot be written down.
        """
        if not _KEY.fullmatch(key):
            raise BadInput(f"{key!r} is not a public key: 64 digits 0 to 9 and a to f")
        if key not in self.trusted():
            self._write(self._admitted() | {key: " ".join(note.split())})

    def remove(self, key: str) -> None:
        """Trust a key no longer.

        Raises
        ------
        Unknown : if it was not admitted.
        BadInput : if it is the installation's own.
        """
        if key == self.public:
            raise BadInput(f"{key} is the key of this installation, which trusts what it has signed itself")
        admitted = self._admitted()
        if key not in admitted:
            raise Unknown("admitted key", key, admitted)
        self._write({other: note for other, note in admitted.items() if other != key})

    def sign(self, content: bytes) -> bytes:
        """Return the text of a signature; the key is made if there is none.

        Raises
        ------
        BadInput : if the key cannot be read, or made.
        """
        key = self._secret()
        public = key.public_key().public_bytes_raw().hex()
        return f"ed25519 {public} {key.sign(_PURPOSE + content).hex()}\n".encode()

    def _secret(self) -> Ed25519PrivateKey:
        path = self.folder / _SECRET
        try:
            if not path.is_file():
                self._make(path)
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{path} is not a signing key that can be read or made ({error}): set {KEYS_VARIABLE} to a folder with "
                "one, or remove the file and export the models again"
            ) from error
        if self.public is None:
            with atomic_write(self.folder / _PUBLIC) as temporary:
                temporary.write_text(key.public_key().public_bytes_raw().hex() + "\n")
        return key

    def _make(self, path: Path) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.private_bytes_raw().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was first, whose key then is the one
        except FileExistsError:
            return
        finally:
            draft.unlink()

    def _admitted(self) -> dict[str, str]:
        return {key: note for key, note in self.trusted().items() if key != self.public}

    def _write(self, admitted: dict[str, str]) -> None:
        with atomic_write(self.folder / _TRUSTED) as temporary:
            temporary.write_text("".join(f"{key} {note}".rstrip() + "\n" for key, note in admitted.items()))


def installation_keys() -> Keys:
    """Return the keys of this installation."""
    given = os.environ.get(KEYS_VARIABLE)
    return Keys(Path(given or Path(os.environ.get("TRADESIEVE_HOME") or "var", "keys")).absolute())


def signer_of(folder: Path) -> str:
    """Return the public key that an artifact names as its signer's; whether it is, `require_signature` says.

    Raises
    ------
    BadInput : if the artifact is not signed, or its signature is damaged.
    """
    return _parsed(folder)[0]


def require_signature(folder: Path, content: bytes, keys: Keys) -> None:
    """Refuse an artifact that nobody trusted has signed as it is.

    Parameters
    ----------
    content : what is signed, the bytes of the manifest.

    Raises
    ------
    BadInput : if it is not signed, or has been changed since.
    Refused : if its signer is not trusted.
    """
    key, signature = _parsed(folder)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, _PURPOSE + content)
    except (InvalidSignature, ValueError):
        raise BadInput(f"{folder} has been changed since it was signed: {_AGAIN}") from None
    if key not in keys.trusted():
        raise Refused(
            f"{folder} is signed by {key}, whom this installation does not trust: if you would run that installation's "
            f"code, admit its key by `tradesieve model trust {key}`"
        )


def _parsed(folder: Path) -> tuple[str, bytes]:
    try:
        text = (folder / SIGNATURE_FILE).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{folder} is not signed: {_AGAIN}") from None
    except OSError as error:
        raise BadInput(f"{folder / SIGNATURE_FILE} cannot be read: {error.strerror}") from error
    match = _SIGNATURE.fullmatch(text)
    if match is None:
        raise BadInput(f"{folder / SIGNATURE_FILE} is not a signature, it was cut short or altered: {_AGAIN}")
    return match[1].decode(), bytes.fromhex(match[2].decode())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
