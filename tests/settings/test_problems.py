"""What is wrong is said: the line for each way of being wrong, and no traceback for any."""

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.settings import SettingsError, load
from emulator.settings.read import read

ROOT = Path(__file__).parents[2]


def cases(name):
    """The cases of a file: the text, and after `=>` the line without the file's name."""
    text = (Path(__file__).parent / name).read_text()
    blocks = [block for block in text.strip().split("\n\n") if not block.startswith("#")]
    return [pytest.param(*block.split("\n=> "), id=block.rpartition("=> ")[2][:60]) for block in blocks]


def problems(path):
    with pytest.raises(SettingsError) as error:
        load(path)
    lines = error.value.problems
    assert all(line.startswith(str(path)) and "\n" not in line for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "app").mkdir()
    return tmp_path / "config.toml"


@pytest.mark.parametrize(("keys", "line"), cases("service.cases"))
def test_a_wrong_service_is_told_where_and_what_would_be_right(path, keys, line):
    path.write_text(
        f'[services.web]\nimage = "app"\n{keys}\n[networks.net]\n[volumes.data]\n[images.app]\ncommand = "x"'
    )
    assert problems(path) == [line]


@pytest.mark.parametrize(("text", "line"), cases("file.cases"))
def test_a_wrong_file_is_told_where_and_what_would_be_right(path, text, line):
    path.write_text(text)
    assert problems(path) == [line.replace("{root}", str(path.parent))]


VALUES = [
    "1", "-1", "0x" + "f" * 5000, "1e400", "nan", "true", "2020-01-01", "12:00:00", '""', '"\\u0000"', '"::"',
    '"{{.Task"', '"' + "a" * 80 + '!"', '"~nobody/x"', '"type=bind,src=a"', '"1:2:3/x"', '"[::1]"', '"net"',
    '"\\u202e"', "'''\n'''", '"10.0.0.0/8"', '"500ms"', '"' + "x/" * 3000 + '"',
]  # fmt: skip
KEYS = ["src", "dst", "target", "delay", "A", '""', '"\\u001b"']


def as_table(items):
    return "{" + ", ".join(f"{key} = {value}" for key, value in items.items()) + "}"


VALUE = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(as_table)
    ),
    max_leaves=6,
)
LINES = (ROOT / "config.toml").read_text().splitlines()


@st.composite
def damaged(draw):
    """The shipped file with a few of its lines lost, doubled, or with a value of another kind."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _value = lines[at].partition("=")
        if equals and draw(st.booleans()):
            lines[at] = f"{key} = {draw(VALUE)}"
        else:
            lines[at : at + 1] = lines[at : at + 1] * draw(st.sampled_from([0, 2]))
    return "\n".join(lines)


def told_or_loaded(path, content):
    path.write_bytes(content)
    settings, problems = read(path)
    assert settings is not None or problems
    assert all(line.isprintable() for line in problems), problems


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(text=damaged())
def test_a_damaged_file_never_gives_a_traceback(path, text):
    told_or_loaded(path, text.encode())


@quick
@given(content=st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_noise_never_gives_a_traceback(path, content):
    told_or_loaded(path, content)
