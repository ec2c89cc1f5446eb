"""A scene that fails -> the smallest that still does, and its text as a `.case` file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from .casefile import PATTERN, File, Scene
from .script import Step

T = TypeVar("T")
Fails = Callable[[Scene], bool]
TRIALS = 120
_HEAD = re.compile(rb"[^\r\n]*\r?\n")


def smallest(scene: Scene, fails: Fails, trials: int = TRIALS) -> Scene:
    """Leave out exchanges, then blocks and lines of the configuration, then header lines, while it fails."""
    left = [trials]

    def still(candidate: Scene) -> bool:
        left[0] -= 1
        return left[0] > 0 and fails(candidate)

    for count in (1, 2, 4):
        shorter = replace(scene, exchanges=scene.exchanges[-count:])
        if still(shorter):
            scene = shorter
            break
    scene = _fewer_lines(_fewer_blocks(scene, still), still)
    return _fewer_octets(scene, still)


def _fewer_blocks(scene: Scene, still: Fails) -> Scene:
    """Whole servers, maps and upstreams out, the last first: what is used stands before what uses it."""
    lines = scene.conf.splitlines()
    blocks: list[list[str]] = []
    at = 0
    while at < len(lines):
        end = next(_pieces(lines, at), at + 1)
        blocks.append(lines[at:end])
        at = end
    for place in reversed(range(len(blocks))):
        rest = blocks[:place] + blocks[place + 1 :]
        candidate = replace(scene, conf="\n".join(line for block in rest for line in block) + "\n")
        if still(candidate):
            scene, blocks = candidate, rest
    return scene


def _fewer_lines(scene: Scene, still: Fails) -> Scene:
    at = 0
    lines = scene.conf.splitlines()
    while at < len(lines):
        for end in _pieces(lines, at):
            shorter = lines[:at] + lines[end:]
            candidate = replace(scene, conf="\n".join(shorter) + "\n")
            if still(candidate):
                scene, lines = candidate, shorter
                break
        else:
            at += 1
    return scene


def _pieces(lines: Sequence[str], at: int) -> Iterator[int]:
    """Ends of what may be left out from `at` on: the whole block that begins there, or the line."""
    depth = 0
    for end in range(at, len(lines)):
        depth += lines[end].count(" {") - lines[end].count("}")
        if depth <= 0:
            if depth == 0:
                yield end + 1
            return


def _fewer_octets(scene: Scene, still: Fails) -> Scene:
    """Requests without one header line each, in the last exchange."""
    *before, last = scene.exchanges
    changed = True
    while changed:
        changed = False
        for place, step in enumerate(last.steps):
            for found in _HEAD.finditer(step.data):
                data = step.data[: found.start()] + step.data[found.end() :]
                steps = (*last.steps[:place], replace(step, data=data), *last.steps[place + 1 :])
                shorter = replace(last, steps=steps)
                if found[0].strip() and still(replace(scene, exchanges=[*before, shorter])):
                    last, changed = shorter, True
                    break
            if changed:
                break
    return replace(scene, exchanges=[*before, last])


def case_text(scene: Scene) -> str:
    """A scene as a `.case` file says it, with the files and answers that it can reach."""
    out = ["--- conf", *scene.conf.splitlines()]
    if scene.files:
        out += ["--- files", *map(_file, scene.files)]
    if scene.checks:
        out.append("--- check " + " ".join(sorted(scene.checks)))
    sent = b"".join(step.data for each in scene.exchanges for step in each.steps)
    for (server, name), script in scene.routes.items():
        if name.rpartition("/")[2].encode() in sent:
            out += [f"--- upstream{server or ''} {name}", *script_lines(script)]
    for number, exchange in enumerate(scene.exchanges):
        out += [f"--- send what was drawn ({number})", *script_lines(exchange.steps)]
    return "\n".join(out) + "\n"


def _file(file: File) -> str:
    if file.content is None:
        return file.path
    if len(file.content) > len(PATTERN) and file.content.startswith(PATTERN):
        return f"{file.path} {len(file.content)}"
    return f'{file.path} "{_text(file.content)}"'


def script_lines(script: Sequence[Step]) -> list[str]:
    """Steps as lines that script.steps() reads back."""
    out: list[str] = []
    for step in script:
        if step.verb != "send":
            out.append(f'<{step.verb} "{_text(step.data)}">' if step.data else f"<{step.verb}>")
            continue
        *lines, last = step.data.split(b"\r\n")
        out += [_text(line) for line in lines]
        if last:
            out.append(_text(last) + "\\")
    return out


def _text(data: bytes) -> str:
    text = "".join(
        chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\x{octet:02x}" for octet in data
    )
    text = re.sub(r"(.)\1{40,}", lambda found: f"\0{found[1]}*{len(found[0])}\1", text)
    text = text.replace("<", "\\x3c").replace("\0", "<<").replace("\1", ">>")
    return "\\x2d" + text[1:] if text.startswith("--- ") else text
