"""nginx's command line: which options there are, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.nginx import official
from emulator.nginx.commandline import BadOption, Options, main, parse_options


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        ([], Options()),
        (["-t"], Options(test=True)),
        (["-tq"], Options(test=True, quiet=True)),
        (["-T"], Options(test=True, dump=True)),
        (["-?"], Options(version=True, help=True)),
        (["-h"], Options(version=True, help=True)),
        (["-v"], Options(version=True)),
        (["-V"], Options(version=True, configure=True)),
        (["-c", "a.conf"], Options(conf="a.conf")),
        (["-ca.conf"], Options(conf="a.conf")),
        (["-tca.conf", "-p", "/x"], Options(test=True, conf="a.conf", prefix="/x")),
        (["-g", "daemon off;"], Options(directives="daemon off;")),
        (["-e", "stderr"], Options(error_log="stderr")),
        (["-s", "reload"], Options(signal="reload")),
        (["-sstop"], Options(signal="stop")),
        (["-"], Options()),
    ],
)
def test_options_may_share_a_dash_and_hold_their_value(argv: list[str], options: Options) -> None:
    assert parse_options(argv) == options


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["-x"], 'invalid option: "x"'),
        (["x"], 'invalid option: "x"'),
        (["--help"], 'invalid option: "-"'),
        (["-tx"], 'invalid option: "x"'),
        (["-p"], 'option "-p" requires directory name'),
        (["-c"], 'option "-c" requires file name'),
        (["-e"], 'option "-e" requires file name'),
        (["-g"], 'option "-g" requires parameter'),
        (["-s"], 'option "-s" requires parameter'),
        (["-s", "restart"], 'invalid option: "-s restart"'),
    ],
)
def test_other_options_are_refused_in_nginxs_words(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadOption) as error:
        parse_options(argv)
    assert str(error.value) == said
    assert main(argv) == 1
    assert capsys.readouterr().err == f"nginx: {said}\n"


def test_a_relative_configuration_is_under_the_prefix() -> None:
    assert Options().conf_file == official.CONF
    assert Options(conf="x.conf", prefix="/srv").conf_file == "/srv/x.conf"
    assert Options(conf="/x.conf", prefix="/srv").conf_file == "/x.conf"


def test_the_version_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-v"]) == 0
    assert capsys.readouterr().err == f"nginx version: nginx/{official.VERSION}\n"


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("nginx version: ")
    assert all(f"  -{letter}" in said for letter in "?vVtTqspecg")


def configuration(folder: Path, text: str) -> list[str]:
    (folder / "nginx.conf").write_text(text)
    return ["-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]


def test_a_good_configuration_is_praised_in_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = configuration(tmp_path, "events {}")
    assert main([*arguments, "-t"]) == 0
    assert capsys.readouterr().err == (
        f"nginx: the configuration file {tmp_path}/nginx.conf syntax is ok\n"
        f"nginx: configuration file {tmp_path}/nginx.conf test is successful\n"
    )


def test_quiet_says_nothing_of_a_good_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*configuration(tmp_path, "events {}"), "-tq"]) == 0
    assert capsys.readouterr().err == ""


def test_a_bad_configuration_fails_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*configuration(tmp_path, "events {}\nfoo;"), "-tq"]) == 1
    assert capsys.readouterr().err == (
        f'nginx: [emerg] unknown directive "foo" in {tmp_path}/nginx.conf:2\n'
        f"nginx: configuration file {tmp_path}/nginx.conf test failed\n"
    )


def test_a_dump_goes_to_stdout(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([*configuration(tmp_path, "events {}\n"), "-T"]) == 0
    expected = f"# configuration file {tmp_path}/nginx.conf:\nevents {{}}\n\n"
    assert capfdbinary.readouterr().out == expected.encode()


def test_a_signal_needs_a_pid_file_with_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = configuration(tmp_path, "events {} pid nginx.pid;")
    assert main([*arguments, "-s", "stop"]) == 1
    assert capsys.readouterr().err == (
        f'nginx: [error] open() "{tmp_path}/nginx.pid" failed (2: No such file or directory)\n'
    )
    (tmp_path / "nginx.pid").write_text("x\n")
    assert main([*arguments, "-s", "stop"]) == 1
    assert capsys.readouterr().err == (f'nginx: [error] invalid PID number "x" in "{tmp_path}/nginx.pid"\n')
