"""Clients that subscribe are told of every change of what they subscribed to, in both protocol eras, and of nothing after."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ERAS, text_of
from fastmcp import Client, FastMCP
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent, listen
from mcp_types import ResourceListChangedNotification, ResourceTemplateReference, ResourceUpdatedNotification
from pictures import blocks, file_of
from processes import health, stdio
from test_resources import read

from dgx_pixels.server.settings import Settings
from dgx_pixels.server.subscriptions import _GATHER_S, _Legacy

pytestmark = pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")  # the older era is what it is for


class Heard(MessageHandler):
    """What a client hears, in either era."""

    def __init__(self, era: str) -> None:
        self.all: list[ServerEvent] = []
        self._legacy = era == "legacy"

    def of(self, uri: str) -> int:
        """How often a resource was told of."""
        return Counter(self.all)[ResourceUpdated(uri)]

    async def on_resource_updated(self, message: ResourceUpdatedNotification) -> None:
        """Hear of a resource, in the older era; in the newer one, what is listened to comes by here, too."""
        if self._legacy:
            self.all.append(ResourceUpdated(str(message.params.uri)))

    async def on_resource_list_changed(self, _: ResourceListChangedNotification) -> None:
        """Hear of the list, in the older era."""
        if self._legacy:
            self.all.append(ResourcesListChanged())

    @asynccontextmanager
    async def subscribed(self, client: Client[Any], *uris: str) -> AsyncIterator[None]:
        """Within this context the client is subscribed."""
        await asyncio.sleep(_GATHER_S * 2)  # what has changed before is told
        if self._legacy:
            for uri in uris:
                await client.session.subscribe_resource(uri)
            yield
            for uri in uris:
                await client.session.unsubscribe_resource(uri)
            return
        async with listen(client.session, resource_subscriptions=uris, resources_list_changed=True) as stream:
            reading = asyncio.create_task(self._read(stream))
            yield
        await asyncio.wait({reading})

    async def _read(self, stream: AsyncIterator[ServerEvent]) -> None:
        async for event in stream:
            self.all.append(event)


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


class Art:
    """An artist who makes pictures, each another one, and brings them into the library by the tools."""

    def __init__(self, client: Client[Any], folder: Path) -> None:
        self._client = client
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "picture.png"
        self._made = 0

    async def make(self, name: str) -> str:
        """Make a new version of the asset of this name; answers with its id."""
        self._made += 1
        self._file.write_bytes(file_of(blocks(self._made), "PNG"))
        asked = {"image": str(self._file), "name": name, "publish": False, "transparent": False}
        result = (await self._client.call_tool("pixelize_image", asked)).structured_content
        assert result is not None
        return str(result["result"]["assets"][0]["id"])


@pytest.mark.parametrize("era", ERAS)
async def test_a_new_version_is_told_to_whom_it_concerns(server: FastMCP[Any], game: Path, era: str) -> None:
    """Of the asset, its picture and the list, once each; of no other asset; and after unsubscribing of nothing."""
    heard = Heard(era)
    async with Client(server, mode=era, message_handler=heard) as client:
        art = Art(client, game)
        one, other = await art.make("one"), await art.make("other")
        uris = ("pixels://assets", f"pixels://assets/{one}", f"pixels://assets/{one}/image")
        async with heard.subscribed(client, *uris):
            await art.make("one")
            await until(lambda: all(heard.of(uri) for uri in uris))
            await art.make("other")
            await until(lambda: heard.of("pixels://assets") == 2)
        assert [heard.of(uris[1]), heard.of(uris[2]), heard.of("pixels://assets")] == [1, 1, 2]
        assert heard.of(f"pixels://assets/{other}") == 0

        before = list(heard.all)
        await art.make("one")
        await asyncio.sleep(0.2)
        assert before == heard.all


@pytest.mark.parametrize("era", ERAS)
async def test_a_burst_is_told_by_fewer_notices_and_none_is_forgotten(server: FastMCP[Any], game: Path, era: str) -> None:
    """Notices given out and changes that went with another's notice are all changes; the last notice is after the last change."""
    heard = Heard(era)
    async with Client(server, mode=era, message_handler=heard) as client:
        art = Art(client, game)
        uri = f"pixels://assets/{await art.make('one')}"
        await asyncio.sleep(0.2)  # what the first one changed last is told within 50 ms
        before = (await read(client, "pixels://status"))["notices"]
        async with heard.subscribed(client, uri):
            for _ in range(10):
                await art.make("one")
            told = len(heard.all)
            await until(lambda: len(heard.all) > told or heard.of(uri) >= 1)
            await asyncio.sleep(0.2)
            assert (await read(client, uri))["version"] == 11
        after = (await read(client, "pixels://status"))["notices"]

    # Each version: three resources of the asset's, and three states of its job with the job and the status.
    changes = 10 * (3 + 3 * 2)
    assert changes == sum(after[kind] - before[kind] for kind in ("told", "coalesced"))
    assert 1 <= heard.of(uri) <= 10


