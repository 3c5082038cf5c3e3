"""Runs inside the sandbox before anything else: sets limits, says so, becomes the program.

    python sandbox_main.py READY PROGRAM RLIMIT_AS=536870912 …

Writes one byte to the file descriptor READY once the limits hold, and closes it. Nothing of the
package is at hand there: this file and the program are all there is.
"""

import os
import resource
import sys


def main(ready: int, path: str, limits: list[str]) -> None:
    """Become the program at ``path``, as ``__main__``, under limits it cannot lift."""
    for limit in limits:
        name, _, most = limit.partition("=")
        grace = 1 if name == "RLIMIT_CPU" else 0  # SIGXCPU first, which says why; then SIGKILL
        resource.setrlimit(getattr(resource, name), (int(most), int(most) + grace))
    os.write(ready, b"+")
    os.close(ready)
    sys.argv = [path]
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, vars(module))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
