import os
import signal
from pathlib import Path

import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.tuning.job import Settings, write_job
from gingham.tuning.pool import Worker, WorkerPool
from tests.processes import children, server_processes

PARAMS = {"n_components": 4, "epochs": 2}


@pytest.fixture
def folder(recipe: Path, tmp_path: Path) -> Path:
    """The job of a search in the small shop."""
    job = tmp_path / "job"
    job.mkdir()
    model = ModelSpec(random_state=1)  # type: ignore[call-arg]
    write_job(job, Settings(model, "map@5", False, 5, 1), [gg.split.by_time(gg.read_dataset(recipe), "7d")])
    return job


def results(pool: WorkerPool, n: int) -> dict[Worker, float]:
    """Continue all trials until `n` workers have finished; return the value of each."""
    values: dict[Worker, float] = {}
    while len(values) < n:
        message = pool.receive(300)
        assert message is not None
        worker, content = message
        assert content is not None, worker.exit_reason
        if "epoch" in content:
            worker.send(True)
        else:
            values[worker] = content["result"]["value"]
    return values


def test_workers_are_children_of_one_process_and_give_the_same_result(folder: Path) -> None:
    with WorkerPool(folder, 2) as pool:
        for worker in pool:
            worker.send({"params": PARAMS, "as_given": False})
        one, other = results(pool, 2).values()
        assert one == other > 0
        (server,) = server_processes()
        assert len(children(server)) == 2
    assert not server_processes()


def test_a_replaced_worker_is_killed_and_its_messages_are_ignored(folder: Path) -> None:
    with WorkerPool(folder, 1) as pool:
        (old,) = pool
        old.send({"params": PARAMS, "as_given": False})
        pool.replace(old)
        (new,) = pool
        new.send({"params": PARAMS, "as_given": False})
        message = None
        while message is None:
            message = pool.receive(300)
        assert message[0] is new
        new.send(False)
        assert len(children(server_processes()[0])) == 1


def test_workers_of_a_killed_server_process_are_reported_and_replaced(folder: Path) -> None:
    with WorkerPool(folder, 2) as pool:
        before = list(pool)
        (server,) = server_processes()
        os.kill(server, signal.SIGKILL)
        for _ in before:
            message = pool.receive(300)
            assert message is not None
            worker, content = message
            assert content is None
            assert worker.exit_reason == "was killed (SIGKILL)"
            pool.replace(worker)
        for worker in pool:
            worker.send({"params": PARAMS, "as_given": False})
        assert len(results(pool, 2)) == 2
        assert not set(before) & set(pool)
