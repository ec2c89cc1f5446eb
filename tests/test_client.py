"""The client's side of the Engine API: what it makes of answers, good and bad."""

import json
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

import pytest

from emulator.client import Engine, EngineError

SERVICES = [
    {
        "ID": "s2",
        "Spec": {"Name": "front", "Mode": {"Replicated": {"Replicas": 1}}},
        "Endpoint": {"Ports": [{}]},
    },
    {"ID": "s1", "Spec": {"Name": "web", "Mode": {"Replicated": {"Replicas": 2}}}, "Endpoint": {}},
]


def task(identity, slot, state, since):
    return {
        "ID": identity,
        "ServiceID": "s1",
        "Slot": slot,
        "Spec": {"ContainerSpec": {"Image": "app"}},
        "DesiredState": "running",
        "Status": {"State": state, "Timestamp": since, "ContainerStatus": {"ContainerID": "c", "PID": 7}},
        "NetworksAttachments": [{"Addresses": ["192.168.100.3/24"]}],
    }


TASKS = [
    task("older", 1, "failed", "2026-01-01T00:00:00Z"),
    task("second", 2, "running", "2026-01-01T00:00:00Z"),
    task("newer", 1, "running", "2026-01-01T00:00:01.5Z"),
]
PLACE = {"Address": "127.168.100.3", "Ports": {"8000/tcp": 8000}, "Ready": True}
ANSWERS = {
    "/services": json.dumps(SERVICES),
    "/tasks": json.dumps(TASKS),
    "/emulator/containers/c": json.dumps(PLACE),
    "/containers/c/logs": "\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x03two",
    "/events": '{"Action": "die"}\n{"Action": "start"}\n',
}


class Answer(BaseHTTPRequestHandler):
    """Docker's answers, from the table; with its error for what is not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        found = ANSWERS.get(self.path.partition("?")[0])
        body = (found or json.dumps({"message": f"No such thing:\n{self.path}"})).encode()
        if self.path == "/broken":
            body = b"[1, 2"
        self.send_response(200 if found or self.path == "/broken" else 404)
        self.send_header("Content-Length", str(len(body) + 9 * (self.path == "/broken")))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def address_string(self):
        return "unix"

    def log_message(self, *words):
        pass


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / "docker.sock"
    with Server(str(path), Answer) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield Engine(path, timeout=10)
        server.shutdown()
        serving.join()


def test_tasks_come_by_slot_and_the_newest_first(engine):
    found = engine.tasks()
    assert [task.id for task in found] == ["newer", "older", "second"]
    assert (found[0].name, found[0].address, found[0].pid) == ("web.1", "192.168.100.3", 7)


def test_a_service_that_is_not_there_is_said(engine):
    with pytest.raises(EngineError, match="no such service: nosuch"):
        engine.tasks("nosuch")


def test_services_that_publish_come_last(engine):
    assert list(engine.replicas().items()) == [("web", 2), ("front", 1)]


def test_a_container_has_a_place(engine):
    place = engine.place("c")
    assert (place.address, place.ready) == ("127.168.100.3:8000", True)


def test_logs_are_taken_out_of_their_frames(engine):
    assert list(engine.logs("c")) == [(1, b"one"), (2, b"two")]


def test_events_are_one_a_line(engine):
    with closing(engine.events()) as events:
        assert [event["Action"] for event in events] == ["die", "start"]


def test_an_error_is_dockers_words_as_they_stand(engine):
    with pytest.raises(EngineError) as error:
        engine.get("/nothing")
    assert (str(error.value), error.value.status) == ("No such thing:\n/nothing", 404)


def test_an_answer_that_breaks_off_is_an_error(engine):
    with pytest.raises(EngineError, match="broke off"):
        engine.get("/broken")


@pytest.mark.parametrize("there", [True, False])
def test_nobody_who_answers_is_said_in_dockers_words(tmp_path, there):
    path = tmp_path / "docker.sock"
    if there:
        UnixStreamServer(str(path), Answer).server_close()
    with pytest.raises(EngineError) as error:
        Engine(path).tasks()
    assert str(error.value) == f"Cannot connect to an emulator at {path}. Is it running?"


def test_a_path_longer_than_a_sockets_name_is_reached(tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.chdir(folder)
    with Server("docker.sock", Answer) as server:
        Thread(target=server.handle_request).start()
        assert Engine(folder / "docker.sock").replicas() == {"web": 2, "front": 1}
