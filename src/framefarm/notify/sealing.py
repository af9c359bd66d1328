"""Addresses encrypted at rest, with a key that is kept beside the database and not in it."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from framefarm.core.errors import FrameFarmError

KEY_FILE = "notify.key"


class SealError(FrameFarmError):
    """An address cannot be read: its key is another one, or cannot be read."""

    code = "seal"


class Seals:
    """Encrypts and decrypts with the key of a farm's folder, which is made when it is needed.

    Args:
        folder: The farm's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEY_FILE
        self._cipher: Fernet | None = None

    def seal(self, text: str) -> str:
        """Encrypt.

        Raises:
            SealError: The key can neither be read nor made.
        """
        return self._opened().encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Decrypt.

        Raises:
            SealError: It was sealed with another key.
        """
        try:
            return self._opened().decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealError(
                f"The address cannot be read: {self._path.name} is not the key it was sealed with. "
                "Remove the target and add it anew."
            ) from error

    def _opened(self) -> Fernet:
        if self._cipher is None:
            try:
                self._cipher = Fernet(self._key())
            except (OSError, ValueError) as error:
                raise SealError(f"{self._path} cannot be used: {error}") from error
        return self._cipher

    def _key(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return self._make()

    def _make(self) -> bytes:
        key = Fernet.generate_key()
        part = self._path.with_suffix(".part")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._path)
        return key
