"""The Python that runs inside the sandbox: this process's own, at its own path.

Reads the interpreter's files. Where the user inside the sandbox could not read them (root's pyenv,
conda or uv below /root), writes a copy that everybody can read, once per machine and interpreter:
about 80 MB below /var/cache.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LIBRARY = Path(os.path.realpath(os.__file__)).parent
_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_LEFT_OUT = shutil.ignore_patterns(
    *("site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3"),
    *("ensurepip", "pydoc_data", "config-*", "*.a", "*.opt-?.pyc"),
)


@dataclass(frozen=True)
class Python:
    """An interpreter: its installation as the sandbox sees it, and where its files really are."""

    prefix: str
    files: str

    @property
    def program(self) -> str:
        """The interpreter's path inside the sandbox."""
        return f"{self.prefix}/bin/{_NAME}"


@functools.cache
def python_for(*, everybody: bool) -> Python:
    """The interpreter, in files that this user, or ``everybody``, can read; raises OSError."""
    prefix = os.path.realpath(sys.base_prefix)
    if not everybody or _readable_by_all(Path(prefix)):
        return Python(prefix, prefix)
    return Python(prefix, str(_copy(Path(prefix))))


def _readable_by_all(prefix: Path) -> bool:
    to_read = [prefix / "bin" / _NAME, _LIBRARY, _LIBRARY / "os.py"]
    to_pass = {folder for path in to_read for folder in path.resolve().parents}
    return all(_mode(path) & stat.S_IROTH for path in to_read) and all(
        _mode(folder) & stat.S_IXOTH for folder in to_pass
    )


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _copy(prefix: Path) -> Path:
    """A copy of the interpreter and its standard library, made whole or not at all."""
    made = (prefix / "bin" / _NAME).stat().st_mtime_ns
    digest = hashlib.sha256(f"{prefix}\n{sys.version}\n{made}".encode()).hexdigest()[:16]
    # Not first in /tmp: what cleans it removes the files that are rarely read, one by one.
    places = [Path("/var/cache"), Path(tempfile.gettempdir())]
    place = next((place for place in places if os.access(place, os.W_OK)), places[-1])
    final = place / f"webscale-python-{digest}"
    if not final.exists():
        draft = Path(tempfile.mkdtemp(dir=place))
        try:
            _fill(draft, prefix)
            draft.chmod(0o755)
            draft.rename(final)
        except OSError:
            if not final.exists():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    found = final.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{final} was not made by this user; remove it")
    return final


def _fill(draft: Path, prefix: Path) -> None:
    (draft / "bin").mkdir()
    shutil.copy2(prefix / "bin" / _NAME, draft / "bin" / _NAME)
    shutil.copytree(_LIBRARY, draft / _LIBRARY.relative_to(prefix), ignore=_LEFT_OUT)
    shared = prefix / "lib" / (sysconfig.get_config_var("INSTSONAME") or "")
    if shared.is_file():
        (draft / "lib").mkdir(exist_ok=True)
        shutil.copy2(shared, draft / "lib" / shared.name)
    for folder, folders, files in os.walk(draft):
        for name in folders:
            os.chmod(Path(folder, name), 0o755)
        for name in files:
            os.chmod(Path(folder, name), 0o755 if Path(folder).name == "bin" else 0o644)
