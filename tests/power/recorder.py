"""Writes down everything that SQLite and Python do to the files of one folder, by a layer in SQLite's own VFS.

SQLite reaches its disk through a table of functions (`sqlite3_vfs`, `sqlite3_io_methods`: https://sqlite.org/vfs.html).
The layer is registered in the very library that Python's `sqlite3` uses, calls the real functions and notes what they
did. No compiler, no root and no package is needed. The index of the log (`-shm`) is not noted: it is memory only, made
anew from the log after a crash. Syncs of a folder are seen where SQLite opens one for that purpose.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p, cast
from pathlib import Path
from typing import Any

import pytest

from tests.power.disk import Change, Create, Rename, Sync, SyncFolder, Told, Truncate, Unlink, Write

_IO_ERROR = 10
_OK = 0
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_OPEN_FOLDER = CFUNCTYPE(c_int, c_char_p, c_void_p)


class _Vfs(Structure):
    _fields_ = [
        ("version", c_int), ("file_size", c_int), ("longest_path", c_int), ("next", c_void_p), ("name", c_char_p),
        ("app", c_void_p), ("open", c_void_p), ("delete", c_void_p), ("access", c_void_p), ("full_path", c_void_p),
        ("dl_open", c_void_p), ("dl_error", c_void_p), ("dl_sym", c_void_p), ("dl_close", c_void_p),
        ("randomness", c_void_p), ("sleep", c_void_p), ("time", c_void_p), ("last_error", c_void_p),
        ("time_64", c_void_p), ("set_call", c_void_p), ("get_call", c_void_p), ("next_call", c_void_p),
    ]  # fmt: skip


class _Methods(Structure):
    _fields_ = [
        ("version", c_int), ("close", c_void_p), ("read", c_void_p), ("write", c_void_p), ("truncate", c_void_p),
        ("sync", c_void_p), ("size", c_void_p), ("lock", c_void_p), ("unlock", c_void_p), ("reserved", c_void_p),
        ("control", c_void_p), ("sector", c_void_p), ("device", c_void_p), ("shm_map", c_void_p),
        ("shm_lock", c_void_p), ("shm_barrier", c_void_p), ("shm_unmap", c_void_p), ("fetch", c_void_p),
        ("unfetch", c_void_p),
    ]  # fmt: skip


class _OpenFile(Structure):
    _fields_ = [("methods", POINTER(_Methods))]


def load_sqlite() -> ctypes.CDLL | None:
    """Return the SQLite library of this Python, None when its functions cannot be reached."""
    library = ctypes.CDLL(_sqlite3.__file__) if getattr(_sqlite3, "__file__", None) else ctypes.CDLL(None)
    try:
        library.sqlite3_libversion.restype = c_char_p
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        is_ours = library.sqlite3_libversion().decode() == sqlite3.sqlite_version
    except AttributeError:
        return None
    return library if is_ours else None


class Recorder:
    """The changes of one folder so far. `told` is called by the test when the product has promised something."""

    def __init__(self, library: ctypes.CDLL, folder: Path) -> None:
        """Prepare the layer; it is in force inside `watching`."""
        self.changes: list[Change] = []
        self.failures: list[BaseException] = []
        self._library = library
        self._folder = folder
        self._numbers = {name: -n for n, name in enumerate(sorted(path.name for path in folder.iterdir()), start=1)}
        self._next = 1
        self._open: dict[int, int] = {}
        self._layers: dict[int, tuple[_Methods, _Methods]] = {}
        self._has_opened_folder = False
        self._real = library.sqlite3_vfs_find(None).contents
        self._kept: list[Any] = []
        self._vfs = _Vfs.from_buffer_copy(self._real)
        self._vfs.name = b"power-cut"
        self._vfs.open = self._keep(_OPEN, self._on_open)
        self._vfs.delete = self._keep(_DELETE, self._on_delete)
        self._ours = {
            "close": self._keep(_CLOSE, self._on_close),
            "write": self._keep(_WRITE, self._on_write),
            "truncate": self._keep(_TRUNCATE, self._on_truncate),
            "sync": self._keep(_SYNC, self._on_sync),
        }

    def told(self, step: int) -> None:
        """Note that the product has promised the first `step` steps."""
        self.changes.append(Told(step=step))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is done inside; every connection must be opened and closed in here."""
        set_call = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)(self._real.set_call)
        get_call = CFUNCTYPE(c_void_p, c_void_p, c_char_p)(self._real.get_call)
        real_open_folder = _OPEN_FOLDER(get_call(None, b"openDirectory"))

        def on_open_folder(name: bytes, handle: int) -> int:
            self._has_opened_folder = True
            return int(real_open_folder(name, handle))

        if self._library.sqlite3_vfs_register(byref(self._vfs), 1) != _OK:
            raise RuntimeError("SQLite does not take the layer")
        set_call(byref(self._real), b"openDirectory", self._keep(_OPEN_FOLDER, on_open_folder))
        try:
            with _calls_of_python(self):
                yield
        finally:
            set_call(byref(self._real), b"openDirectory", None)
            self._library.sqlite3_vfs_unregister(byref(self._vfs))
            if self._open:
                # a failed test left a connection open: what SQLite calls when it is collected must still be there
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        if self.failures or self._open:
            raise RuntimeError(f"recording is not whole: {self.failures}, {len(self._open)} files left open")

    def renamed(self, old: Path, new: Path) -> None:
        """Note a rename by Python, when it is of a file that is watched."""
        if old.parent == self._folder and old.name in self._numbers:
            self._numbers[new.name] = self._numbers.pop(old.name)
            self.changes.append(Rename(old=old.name, new=new.name))

    def removed(self, path: Path) -> None:
        """Note that Python or SQLite removed a name."""
        if path.parent == self._folder and self._numbers.pop(path.name, None) is not None:
            self.changes.append(Unlink(name=path.name))

    def synced(self, path: Path) -> None:
        """Note that Python synced the folder or a file in it; what was written to the file is noted only now.

        A ballast is left out: it is large, and whether it is there after a cut does not matter.
        """
        if path == self._folder:
            self.changes.append(SyncFolder())
        elif path.parent == self._folder and ".ballast" not in path.name:
            file = self._number(path, is_new=False)
            self.changes += [Write(file=file, offset=0, content=path.read_bytes()), Sync(file=file)]

    def _keep(self, kind: Any, function: Callable[..., int]) -> int | None:
        """Return the address of a function for SQLite; what goes wrong in it is an I/O error there and told here."""

        def guarded(*values: Any) -> int:
            try:
                return function(*values)
            except BaseException as error:  # noqa: BLE001 - nothing may leave a callback of C
                self.failures.append(error)
                return _IO_ERROR

        callback = kind(guarded)
        self._kept.append(callback)
        return cast(callback, c_void_p).value

    def _on_open(self, _vfs: int, name: int, file: int, flags: int, out: int) -> int:
        path = Path(os.fsdecode(ctypes.string_at(name)) if name else "")
        is_new = not path.exists()
        result = int(_OPEN(self._real.open)(ctypes.addressof(self._real), name, file, flags, out))
        if result == _OK and path.parent == self._folder:
            self._open[file] = self._number(path, is_new=is_new)
            self._lay_over(file)
        return result

    def _number(self, path: Path, *, is_new: bool) -> int:
        if is_new or path.name not in self._numbers:
            self._numbers[path.name] = self._next
            self._next += 1
            self.changes.append(Create(name=path.name, file=self._numbers[path.name]))
        return self._numbers[path.name]

    def _lay_over(self, file: int) -> None:
        pointer = cast(file, POINTER(_OpenFile)).contents
        address = ctypes.addressof(pointer.methods.contents)
        if address not in self._layers:
            layer = _Methods.from_buffer_copy(pointer.methods.contents)
            for name, function in self._ours.items():
                setattr(layer, name, function)
            self._layers[address] = layer, pointer.methods.contents
        layer, _ = self._layers[address]
        pointer.methods = ctypes.pointer(layer)

    def _under(self, file: int) -> _Methods:
        layer = ctypes.addressof(cast(file, POINTER(_OpenFile)).contents.methods.contents)
        return next(real for ours, real in self._layers.values() if ctypes.addressof(ours) == layer)

    def _on_close(self, file: int) -> int:
        result = int(_CLOSE(self._under(file).close)(file))
        self._open.pop(file)
        return result

    def _on_write(self, file: int, content: int, size: int, offset: int) -> int:
        result = int(_WRITE(self._under(file).write)(file, content, size, offset))
        if result == _OK:
            self.changes.append(Write(file=self._open[file], offset=offset, content=ctypes.string_at(content, size)))
        return result

    def _on_truncate(self, file: int, size: int) -> int:
        result = int(_TRUNCATE(self._under(file).truncate)(file, size))
        if result == _OK:
            self.changes.append(Truncate(file=self._open[file], size=size))
        return result

    def _on_sync(self, file: int, flags: int) -> int:
        self._has_opened_folder = False
        result = int(_SYNC(self._under(file).sync)(file, flags))
        if result == _OK:
            self.changes.append(Sync(file=self._open[file]))
        if self._has_opened_folder:
            self.changes.append(SyncFolder())
        return result

    def _on_delete(self, _vfs: int, name: int, sync_folder: int) -> int:
        self._has_opened_folder = False
        result = int(_DELETE(self._real.delete)(ctypes.addressof(self._real), name, sync_folder))
        if result == _OK:
            self.removed(Path(os.fsdecode(ctypes.string_at(name))))
        if self._has_opened_folder:
            self.changes.append(SyncFolder())
        return result


@contextmanager
def _calls_of_python(recorder: Recorder) -> Iterator[None]:
    """Note renames, removals and syncs of folders that the product does without SQLite."""
    real_rename, real_unlink, real_fsync = os.rename, os.unlink, os.fsync

    def rename(old: Any, new: Any, **options: Any) -> None:
        real_rename(old, new, **options)
        recorder.renamed(Path(old), Path(new))

    def unlink(path: Any, **options: Any) -> None:
        real_unlink(path, **options)
        recorder.removed(Path(path))

    def fsync(handle: Any) -> None:
        real_fsync(handle)
        recorder.synced(Path(f"/proc/self/fd/{handle}").resolve())

    with pytest.MonkeyPatch.context() as patch:
        for function in (rename, unlink, fsync):
            patch.setattr(os, function.__name__, function)
        yield
