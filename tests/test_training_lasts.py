"""A training outlives callers and servers, and one that was stopped gives the very LoRA of one that was not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from filelock import FileLock
from processes import DGX_PIXELS, health, options
from training_calls import SHORT, at_step, call, children, client_of, digest, sprites, until

from dgx_pixels.server.connect import transport
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

STEPS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sprites in one style."""
    return sprites(tmp_path_factory.mktemp("art"))


@pytest.fixture(scope="module")
def asked(folder: Path) -> dict[str, Any]:
    """A training of some seconds, with a checkpoint after each step."""
    few = {"batch_size": 2, "checkpoint_minutes": 0}
    return {**SHORT, "source": str(folder), "steps": STEPS, "rank": 2, "settings": few, "wait_s": 0}


@pytest.fixture(scope="module")
def uninterrupted(asked: dict[str, Any], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """SHA-256 of the LoRA that the training gives if nothing happens to it."""
    settings = Settings(home=tmp_path_factory.mktemp("whole"), device="cpu")

    async def train() -> str:
        async with client_of(settings, folder) as client:
            return digest(await call(client, "train_lora", **asked | {"wait_s": 500}))

    return asyncio.run(train())


async def done(client: Client[Any], job_id: str) -> dict[str, Any]:
    """The answer of a job that is done."""
    answer = await call(client, "get_job", job_id=job_id, wait_s=500)
    assert answer["status"] == "done", answer
    return answer


async def test_paused_and_resumed(settings: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str) -> None:
    """cancel_job(pause=true) keeps a checkpoint, ends the process, and outlives the server; resume goes on from there."""
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(4))
        await call(client, "cancel_job", job_id=job_id, pause=True)
        paused = await call(client, "get_job", job_id=job_id, wait_s=500)
        assert paused["status"] == "paused"
        assert f"resume='{job_id}'" in paused["next"]
        assert not children(settings)
    async with client_of(settings, folder) as client:
        assert (await call(client, "get_job", job_id=job_id, wait_s=1))["status"] == "paused"  # nobody takes it over
        again = await call(client, "train_lora", resume=job_id, wait_s=500)

    assert digest(again) == uninterrupted
    assert again["job_id"] == job_id
    log = (settings.home / "jobs" / job_id / "metrics.jsonl").read_text().splitlines()
    assert len(log) == STEPS


@pytest.mark.stress
async def test_cancelled_and_resumed(settings: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str) -> None:
    """A cancel ends the process at its next step and says what stays; the training can be taken up all the same."""
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(3))
        await call(client, "cancel_job", job_id=job_id)
        cancelled = await call(client, "get_job", job_id=job_id, wait_s=500)  # on a busy machine a step may be slow
        assert cancelled["status"] == "cancelled"
        assert "Its checkpoints stay" in cancelled["next"]
        assert not children(settings)
        assert digest(await call(client, "train_lora", resume=job_id, wait_s=500)) == uninterrupted


async def test_a_caller_that_goes_away_does_not_end_it(settings: Settings, folder: Path, asked: dict[str, Any]) -> None:
    """A cancelled call leaves the training running; get_job has its result."""
    async with client_of(settings, folder) as client:
        calling = asyncio.create_task(client.call_tool("train_lora", asked | {"wait_s": 500}))
        while not children(settings):
            await asyncio.sleep(0.1)
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        (job_id,) = children(settings)
        await done(client, job_id)


async def test_a_server_that_is_closed_leaves_it_to_the_next(
    settings: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str
) -> None:
    """The process stops with a checkpoint; the next server goes on by itself, under the same id."""
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(4))
    while children(settings):  # it ends by itself, at its next step: a server does not wait long for it
        await asyncio.sleep(0.1)
    async with client_of(settings, folder) as client:
        assert digest(await done(client, job_id)) == uninterrupted


@pytest.mark.stress
async def test_killed_again_and_again(one_server: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str) -> None:
    """By kill -9: of the server, thrice, and of the training process: nothing is lost, no attempt counts against it."""
    settings, job_id = one_server, ""
    for round_ in range(4):
        server = await asyncio.create_subprocess_exec(*DGX_PIXELS, "serve", *options(settings), "--read-roots", str(folder))
        while health(settings) is None:
            await asyncio.sleep(0.1)
        async with Client(transport(settings, None)) as client:
            if not job_id:
                job_id = (await call(client, "train_lora", **asked))["job_id"]
            if round_ == 3:
                assert digest(await done(client, job_id)) == uninterrupted
            else:
                await until(client, job_id, at_step(3 + 4 * round_))
                child = children(settings)[job_id]
                if round_ == 1:
                    os.kill(child, signal.SIGKILL)
                server.kill()
        if round_ == 3:
            server.terminate()
        await server.wait()
    with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        assert db.execute("SELECT count(*), max(status) FROM jobs").fetchall() == [(1, "done")]


async def test_a_killed_process_fails_its_job_and_can_go_on(
    settings: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str
) -> None:
    """As the system does it when memory runs out: one sentence, and resume goes on from the last checkpoint."""
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(4))
        os.kill(children(settings)[job_id], signal.SIGKILL)
        failed = await call(client, "get_job", job_id=job_id, wait_s=300)
        assert failed["status"] == "failed"
        assert "ended with signal 9" in failed["error"]
        assert f"train_lora with resume='{job_id}'" in failed["error"]
        assert digest(await call(client, "train_lora", resume=job_id, wait_s=500)) == uninterrupted


