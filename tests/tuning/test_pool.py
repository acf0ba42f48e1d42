import os
import signal
from pathlib import Path

import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.tuning import job
from gingham.tuning.job import Settings
from gingham.tuning.pool import Worker, Workers
from tests.processes import children, nurseries

PARAMS = {"n_components": 4, "epochs": 2}


@pytest.fixture
def folder(recipe: Path, tmp_path: Path) -> Path:
    """A job on the little shop."""
    place = tmp_path / "job"
    place.mkdir()
    model = ModelSpec(random_state=1)  # type: ignore[call-arg]
    job.write(place, Settings(model, "map@5", False, 5, 1), [gg.split.by_time(gg.read_dataset(recipe), "7d")])
    return place


def results(workers: Workers, n: int) -> dict[Worker, float]:
    """Let all epochs go on until so many workers are done; give what each came to."""
    values: dict[Worker, float] = {}
    while len(values) < n:
        heard = workers.next(60)
        assert heard is not None
        worker, message = heard
        assert message is not None, worker.why_ended()
        if "epoch" in message:
            worker.send(True)
        else:
            values[worker] = message["result"]["value"]
    return values


def test_workers_are_children_of_one_process_and_all_answer(folder: Path) -> None:
    with Workers(folder, 2) as workers:
        for worker in workers:
            worker.send(PARAMS)
        one, other = results(workers, 2).values()
        assert one == other > 0
        (nursery,) = nurseries()
        assert len(children(nursery)) == 2
    assert not nurseries()


def test_a_replaced_worker_is_killed_and_its_last_words_are_no_ones(folder: Path) -> None:
    with Workers(folder, 1) as workers:
        (old,) = workers
        old.send(PARAMS)
        workers.replace(old)
        (new,) = workers
        new.send(PARAMS)
        deadline = 60
        heard = workers.next(deadline)
        while heard is None:
            heard = workers.next(deadline)
        assert heard[0] is new
        new.send(False)
        assert len(children(nurseries()[0])) == 1


def test_all_workers_of_a_killed_nursery_are_told_of_and_others_take_their_place(folder: Path) -> None:
    with Workers(folder, 2) as workers:
        before = list(workers)
        (nursery,) = nurseries()
        os.kill(nursery, signal.SIGKILL)
        for _ in before:
            heard = workers.next(60)
            assert heard is not None
            worker, message = heard
            assert message is None
            assert worker.why_ended() == "was killed (SIGKILL)"
            workers.replace(worker)
        for worker in workers:
            worker.send(PARAMS)
        assert len(results(workers, 2)) == 2
        assert not set(before) & set(workers)
