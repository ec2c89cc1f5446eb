"""The benchmark's honesty: it takes no figure from wrong answers, and says so when a floor is missed."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__, breakdown, chart, memory, openloop, report, rows, scenes, servers, sides, wrk
from benchmarks.answers import Answer, Refused, Request, agree, ask, check, read
from benchmarks.machine import Machine
from benchmarks.results import Result, measure
from benchmarks.rows import Better
from benchmarks.sides import Effort, Served, Sides

Need = Callable[[str], str]
ROOT = Path(__file__).parents[1]
HOST = Machine(2, "a <fast> core", "3.11", "6.1", "2026-11-23", 0.0, 0.0)
BRIEF = Effort(seconds=0.2, rounds=1, idle=20, context=False)


def result(ours: float, theirs: float, better: Better = Better.MORE, floor: float = 0.8) -> Result:
    return Result("dial", "what", "requests/s", "nginx", better, floor, None, ours, theirs)


def run(*words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks`, as make calls it."""
    env = {**os.environ, "PATH": path or os.environ["PATH"]}
    argv = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)


@pytest.fixture
def small(need: Need, tmp_path: Path) -> Iterator[Served]:
    """The real nginx with the stylesheet, already verified."""
    need("nginx")
    tmp_path.chmod(0o755)
    with ExitStack() as stack:
        served = sides.theirs(stack, tmp_path / "nginx", scenes.small(stack, tmp_path))
        served.verify()
        yield served


def test_a_quick_run_shows_every_row_and_writes_it_down(need: Need, tmp_path: Path) -> None:
    need("wrk"), need("nginx")
    record, drawn = tmp_path / "results.json", tmp_path / "chart.svg"
    ended = run(
        *("--quick", "--seconds", "0.2", "--rounds", "1", "--no-floors"),
        *("--json", str(record), "--chart", str(drawn)),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    written = json.loads(record.read_text())
    assert {row["name"] for row in written["rows"]} == set(rows.QUICK)
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in written["rows"])
    assert written["machine"]["cores"] == os.cpu_count()
    assert "Medians of 1 interleaved rounds" in ended.stdout
    assert ET.parse(drawn).getroot().tag.endswith("svg")


def test_without_wrk_a_run_names_the_package() -> None:
    ended = run("small", path="/nonexistent")
    assert ended.returncode == 2
    assert ended.stderr == "wrk is needed (Debian and Ubuntu: apt-get install wrk)\n"


def test_an_unknown_row_is_told_with_those_that_exist() -> None:
    ended = run("smal")
    assert ended.returncode == 2
    assert "no row smal: there are article, dial," in ended.stderr


def test_a_word_chooses_all_rows_that_begin_with_it() -> None:
    chosen = __main__.chosen(__main__.parse(["upload", "tail-small"]))
    assert [row.name for row in chosen] == ["upload-buffered", "upload-streamed", "tail-small"]


def test_a_row_in_which_a_body_is_wrong_is_refused(need: Need) -> None:
    need("wrk"), need("nginx")

    def wrong(stack: ExitStack, folder: Path) -> scenes.Scene:
        scene = scenes.small(stack, folder)
        return replace(scene, bodies=frozenset({b"X" + body[1:] for body in scene.bodies}))

    row = rows.Row("small", "", "requests/s", "nginx", Better.MORE, 0.0, sides.throughput(wrong))
    refused = measure(row, BRIEF)
    assert refused.refused.startswith("emulator: a wrong body of 1024 bytes: b'a { color")
    assert math.isnan(refused.ours)
    assert not refused.rounds
    assert "refused: emulator: a wrong body" in report.line(refused)


def test_a_row_that_answers_wrongly_only_afterwards_is_refused() -> None:
    verdicts = iter([None, Refused("a wrong body")])

    def verify() -> None:
        if (refusal := next(verdicts)) is not None:
            raise refusal

    def setup(stack: ExitStack, effort: Effort) -> Sides:
        return Sides(lambda: 1.0, lambda: 1.0, verify)

    row = rows.Row("small", "", "requests/s", "nginx", Better.MORE, 0.0, setup)
    assert measure(row, BRIEF).refused == "a wrong body"


def test_rounds_begin_with_each_side_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> Callable[[], float]:
        return lambda: order.append(name) or 1.0  # type: ignore[func-returns-value]

    def setup(stack: ExitStack, effort: Effort) -> Sides:
        return Sides(side("ours"), side("theirs"))

    measure(rows.Row("x", "", "s", "y", Better.LESS, 1.0, setup), replace(BRIEF, rounds=2))
    assert order == ["ours", "theirs", "theirs", "ours"]