async def test_a_full_disk_fails_its_job_and_can_go_on(
    settings: Settings, folder: Path, asked: dict[str, Any], uninterrupted: str
) -> None:
    """Where a checkpoint cannot be written, the last whole one stays; with room again the training goes on."""
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(4))
        resource.prlimit(children(settings)[job_id], resource.RLIMIT_FSIZE, (20_000, 20_000))  # less than a checkpoint
        failed = await call(client, "get_job", job_id=job_id, wait_s=300)
        assert failed["status"] == "failed"
        assert failed["error"].startswith("The disk is full: free some space")
        assert list((settings.home / "jobs" / job_id / "checkpoints").glob("step_*"))
        assert digest(await call(client, "train_lora", resume=job_id, wait_s=500)) == uninterrupted


@pytest.mark.stress
async def test_one_at_a_time_over_all_processes(settings: Settings, folder: Path, asked: dict[str, Any], tmp_path: Path) -> None:
    """A second training is queued and says behind which; so is one in another process; each begins when its turn comes."""
    async with client_of(settings, folder) as client, client_of(settings, folder) as other:
        first = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, first, at_step(1))
        second = (await call(client, "train_lora", **asked | {"name": "second", "steps": 3}))["job_id"]
        third = (await call(other, "train_lora", **asked | {"name": "third", "steps": 3}))["job_id"]
        for where, job_id in ((client, second), (other, third)):
            waiting = await until(where, job_id, lambda answer: "queued: waits" in answer["progress"]["message"])
            assert waiting["status"] == "queued"
            assert f"waits for training {first}" in waiting["progress"]["message"]
        assert list(children(settings)) == [first]
        with pytest.raises(ToolError, match=f"Training {second}, which is (queued|running), will make a LoRA second"):
            await client.call_tool("train_lora", asked | {"name": "second", "wait_s": 60})
        await call(client, "cancel_job", job_id=first)
        assert (await call(client, "get_job", job_id=first, wait_s=500))["status"] == "cancelled"
        await done(client, second)
        await done(other, third)


@pytest.mark.stress
async def test_a_queued_training_can_be_paused_and_cancelled(settings: Settings, folder: Path, asked: dict[str, Any]) -> None:
    """Before its turn has come; nothing was begun then."""
    settings.home.mkdir()
    async with client_of(settings, folder) as client:
        with FileLock(settings.home / "training.lock"):  # another process trains
            job_id = (await call(client, "train_lora", **asked | {"steps": 3}))["job_id"]
            await until(client, job_id, lambda answer: "another process" in answer["progress"]["message"])
            (settings.home / "training.holder").write_text("0123456789ab")  # as it says who it is
            await until(client, job_id, lambda answer: "waits for training 0123456789ab" in answer["progress"]["message"])
            assert (await call(client, "cancel_job", job_id=job_id, pause=True))["status"] == "paused"
            await call(client, "train_lora", resume=job_id, wait_s=0)
            assert (await call(client, "cancel_job", job_id=job_id))["status"] == "cancelled"
        assert not children(settings)


async def test_a_lora_of_another_is_never_replaced_unasked(settings: Settings, folder: Path, asked: dict[str, Any]) -> None:
    """One that appears while it trains stays; the new one is kept, and installed once the name is free."""
    target = settings.home / "models" / "loras" / "handheld.safetensors"
    async with client_of(settings, folder) as client:
        job_id = (await call(client, "train_lora", **asked))["job_id"]
        await until(client, job_id, at_step(1))
        target.write_bytes(b"somebody's")
        failed = await call(client, "get_job", job_id=job_id, wait_s=500)
        assert failed["status"] == "failed"
        assert f"{target} is there since this training began" in failed["error"]
        assert target.read_bytes() == b"somebody's"
        target.unlink()
        again = await call(client, "train_lora", resume=job_id, wait_s=500)
        assert Path(again["result"]["training"]["file"]) == target
        first = digest(again)  # now: the next one has the same file

        replaced = await call(client, "train_lora", **asked | {"steps": 3, "overwrite": True, "wait_s": 500})
        assert digest(replaced) != first


def test_the_command_trains_and_is_paused_by_ctrl_c(settings: Settings, folder: Path, tmp_path: Path) -> None:
    """Where no server runs it is paused, with a checkpoint, and says how to go on."""
    words = [*DGX_PIXELS, "train", *options(settings)]
    begin = [*words, str(folder), "--name", "handheld", "--preset", "fast", "--steps", "400", "--sample", "a potion"]
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell in the background has its children ignore Ctrl-C
    with subprocess.Popen(
        begin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listens,  # no thread forks
    ) as command:
        while not (running := children(settings)):
            time.sleep(0.1)
        (job_id,) = running
        while not (settings.home / "jobs" / job_id / "metrics.jsonl").exists():
            time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=300)
    assert command.returncode == 130
    assert f"`dgx-pixels train --resume {job_id}` goes on" in said
    until = time.monotonic() + 60
    while children(settings):  # it may still be ending
        assert time.monotonic() < until
        time.sleep(0.1)
    with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        assert db.execute("SELECT status FROM jobs").fetchall() == [("paused",)]
