"""What is in a task's environment, and what of the developer's own is not.

As in Docker: PATH, HOSTNAME, HOME, then the image's variables, then the service's (with templates).
Because it is a process of this machine:

    PATH           the folder of our own Python (the venv's bin) first, then this process's PATH
    HOME           the user's own: caches and user packages are there
    PYTHONPATH     the shim, before the task's own; for nginx, which asks its namespace, this package
    PYTHONUNBUFFERED=1, unless the task says otherwise: Docker's images do it, and logs are pipes
    LANG, LC_*, TZ, TMPDIR, USER, LOGNAME, proxies (*_proxy), certificates (SSL_CERT_*, REQUESTS_CA_BUNDLE,
    CURL_CA_BUNDLE), libraries (LD_LIBRARY_PATH, DYLD_*), VIRTUAL_ENV, PYENV_*: passed on where they are set
    EMULATOR_*     what the shim, the namespace and the guardian need; never from the developer's shell

Nothing else passes: a variable that the app needs belongs into config.toml, as it would into the swarm.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

_PASSED = {
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
}
_PASSED_BEGINNINGS = ("LC_", "DYLD_", "PYENV_")
_PASSED_ENDINGS = ("_PROXY", "_proxy")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHIM = str(Path(__file__).parent / "shim")
PACKAGE = str(Path(__file__).parents[2])


def environment(
    own: Mapping[str, str], hostname: str, wanted: Mapping[str, str], marks: Mapping[str, str], front: str
) -> dict[str, str]:
    """A task's environment: `own` is this process's, `wanted` image and service, `marks` EMULATOR_*.

    `front` comes first on the way on which its Python looks for modules.
    """
    made = {name: value for name, value in own.items() if _passes(name)}
    made["PATH"] = f"{Path(sys.executable).parent}:{own.get('PATH') or _PATH}"
    made["HOME"] = own.get("HOME", "/root")
    made["HOSTNAME"] = hostname
    made["PYTHONUNBUFFERED"] = "1"
    made.update(wanted)
    made["PYTHONPATH"] = ":".join(filter(None, (front, wanted.get("PYTHONPATH"))))
    made.update(marks)
    return made


def _passes(name: str) -> bool:
    return name in _PASSED or name.startswith(_PASSED_BEGINNINGS) or name.endswith(_PASSED_ENDINGS)