def answer(text: str) -> Answer:
    head, _, body = text.partition("\n\n")
    return read(io.BytesIO(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body.encode()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("HTTP/1.1 502 Bad Gateway\nContent-Length: 5\n\nhello", "status 502: b'hello'"),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhallo", "a wrong body of 5 bytes: b'hallo'"),
        ("HTTP/1.1 200 OK\nContent-Length: 4\n\nhello", "a wrong body of 4 bytes: b'hell'"),
        ("HTTP/1.1 200 OK\n\n", "a wrong body of 0 bytes: b''"),
    ],
)
def test_anything_but_the_expected_answer_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        check(answer(text), {b"hello"})
    assert str(refusal.value) == said


def test_an_answer_that_breaks_off_is_none() -> None:
    with pytest.raises(ValueError, match="4 bytes of 5"):
        answer("HTTP/1.1 200 OK\nContent-Length: 5\n\nhell")


def test_chunks_are_counted_as_they_are_sent() -> None:
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    found = read(io.BytesIO(wire))
    assert (found.body, found.size) == (b"hello", len(wire))


def test_a_side_that_says_less_than_the_other_is_refused() -> None:
    with pytest.raises(Refused, match="content-encoding: None here, 'gzip' there"):
        agree(Answer(200, {}, b"a", 9), Answer(200, {"content-encoding": "gzip"}, b"a", 9))
    with pytest.raises(Refused, match=r"other fields: \['date'\]"):
        agree(Answer(200, {}, b"a", 9), Answer(200, {"date": "today"}, b"a", 9))


