"""`python -m emulator.nginx`: the stand-in for the nginx binary, in the foreground."""

from __future__ import annotations

import sys

from emulator.nginx.commandline import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