@pytest.mark.parametrize("era", ERAS)
async def test_a_job_that_ends_is_told(server: FastMCP[Any], era: str) -> None:
    """A client that was answered before the end need not ask again and again."""
    heard = Heard(era)
    async with Client(server, mode=era, message_handler=heard) as client:
        asked = {"prompt": "a red potion", "seed": 1, "steps": 10, "wait_s": 0}
        job = (await client.call_tool("generate_sprite", asked)).structured_content
        assert job is not None
        uri = f"pixels://jobs/{job['job_id']}"
        assert (await read(client, uri))["status"] in ("queued", "running")
        async with heard.subscribed(client, uri):
            async with asyncio.timeout(60):
                while (await read(client, uri))["status"] != "done":
                    known = heard.of(uri)
                    await until(lambda known=known: heard.of(uri) > known, 60)  # type: ignore[misc]  # it is a bool


@pytest.mark.parametrize("era", ERAS)
async def test_a_dropped_in_lora_changes_the_list(server: FastMCP[Any], settings: Settings, era: str) -> None:
    """Even one that is no good: it is listed with its problem, in the list of resources, too."""
    heard = Heard(era)
    async with Client(server, mode=era, message_handler=heard) as client:
        await client.list_resources()
        async with heard.subscribed(client, "pixels://models"):
            (settings.home / "models/loras/new-style.safetensors").write_bytes(b"no weights")
            await until(lambda: ResourcesListChanged() in heard.all and heard.of("pixels://models"))
        assert "pixels://models/new-style" in {str(r.uri) for r in await client.list_resources()}
        assert (await read(client, "pixels://models/new-style"))["problem"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("road", ["http", "proxy", "alone"])
async def test_a_hundred_changes_are_a_hundred_notices(serving: Settings, game: Path, road: str, era: str) -> None:
    """Over HTTP and over stdio, by the proxy and alone: each change is heard of before the next, and none after unsubscribing."""
    heard = Heard(era)
    alone = ("--alone", "--home", str(serving.home.with_name("alone")))
    to = StreamableHttpTransport(serving.url) if road == "http" else stdio(serving, game, *(alone if road == "alone" else ()))
    async with Client(to, mode=era, message_handler=heard) as client:
        art = Art(client, serving.home / "assets" if road == "http" else game)
        uris = {name: f"pixels://assets/{await art.make(name)}" for name in "abcde"}
        async with heard.subscribed(client, *uris.values()):
            for i in range(100):
                name = "abcde"[i % 5]
                before = heard.of(uris[name])
                await art.make(name)
                await until(lambda name=name, before=before: heard.of(uris[name]) > before)  # type: ignore[misc]  # it is a bool
        assert [heard.of(uri) for uri in uris.values()] == [20] * 5

        for name in uris:
            await art.make(name)
        await asyncio.sleep(1)
        assert sum(heard.of(uri) for uri in uris.values()) == 100


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("era", ERAS)
async def test_the_proxy_goes_on_hearing_when_the_server_was_killed(one_server: Settings, game: Path, era: str) -> None:
    """Subscriptions outlive the server: when the next one is there, all is told of once, and then what changes."""
    heard = Heard(era)
    async with Client(stdio(one_server, game), mode=era, message_handler=heard) as client:
        art = Art(client, game)
        uri = f"pixels://assets/{await art.make('one')}"
        async with heard.subscribed(client, uri):
            said = health(one_server)
            assert said is not None
            os.kill(said["pid"], signal.SIGKILL)
            await art.make("one")  # starts another server
            await until(lambda: heard.of(uri) >= 1, 60)
            known = heard.of(uri)
            await art.make("one")
            await until(lambda: heard.of(uri) > known)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_who_listens_is_told_that_the_server_ends(serving: Settings) -> None:
    """The stream ends as the protocol has it, so that a client knows that nothing went wrong."""
    async with (
        Client(StreamableHttpTransport(serving.url)) as client,
        listen(client.session, resource_subscriptions=["pixels://assets"]) as stream,
    ):
        said = health(serving)
        assert said is not None
        os.kill(said["pid"], signal.SIGTERM)
        assert [event async for event in stream] == []  # or SubscriptionLost


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("era", ERAS)
async def test_the_proxy_passes_on_what_is_around_the_tools(serving: Settings, game: Path, era: str) -> None:
    """Guide, prompts, status, lists and completion are the server's; a prompt of 100 MB does not get that far."""
    async with Client(stdio(serving, game), mode=era) as client:
        assert (await read(client, "pixels://status"))["home"] == str(serving.home)
        assert {"make_character", "make_terrain", "train_my_style"} == {prompt.name for prompt in await client.list_prompts()}
        assert (await client.get_prompt("make_terrain", {"terrains": "water, sand"})).messages
        assert "pixels://models/tiny-sdxl" in {str(resource.uri) for resource in await client.list_resources()}
        models = ResourceTemplateReference(type="ref/resource", uri="pixels://models/{model_id}")
        assert (await client.complete(models, {"name": "model_id", "value": "t"})).values == ["tiny-sdxl"]
        refused = await client.call_tool("generate_sprite", {"prompt": "x" * (100 << 20)}, raise_on_error=False)
        assert "prompts have up to 500" in text_of(refused)
        with pytest.raises(MCPError, match="pixels://guide names all there are"):
            await client.read_resource("pixels://assets/../../../etc/passwd")


async def test_a_client_that_takes_nothing_delays_no_other() -> None:
    """Its notices wait, one for each resource; another client of the older era has its own at once, in their order."""

    class Connection:
        def __init__(self, free: asyncio.Event) -> None:
            self.sent: list[str] = []
            self._free = free

        async def send_resource_updated(self, uri: str) -> None:
            await self._free.wait()
            self.sent.append(uri)

    stuck, well = Connection(asyncio.Event()), Connection(asyncio.Event())
    well._free.set()
    clients = [_Legacy(connection) for connection in (stuck, well)]  # type: ignore[arg-type]  # the one thing that is not real
    for client in clients:
        client.uris |= {"a", "b"}
    for _ in range(100):
        for client in clients:
            client.offer(ResourceUpdated("a"))
            client.offer(ResourceUpdated("b"))
            client.offer(ResourceUpdated("c"))
        await asyncio.sleep(0)
    await until(lambda: well.sent)
    assert (stuck.sent, set(well.sent)) == ([], {"a", "b"})

    stuck._free.set()
    await until(lambda: len(stuck.sent) == 3)
    await asyncio.sleep(0.05)
    assert stuck.sent == ["a", "b", "a"]


async def test_who_subscribes_to_too_much_is_refused(server: FastMCP[Any]) -> None:
    """In a sentence with the number that may be."""
    async with Client(server) as client:
        with pytest.raises(MCPError, match="1000 resources, not to 1001"):
            async with listen(client.session, resource_subscriptions=[f"pixels://assets/{i}" for i in range(1001)]):
                pass
