"""How to test an app behind its proxy: the fixture `emulator` runs config.toml on ports of its own.

What fails here and passes with `flask run` is what three replicas, a proxy and a shared volume change.
"""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException
from itertools import islice
from uuid import uuid4

import pytest

from emulator.pytest_plugin import Emulator


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def whoami(base_url: str) -> dict[str, object]:
    status, body = get(f"{base_url}/whoami")
    assert status == 200
    found: dict[str, object] = json.loads(body)
    return found


def upload(base_url: str, name: str, content: str) -> str:
    """Send the form; the page that the redirect leads to."""
    head = f'--form\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = f"{head}{content}\r\n--form--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=form"}
    request = urllib.request.Request(base_url, body.encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return str(reply.read().decode())


def test_three_replicas_answer_in_turn(emulator: Emulator) -> None:
    answers = [whoami(emulator.base_url) for _ in range(30)]
    assert Counter(answer["slot"] for answer in answers) == {1: 10, 2: 10, 3: 10}
    assert len({answer["hostname"] for answer in answers}) == 3


def test_an_upload_made_through_one_replica_is_served_to_all(emulator: Emulator) -> None:
    note = f"note-{uuid4().hex}.txt"
    upload(emulator.base_url, note, "written once")
    assert get(f"{emulator.base_url}/static/uploads/{note}") == (200, "written once")
    for _ in emulator.replicas:
        assert note in get(emulator.base_url)[1]


def test_killing_a_replica_loses_no_more_than_what_was_in_flight(emulator: Emulator) -> None:
    clients, enough, outcomes = 4, threading.Event(), []

    def keep_asking() -> None:
        while not enough.is_set():
            try:
                outcomes.append(get(f"{emulator.base_url}/whoami")[0])
            except HTTPException:  # the replica died in the middle of its answer
                outcomes.append("cut off")

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(keep_asking) for _ in range(clients)]
        emulator.kill(2)
        emulator.wait_until_ready()
        enough.set()
        [future.result() for future in running]
    failed = Counter(outcomes)
    del failed[200]
    assert sum(failed.values()) <= clients
    assert {whoami(emulator.base_url)["slot"] for _ in range(3)} == {1, 2, 3}


def test_a_frozen_replica_holds_up_its_own_clients_only(emulator: Emulator) -> None:
    with ThreadPoolExecutor(3) as pool:
        emulator.pause(1)
        try:
            asked = [pool.submit(whoami, emulator.base_url) for _ in range(3)]
            first_two = [answer.result()["slot"] for answer in islice(as_completed(asked, timeout=20), 2)]
        finally:
            emulator.resume(1)
        assert set(first_two) == {2, 3}
        assert {answer.result()["slot"] for answer in asked} == {1, 2, 3}


def test_a_file_that_a_browser_would_run_is_refused(emulator: Emulator) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as raised:
        upload(emulator.base_url, "page.html", "<script>alert(1)</script>")
    raised.value.close()
    assert get(f"{emulator.base_url}/static/uploads/page.html")[0] == 404


def test_nginx_refuses_what_is_larger_than_its_limit_before_the_app_sees_it(emulator: Emulator) -> None:
    with pytest.raises(urllib.error.HTTPError, match="413") as raised:
        upload(emulator.base_url, "large.txt", "x" * 1_100_000)
    raised.value.close()
