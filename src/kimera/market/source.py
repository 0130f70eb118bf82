"""Files as streams of bytes: plain, gzip, zstandard, or members of a zip, read in chunks."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from kimera.errors import FormatError, InputError, MissingExtraError

__all__ = ["CHUNK_BYTES", "Source"]

CHUNK_BYTES: Final = 1 << 20
"""How much is read at once [bytes]."""
_HEAD_BYTES: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZIP: Final = b"PK\x03\x04"
# What the standard library raises on a damaged zip, its directory or one of its files.
_ZIP_DAMAGE: Final = (
    zipfile.BadZipFile,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


class Source:
    """One input file, whatever it is packed in.

    Parameters
    ----------
    path : str or Path
        A file, or a folder (a journal is one).

    Attributes
    ----------
    name : str
        File name in lower case without the suffix of its packing (``.gz``, ``.zst``).
    packing : str
        ``"plain"``, ``"gzip"``, ``"zstd"``, ``"zip"`` or ``"folder"``.

    Raises
    ------
    InputError
        If there is no such file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.packing = self._packing()
        name = self.path.name.lower()
        suffix = {"gzip": ".gz", "zstd": ".zst"}.get(self.packing, "")
        self.name = name.removesuffix(suffix)

    def __str__(self) -> str:
        return str(self.path)

    def _packing(self) -> str:
        if self.path.is_dir():
            return "folder"
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{self.path}: cannot be read: {reason}") from error
        if magic[:2] == _GZIP:
            return "gzip"
        if magic == _ZSTD:
            return "zstd"
        return "zip" if magic == _ZIP else "plain"

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names of the files in a zip; empty for everything else."""
        if self.packing != "zip":
            return ()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return tuple(archive.namelist())
        except _ZIP_DAMAGE as error:
            found = " ".join(str(error).split())
            raise FormatError(str(self), "the zip directory", "a whole zip", found) from error

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB after unpacking (of the first member of a zip), less if cut off."""
        if self.packing == "folder":
            return b""
        member = self.members[0] if self.members else None
        try:
            return next(self.chunks(_HEAD_BYTES, member=member), b"")
        except FormatError:
            return b""

    def chunks(self, n_bytes: int = CHUNK_BYTES, *, member: str | None = None) -> Iterator[bytes]:
        """Read the unpacked bytes in pieces.

        Parameters
        ----------
        n_bytes : int
            Largest piece [bytes].
        member : str, optional
            Which file of a zip.

        Yields
        ------
        bytes
            Never empty.

        Raises
        ------
        FormatError
            If the packing ends too early or is damaged. What came before was yielded.
        """
        held: list[bytes] = []
        size, damage = 0, None
        try:
            for piece in self._pieces(n_bytes, member):
                if size + len(piece) > n_bytes:
                    yield b"".join(held)
                    held, size = [], 0
                held.append(piece)
                size += len(piece)
        except FormatError as error:
            damage = error
        if held:
            yield b"".join(held)
        if damage is not None:
            raise damage

    def _pieces(self, n_bytes: int, member: str | None) -> Iterator[bytes]:
        """Read as little at a time as the packing allows, so that damage costs nothing before."""
        done = 0
        try:
            with self._open(member) as stream:
                # read1 where there is one: a read of many blocks loses those before the damage.
                read = getattr(stream, "read1", stream.read)
                while piece := read(n_bytes):
                    done += len(piece)
                    yield piece
        except gzip.BadGzipFile as error:
            self._damaged(done, str(error), error)
        except OSError as error:
            self._damaged(done, error.strerror or str(error), error)
        except (EOFError, zlib.error, *_ZIP_DAMAGE) as error:
            self._damaged(done, str(error), error)
        except Exception as error:
            # zstandard's error class cannot be named here without importing the extra.
            if type(error).__name__ != "ZstdError":
                raise
            self._damaged(done, str(error), error)

    def _damaged(self, done: int, found: str, cause: Exception) -> None:
        where = f"offset {done} (unpacked)"
        raise FormatError(
            str(self), where, f"the rest of the {self.packing} data", found
        ) from cause

    def _open(self, member: str | None) -> IO[bytes]:
        if self.packing == "gzip":
            return gzip.open(self.path, "rb")  # type: ignore[return-value]
        if self.packing == "zstd":
            return _Zstd(self.path)  # type: ignore[return-value]
        if self.packing == "zip":
            return _Member(self.path, member or self.members[0])  # type: ignore[return-value]
        return self.path.open("rb")


class _Zstd:
    """A zstandard stream that says so when its last frame is cut off."""

    def __init__(self, path: Path) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtraError("data", "zstandard") from error
        self._file = path.open("rb")
        self._new = zstandard.ZstdDecompressor
        self._frame: Any = self._new().decompressobj()
        self._rest = b""

    def __enter__(self) -> _Zstd:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, n_bytes: int) -> bytes:
        while not self._rest:
            packed = self._file.read(max(n_bytes // 8, 4096))
            if not packed:
                if not self._frame.eof:
                    raise EOFError("end of file")
                return b""
            self._rest = self._unpack(packed)
        piece, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return piece

    def _unpack(self, packed: bytes) -> bytes:
        out = []
        while packed:
            if self._frame.eof:
                self._frame = self._new().decompressobj()
            out.append(self._frame.decompress(packed))
            packed = self._frame.unused_data if self._frame.eof else b""
        return b"".join(out)


class _Member:
    """One file of a zip; closes the archive with it."""

    def __init__(self, path: Path, member: str) -> None:
        self._archive = zipfile.ZipFile(path)
        try:
            self._file = self._archive.open(member)
        except KeyError:
            self._archive.close()
            raise FormatError(str(path), "the zip directory", member, "no such file") from None

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._archive.close()

    def read1(self, n_bytes: int) -> bytes:
        piece: bytes = self._file.read1(n_bytes)  # type: ignore[attr-defined]
        return piece

    def read(self, n_bytes: int) -> bytes:
        return self._file.read(n_bytes)
