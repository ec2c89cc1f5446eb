"""Words for a shell to offer: verbs, flags, and the names of what there is.

A shell asks `emulator __complete WORDS...`; the last word is the one that is being typed.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator

from emulator.cli.docker.verb import Refused, Verb
from emulator.client import Engine, EngineError

# {0} is the command that answers. A shell that calls us docker gets the same words for that name.
BASH = """_emulator() {{
    local IFS=$'\\n'
    COMPREPLY=($({0} __complete "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null))
}}
complete -o default -F _emulator emulator
[[ $(alias docker 2>/dev/null) == *emulator* ]] && complete -o default -F _emulator docker
true"""
ZSH = """#compdef emulator
_emulator() {{
    local -a found
    found=(${{(f)"$({0} __complete "${{(@)words[2,CURRENT]}}" 2>/dev/null)"}})
    compadd -a found
}}
compdef _emulator emulator
[[ ${{aliases[docker]}} == *emulator* ]] && compdef _emulator docker
true"""
FISH = "complete -c emulator -f -a '({0} __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'"
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

# What the words of a verb are: where they are listed, and the keys of a name.
LISTS = {
    "SERVICE": ("/services", ("Spec", "Name")),
    "NETWORK": ("/networks", ("Name",)),
    "VOLUME": ("/volumes", ("Name",)),
    "NODE": ("/nodes", ("Description", "Hostname")),
    "CONTAINER": ("/containers/json", ("Names",)),
}


def script(words: list[str]) -> str:
    """What a shell reads once."""
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise Refused(f"Usage:  emulator completion ({'|'.join(SCRIPTS)})")
    return SCRIPTS[words[0]].format(shlex.join([sys.executable, "-m", "emulator"]))


def completions(words: list[str], engine: Callable[[], Engine]) -> list[str]:
    """What the last word may become."""
    *before, last = words or [""]
    return sorted(word for word in _offered(before, last, engine) if word.startswith(last))


def _offered(before: list[str], last: str, engine: Callable[[], Engine]) -> Iterator[str]:
    from emulator.cli.docker import dispatch
    from emulator.cli.verbs import DOCKER, OWN

    if not before:
        yield from (*OWN, *DOCKER)
    elif before[0] in dispatch.BRIEF and len(before) == 1:
        yield from (verb.path.split()[1] for verb in dispatch.of(before[0]))
    elif before[0] in DOCKER:
        verb, _ = dispatch.found(before)
        if verb is not None and last.startswith("-"):
            yield from (f"--{flag.name}" for flag in verb.flags)
        elif verb is not None:
            yield from _names(verb, engine)


def _names(verb: Verb, engine: Callable[[], Engine]) -> Iterator[str]:
    kind = next((kind for kind in LISTS if verb.words.startswith((kind, f"[{kind}", f"self|{kind}"))), None)
    if kind is None:
        return
    path, keys = LISTS[kind]
    try:
        found = engine().get(path)
    except EngineError:
        return
    for one in found["Volumes"] or () if kind == "VOLUME" else found:
        for key in keys:
            one = one[key]
        yield one[0].removeprefix("/") if isinstance(one, list) else one
