"""The search: hands parameters to workers, hears what comes of them, and writes it into the study."""

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gingham.config import TuneSpec
from gingham.config.space import Space
from gingham.duration import time_limit
from gingham.errors import ConfigError
from gingham.tuning.interrupt import Interrupt
from gingham.tuning.pool import Worker, Workers
from gingham.tuning.study import (
    BEAT,
    EPOCHS,
    LOSSES,
    PARAMS,
    REASON,
    RETRIES,
    SECONDS,
    distributions,
    finished,
    optuna,
    values,
)

if TYPE_CHECKING:
    from optuna import Study, Trial

# If so many trials fail before any is done, nothing will come of it.
_HOPELESS = 3


class Search:
    """One search in a study, which may hold trials of earlier ones and of others that run at the same time.

    Parameters
    ----------
    study : optuna.Study
        Where trials are kept.
    space : mapping of str to distribution
        What is tried.
    spec : TuneSpec
        How many trials, for how long, by how many workers.
    say : callable
        Told in a sentence what happens.
    """

    def __init__(self, study: "Study", space: Space, spec: TuneSpec, say: Callable[[str], None]) -> None:
        self._study, self._space, self._spec, self._say = study, space, spec, say
        self._storage: Any = study._storage
        self._tool = optuna()
        self._states = self._tool.trial.TrialState
        self._distributions = distributions(space)
        self._running: dict[Worker, Trial] = {}
        self._losses: dict[int, list[float]] = {}
        self._beaten = -math.inf
        self._deadline = time.monotonic() + (
            math.inf if spec.timeout is None else time_limit(spec.timeout).total_seconds()
        )

    def run(self, folder: Path, verbose: bool = True) -> None:
        """Try parameters until there are enough trials in the study, or the time is up.

        Parameters
        ----------
        folder : Path
            A job, as `gingham.tuning.job` writes it.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Raises
        ------
        ConfigError
            If nothing but failures comes of it.
        KeyboardInterrupt
            After Ctrl-C, as soon as what was going on is written down.
        """
        done = len(finished(self._study))
        with tqdm(
            total=max(done, self._spec.trials), initial=done, unit=" trials", disable=None if verbose else True
        ) as bar:
            self._bar = bar
            self._show()
            workers = Workers(folder, min(self._spec.workers, max(0, self._spec.trials - done)))
            with Interrupt(workers.wake) as interrupt:
                try:
                    with workers:
                        self._go(workers, interrupt)
                finally:
                    # An interrupted search leaves no trial that looks as if it ran.
                    for worker in list(self._running):
                        self._fail(worker)

    def _go(self, workers: Workers, interrupt: Interrupt) -> None:
        while True:
            interrupt.check()
            for worker in workers:
                if worker not in self._running and self._wants_more():
                    self._ask(worker)
            if not self._running:
                return
            heard = workers.next(BEAT)
            if time.monotonic() - self._beaten > BEAT:
                self._beat()
            if heard is None:
                continue
            try:
                self._hear(workers, *heard)
            except self._tool.exceptions.UpdateFinishedTrialError:
                # The machine slept, and another search took the trial for dead.
                del self._running[heard[0]]
                workers.replace(heard[0])

    def _hear(self, workers: Workers, worker: Worker, message: dict[str, Any] | None) -> None:
        if message is None:
            self._lose(worker)
            workers.replace(worker)
        elif "epoch" in message:
            self._report(worker, message)
        else:
            self._end(worker, message)
            self._show()

    def _in_time(self) -> bool:
        return time.monotonic() < self._deadline

    def _wants_more(self) -> bool:
        return self._in_time() and len(finished(self._study)) + len(self._running) < self._spec.trials

    def _ask(self, worker: Worker) -> None:
        with warnings.catch_warnings():
            # That heartbeats are for `Study.optimize`; `_beat` sends them.
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            trial = self._study.ask(self._distributions)
        params = values(self._space, trial.params)
        trial.set_user_attr(PARAMS, params)
        self._running[worker], self._losses[trial.number] = trial, []
        self._beat()
        worker.send(params)

    def _beat(self) -> None:
        """Tell the database that the trials here are alive, and give up those of searches that no longer are."""
        self._beaten = time.monotonic()
        for trial in self._running.values():
            self._storage.record_heartbeat(trial._trial_id)
        failed = self._numbers(self._states.FAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._tool.exceptions.ExperimentalWarning)
            self._tool.storages.fail_stale_trials(self._study)
        for number in sorted(self._numbers(self._states.FAIL) - failed):
            self._say(f"Trial {number} was left by a search that was killed; its parameters are tried again.")

    def _numbers(self, state: Any) -> set[int]:
        return {trial.number for trial in self._study.get_trials(deepcopy=False, states=(state,))}

    def _report(self, worker: Worker, epoch: dict[str, Any]) -> None:
        """Write down what an epoch came to, and say whether the next one is worth it."""
        trial = self._running[worker]
        trial.report(epoch["value"], epoch["epoch"])
        self._losses[trial.number].append(epoch["loss"])
        worker.send(self._in_time() and not trial.should_prune())

    def _end(self, worker: Worker, message: dict[str, Any]) -> None:
        if "error" not in message:
            self._finish(worker, message["result"])
            return
        number, reason = self._running[worker].number, message["error"]
        self._fail(worker, reason)
        self._say(f"Trial {number} failed: {reason}")
        self._require_hope(reason)

    def _finish(self, worker: Worker, result: dict[str, Any] | None) -> None:
        trial = self._running.pop(worker)
        trial.set_user_attr(LOSSES, self._losses.pop(trial.number))
        if result is None:
            self._study.tell(trial, state=self._states.PRUNED)
        else:
            trial.set_user_attr(EPOCHS, result[EPOCHS])
            trial.set_user_attr(SECONDS, result[SECONDS])
            before = self._best()
            self._study.tell(trial, result["value"])
            if before is None or result["value"] > before:
                self._say(f"Trial {trial.number}: {self._spec.metric} {result['value']:.4f}, the best so far.")

    def _fail(self, worker: Worker, reason: str | None = None) -> None:
        trial = self._running.pop(worker)
        self._losses.pop(trial.number)
        if reason is not None:
            trial.set_user_attr(REASON, reason)
        self._study.tell(trial, state=self._states.FAIL)

    def _lose(self, worker: Worker) -> None:
        """Go on after a worker ended, whoever ended it."""
        why = worker.why_ended()
        if worker not in self._running:
            return
        number = self._running[worker].number
        again = len(self._study.get_trials()[number].system_attrs.get("retry_history", ())) < RETRIES
        self._fail(worker, None if again else f"its worker {why}")
        if again:
            self._storage.get_heartbeat_stale_trial_callback()(self._study, self._study.get_trials()[number])
        then = "its parameters are tried again" if again else "so did the one before it, and it is left out"
        self._say(f"The worker of trial {number} {why}; {then}, and the search goes on.")
        self._require_hope(f"its worker {why}.")

    def _require_hope(self, reason: str) -> None:
        done = finished(self._study)
        n_done = len(done)
        if n_done >= min(_HOPELESS, self._spec.trials) and all(trial.state == self._states.FAIL for trial in done):
            failed = "The only trial failed" if n_done == 1 else f"All of the first {n_done} trials failed, the last"
            raise ConfigError(f"{failed} because of this: {reason}")

    def _best(self) -> float | None:
        complete = self._study.get_trials(deepcopy=False, states=(self._states.COMPLETE,))
        return max((trial.value for trial in complete if trial.value is not None), default=None)

    def _show(self) -> None:
        best = self._best()
        if best is not None:
            self._bar.set_postfix_str(f"best {self._spec.metric} {best:.4f}", refresh=False)
        self._bar.update(len(finished(self._study)) - self._bar.n)
