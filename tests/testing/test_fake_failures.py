"""Nothing that a request makes the fake raise ends it, and nobody who owns it misses it."""

import logging
import subprocess
import sys

import httpx
import pytest
import trio
from testing.fake_client import CONFIG_MAPS, PODS, client_for, watching

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map, pod


class Broken(Exception):
    pass


def breaking(fake):
    """A fake whose writes raise what no request should make it raise."""

    def fail(*_):
        raise Broken("inside")

    fake._writer.after_put.append(fail)
    return fake


async def post(client, name="x"):
    return await client.post(CONFIG_MAPS, json=config_map(name))


async def test_a_failure_is_a_500_with_a_status(autojump_clock):
    fake = breaking(FakeApiServer())
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        response = await post(client)
        assert (await client.get("/version")).status_code == 200
        assert len(fake.failures) == 1
        with pytest.raises(ExceptionGroup):
            fake.raise_failures()

    assert response.status_code == 500
    status = response.json()
    assert (status["kind"], status["reason"], status["code"]) == ("Status", "InternalError", 500)
    assert "Broken: inside" in status["message"]
    assert fake.requests[0].status == 500


async def test_a_failure_is_logged_with_its_traceback(autojump_clock, caplog):
    fake = breaking(FakeApiServer())
    with caplog.at_level(logging.ERROR, "trio_k8swatch.testing"), pytest.raises(ExceptionGroup):
        async with client_for(fake) as client:
            await post(client)

    assert "in fail" in caplog.text
    assert f"POST {CONFIG_MAPS}" in caplog.text


async def test_closing_the_transport_raises_it_once(autojump_clock):
    fake = breaking(FakeApiServer())
    with pytest.raises(ExceptionGroup) as raised:
        async with client_for(fake) as client:
            await post(client)
    assert raised.group_contains(Broken)
    assert f"POST {CONFIG_MAPS}" in raised.value.exceptions[0].__notes__[0]

    async with client_for(fake) as client:
        await client.get("/version")


async def test_an_exception_of_the_test_is_not_replaced(autojump_clock):
    fake = breaking(FakeApiServer())
    with pytest.raises(KeyError):
        async with client_for(fake) as client:
            await post(client)
            raise KeyError
    with pytest.raises(KeyError), fake:
        raise KeyError
    with pytest.raises(ExceptionGroup), fake:
        pass


async def test_serving_raises_it_at_the_end():
    with pytest.raises(ExceptionGroup) as raised, trio.fail_after(5):
        fake = breaking(FakeApiServer())
        async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
            assert (await post(client)).status_code == 500
            assert (await client.get("/version")).status_code == 200
    assert raised.group_contains(Broken)


async def test_a_failure_in_a_stream_breaks_that_stream_alone(autojump_clock):
    fake = FakeApiServer()
    with pytest.raises(ExceptionGroup) as raised:
        async with client_for(fake) as client, watching(client) as watch, watching(client, PODS) as other:
            fake.faults.rewrite_events(lambda _: 1 / 0, resource="configmaps", times=1)
            fake.create(config_map("a"))
            fake.create(pod("b"))
            await trio.sleep(1)
            assert isinstance(watch.error, httpx.RemoteProtocolError)
            assert other.names == [("ADDED", "b")]
    assert raised.group_contains(ZeroDivisionError)


async def test_a_client_that_does_not_speak_http_is_told_so():
    async with FakeApiServer().serve() as url:
        with trio.fail_after(5):
            stream = await trio.open_tcp_stream("127.0.0.1", int(url.rsplit(":", 1)[1]))
            await stream.send_all(b"\x16\x03\x01 hello\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
            await stream.aclose()


def test_the_fixture_fails_the_test_that_owns_it(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text("def test_it(fake_apiserver): fake_apiserver._failures.note(ValueError('inside'), 'GET /x')")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert "1 passed, 1 error" in done.stdout
    assert "FakeApiServer answered 1 of its requests with its own failure" in done.stdout
