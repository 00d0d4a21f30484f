# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive that carries out stored topologies: the part of this package that knows no Ansible, as a zipapp.

It is the same byte for byte wherever it is written: its files are sorted, have one time and one mode, and are not
compressed, which every build of zlib does differently.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib import util
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._entry import command
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_planner import ARCHIVE_MARK

PACKAGE = "ansible_collections.netns.fabric."

#: What runs first, and with it all that it imports, goes into the archive.
ROOT = command.__name__

_MAIN = f"import sys\n\nfrom {ROOT} import main\n\nsys.exit(main(sys.argv[1:]))\n"

#: An import of this package: the module, and the names that are imported from it, which may be modules too.
_IMPORT = re.compile(rf"^ *from ({re.escape(PACKAGE)}[\w.]+) import (\([^)]*\)|.*)$", re.MULTILINE)

#: 1980-01-01, the first moment that the format knows.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3

#: Bytes: what every kernel reads of the first line of a script (BINPRM_BUF_SIZE of linux/binfmts.h; 128 before 5.1).
_FIRST_LINE_MAX = 127


def build(interpreter: str = sys.executable) -> bytes:
    """Return the archive, which runs under the given interpreter.

    Raises:
        Unavailable: The interpreter cannot be that of a script.
    """
    first_line = f"#!{interpreter} -I\n".encode()
    if not interpreter or len(interpreter.split()) != 1 or len(first_line) > _FIRST_LINE_MAX:
        raise Unavailable(
            f"the Python that runs this module, {interpreter!r}, cannot be that of a script: its path is empty, has a "
            "blank or is too long; set `ansible_python_interpreter` to a link without one, for instance "
            "/usr/bin/python3"
        )
    sources = {f"{name.replace('.', '/')}.py": source for name, source in _sources()}
    packages = {f"{directory}/__init__.py": b"" for path in sources for directory in _directories(path)}
    file = io.BytesIO()
    file.write(first_line)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for path, content in sorted({"__main__.py": _MAIN.encode(), **sources, **packages}.items()):
            member = zipfile.ZipInfo(path, _TIME)
            member.external_attr = _MODE
            member.create_system = _UNIX
            archive.writestr(member, content)
        archive.comment = ARCHIVE_MARK
    return file.getvalue()


def _directories(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _sources() -> Iterator[tuple[str, bytes]]:
    """Yield the modules that go into the archive, with their sources."""
    seen = {ROOT}
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        source = _source_of(name)
        yield name, source
        new = set(find_imports(source.decode())) - seen
        seen |= new
        waiting.extend(new)


def find_imports(source: str) -> Iterator[str]:
    """Yield the modules of this package that a source imports."""
    for module, names in _IMPORT.findall(source):
        if _is_package(module):
            yield from (f"{module}.{name}" for name in re.findall(r"\w+", re.sub(r" as \w+", "", names)))
        else:
            yield module


def _is_package(name: str) -> bool:
    """Return whether a name is a folder of modules: those have an underscore, and nothing in them has."""
    return name.rpartition(".")[2].startswith("_")


def _source_of(name: str) -> bytes:
    """Return the source of a module of this package, as its file has it.

    Ansible sends the package as a ZIP file: what loads the modules has their sources.
    """
    spec = util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name=name)
    loader: Any = spec.loader
    content: bytes = loader.get_data(spec.origin)
    return content