def test_nobody_there_is_a_refusal() -> None:
    with pytest.raises(Refused, match="no whole answer to /"):
        ask(servers.free_port(), Request())


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        (wrk.Sums(100, 25_000, 1.0, 1, 0), "100 answers, 1 socket errors, 0 of another status"),
        (wrk.Sums(100, 25_000, 1.0, 0, 3), "100 answers, 0 socket errors, 3 of another status"),
        (wrk.Sums(0, 0, 1.0, 0, 0), "0 answers, 0 socket errors, 0 of another status"),
        (wrk.Sums(100, 24_000, 1.0, 0, 0), "240.0 bytes an answer under load, 250 to 250 without"),
        (wrk.Sums(100, 27_000, 1.0, 0, 0), "270.0 bytes an answer under load, 250 to 250 without"),
    ],
)
def test_a_load_with_any_other_answer_is_refused(sums: wrk.Sums, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        wrk.check(sums, (250, 250), 2)
    assert str(refusal.value) == said


def test_answers_that_the_end_of_the_load_cut_off_are_no_fault() -> None:
    wrk.check(wrk.Sums(100, 25_400, 1.0, 0, 0), (250, 250), 2)


def test_wrk_that_could_not_run_is_a_refusal_with_its_words() -> None:
    with pytest.raises(Refused, match="wrk: unable to connect"):
        wrk.read("unable to connect to 127.0.0.1:1\n")


def test_wrk_counts_to_the_byte(need: Need, small: Served) -> None:
    need("wrk")
    assert small.rate(0.2) > 0
    with pytest.raises(Refused, match="bytes an answer under load"):
        replace(small, sizes=(small.sizes[0] + 100, small.sizes[1] + 100)).rate(0.2)


def test_another_status_under_load_is_refused(need: Need, small: Served) -> None:
    need("wrk")
    absent = replace(small, scene=replace(small.scene, request=Request("/absent")))
    with pytest.raises(Refused, match="of another status"):
        absent.rate(0.2)


def test_the_open_loop_asks_at_its_own_times(small: Served) -> None:
    latency = small.latency(500, 0.2)
    assert 0 < latency.p50 <= latency.p99 <= latency.p999 <= latency.most
    assert 0 < latency.spare < 1


def test_the_open_loop_refuses_other_answers(small: Served) -> None:
    with pytest.raises(Refused, match="bytes instead of"):
        replace(small, sizes=(10, 20)).latency(500, 0.1)
    absent = replace(small, scene=replace(small.scene, request=Request("/absent")))
    with pytest.raises(Refused, match="under load: b"):
        absent.latency(500, 0.1)


def test_percentiles_are_of_the_nearest_rank() -> None:
    ordered = [number * 1_000_000 for number in range(1, 101)]
    assert [openloop.percentile(ordered, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]


def test_idle_connections_are_counted_in_memory(small: Served) -> None:
    scene = small.scene
    each = memory.per_connection(small.process, small.port, scene.request, scene.bodies, 500)
    assert -1000 < each < 100_000
    assert memory.resident(small.process) > 1_000_000


def test_more_connections_than_descriptors_are_a_refusal() -> None:
    with pytest.raises(Refused, match="descriptors are needed"):
        memory.need_descriptors(10_000_000)


@pytest.mark.parametrize(
    ("ours", "better", "floor", "met"),
    [
        (80, Better.MORE, 0.8, True),
        (79, Better.MORE, 0.8, False),
        (300, Better.LESS, 3.0, True),
        (301, Better.LESS, 3.0, False),
        (math.nan, Better.MORE, 0.8, False),
    ],
)
def test_a_floor_is_a_bound_from_the_side_that_is_better(
    ours: float, better: Better, floor: float, met: bool
) -> None:
    assert result(ours, 100, better, floor).met is met


def test_the_bar_shows_where_the_floor_is() -> None:
    assert report.bar(0.5, 0.75) == "█" * 10 + "    ┊" + " " * 11
    assert report.bar(0.525, 0.75).startswith("█" * 10 + "▌")
    assert report.bar(9.0, 0.75) == "█" * 25 + "▶"
    assert report.line(result(50, 100)).endswith("≥ 0.80  BELOW THE FLOOR")
    assert report.line(result(85, 100)).endswith("≥ 0.80  ok")
    assert report.line(result(100, 100)).endswith("≥ 0.80  ok, and the goal")


def test_a_run_ends_with_one_when_a_floor_is_missed() -> None:
    missed, met, refused = result(50, 100), result(90, 100), replace(result(1, 1), refused="why")
    assert __main__.code([met], floors=True) == 0
    assert __main__.code([met, missed], floors=True) == 1
    assert __main__.code([met, missed], floors=False) == 0
    assert __main__.code([met, refused], floors=False) == 1


def test_a_busy_machine_is_told() -> None:
    assert not HOST.warnings()
    (said,) = replace(HOST, busy=0.4, load=3.0).warnings()
    assert said.startswith("Others are at work here (40% of the cores in use, load average 3.0)")


def test_the_chart_reads_on_dark_paper_too_and_names_the_machine() -> None:
    drawn = chart.draw([result(50, 100), result(9, 3, Better.LESS, 3.5)], HOST, 7)
    texts = [element.text for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert "prefers-color-scheme: dark" in drawn
    assert (
        "Medians of 7 interleaved rounds. 2 cores, a <fast> core, Linux 6.1, Python 3.11, 2026-11-23."
        in texts
    )
    assert {"0.50", "3.00", "≥ 0.80", "≤ 3.50"} <= set(texts)


def test_every_configuration_is_one_that_nginx_takes(need: Need, tmp_path: Path) -> None:
    nginx = need("nginx")
    values = {"user": "", "mime": scenes.MIME, "backend": 9, "pages": tmp_path, "port": 8080}
    for name in ("rich.conf", "backend.conf"):
        text = servers.fill((servers.CONFS / name).read_text(), {**values, "prefix": tmp_path})
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        argv = [nginx, "-t", "-p", f"{tmp_path}/", "-c", str(tmp_path / name), "-e", "stderr"]
        tested = subprocess.run(argv, capture_output=True, text=True, timeout=20)
        assert tested.returncode == 0, tested.stderr


def test_the_rich_configuration_is_as_rich_as_it_says() -> None:
    text = (servers.CONFS / "rich.conf").read_text()
    log = text[text.index("log_format") : text.index("access_log")]
    assert len(text.splitlines()) == 120
    assert text.count("  location ") == 20
    assert text.count("proxy_set_header ") == 10
    assert log.count("$") == 12
    assert len(scenes.catalogue()) == 30_000


def test_a_sample_counts_for_the_stage_of_its_innermost_frame() -> None:
    stacks = (
        "main (a/__main__.py:1);turn (emulator/nginx/event.py:190) 3\n"
        "x (event.py:1);send (sendqueue.py:9) 2\n"
    )
    found = breakdown.by_stage(stacks + "strange 1\n")
    assert found == {
        "waiting for events and handing them out": 3,
        "writing to the client, and to the upstream": 2,
        "the rest": 1,
    }
