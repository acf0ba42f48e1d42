"""The search: it sends parameters to workers and records their results in the study."""

import math
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gingham.config import TuneSpec
from gingham.config.space import Space
from gingham.duration import time_limit
from gingham.errors import ConfigError
from gingham.progress import Progress, progress_bar
from gingham.tuning.interrupt import Interrupt
from gingham.tuning.pool import Worker, WorkerPool
from gingham.tuning.starts import Start
from gingham.tuning.study import (
    EPOCHS,
    HEARTBEAT_SECONDS,
    LOSSES,
    N_STAGES,
    PARAMS,
    REASON,
    RETRIES,
    SECONDS,
    START,
    VALUES,
    draws,
    finished_trials,
    killed_trial,
    optuna,
    optuna_distributions,
    parameter_values,
    repeat_trial,
)

if TYPE_CHECKING:
    from optuna import Study, Trial

# The search gives up when this many trials have failed and no other trial has finished.
_MAX_FIRST_FAILURES = 3
# A trial that has not ended this many seconds after the time limit is stopped in the middle of an epoch or a fit.
_GRACE = 5


class Search:
    """One search in a study, which may contain trials of earlier searches and of others that run at the same time.

    Parameters
    ----------
    study : optuna.Study
        The study in which trials are recorded.
    space : mapping of str to distribution
        The search space.
    spec : TuneSpec
        The number of trials and workers, and the time limit.
    progress : Progress
        Receives messages about trials.
    starts : sequence of Start
        The first trials, which are never pruned; none by default. The first of them is the model as it is given.
    """

    def __init__(
        self,
        study: "Study",
        space: Space,
        spec: TuneSpec,
        progress: Progress,
        starts: Sequence[Start] = (),
    ) -> None:
        self._study, self._space, self._spec, self._progress = study, space, spec, progress
        self._starts = starts
        self._storage: Any = study._storage
        self._optuna = optuna()
        self._states = self._optuna.trial.TrialState
        self._distributions = optuna_distributions(space)
        self._running: dict[Worker, Trial] = {}
        self._curves: dict[int, list[tuple[float, float]]] = {}
        self._last_heartbeat = -math.inf
        limit = math.inf if spec.timeout is None else time_limit(spec.timeout).total_seconds()
        self._deadline = time.monotonic() + limit

    def run(self, folder: Path, verbose: bool = True) -> None:
        """Run trials until the study has enough of them, or the time is up.

        Parameters
        ----------
        folder : Path
            The job, as `gingham.tuning.job.write_job` writes it.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Raises
        ------
        ConfigError
            If the first trials all fail.
        KeyboardInterrupt
            After Ctrl-C, once the running trials are recorded as failed.
        """
        n_finished = len(finished_trials(self._study))
        with progress_bar(
            total=max(n_finished, self._spec.trials),
            initial=n_finished,
            unit=" trials",
            verbose=verbose,
        ) as bar:
            self._bar = bar
            self._update_bar()
            pool = WorkerPool(folder, min(self._spec.workers, max(0, self._spec.trials - n_finished)))
            with Interrupt(pool.wake) as interrupt:
                try:
                    with pool:
                        self._run_trials(pool, interrupt)
                finally:
                    # Otherwise trials of an interrupted search would stay "running" in the study.
                    for worker in list(self._running):
                        self._fail(worker)

    def _run_trials(self, pool: WorkerPool, interrupt: Interrupt) -> None:
        while True:
            interrupt.check()
            for worker in pool:
                if worker not in self._running and self._needs_trial():
                    self._start_trial(worker)
            if not self._running:
                return
            message = pool.receive(min(HEARTBEAT_SECONDS, self._deadline + _GRACE - time.monotonic()))
            if time.monotonic() - self._last_heartbeat > HEARTBEAT_SECONDS:
                self._send_heartbeat()
            if time.monotonic() > self._deadline + _GRACE:
                self._stop_trials()
                return
            if message is None:
                continue
            worker, content = message
            try:
                self._handle(pool, worker, content)
            except self._optuna.exceptions.UpdateFinishedTrialError:
                # The machine was suspended, and another search marked the trial as failed.
                del self._running[worker]
                pool.replace(worker)

    def _handle(self, pool: WorkerPool, worker: Worker, message: dict[str, Any] | None) -> None:
        if message is None:
            self._handle_exit(worker)
            pool.replace(worker)
        elif "epoch" in message:
            self._record_epoch(worker, message)
        else:
            self._finish_trial(worker, message)
            self._update_bar()

    def _has_time(self) -> bool:
        return time.monotonic() < self._deadline

    def _needs_trial(self) -> bool:
        n_trials = len(finished_trials(self._study)) + len(self._running)
        return self._has_time() and n_trials < self._spec.trials

    def _start_trial(self, worker: Worker) -> None:
        self._enqueue_start()
        with warnings.catch_warnings():
            # Optuna warns that heartbeats need `Study.optimize`; here `_send_heartbeat` sends them.
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            trial = self._study.ask()
        params = trial.user_attrs.get(PARAMS)
        # A complete start, and a trial that is repeated, have parameters; the sampler sees those that it could draw.
        names = self._distributions if params is None else draws(self._space, params)
        drawn = {name: trial._suggest(name, self._distributions[name]) for name in names}
        if params is None:
            params = parameter_values(self._space, drawn)
            trial.set_user_attr(PARAMS, params)
        self._running[worker], self._curves[trial.number] = trial, []
        self._send_heartbeat()
        worker.send({"params": params, "as_given": trial.user_attrs.get(START) == 0})

    def _enqueue_start(self) -> None:
        """Let the next trial have the first of the starting points that the study does not have yet."""
        places = {trial.user_attrs.get(START) for trial in self._study.get_trials(deepcopy=False)}
        for place, start in enumerate(self._starts):
            if place not in places:
                attributes = {PARAMS: dict(start.params)} if start.is_complete else {}
                self._study.enqueue_trial(draws(self._space, start.params), {**attributes, START: place})
                return

    def _stop_trials(self) -> None:
        """Record that the time is up for the running trials; their workers end with the pool."""
        for worker in list(self._running):
            self._record_result(worker, None)

    def _send_heartbeat(self) -> None:
        """Record that the running trials are alive, and mark trials of searches without a heartbeat as failed."""
        self._last_heartbeat = time.monotonic()
        for trial in self._running.values():
            self._storage.record_heartbeat(trial._trial_id)
        failed = self._numbers(self._states.FAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            self._optuna.storages.fail_stale_trials(self._study)
        for number in sorted(self._numbers(self._states.FAIL) - failed):
            self._progress.message(killed_trial(number))

    def _numbers(self, state: Any) -> set[int]:
        return {trial.number for trial in self._study.get_trials(deepcopy=False, states=(state,))}

    def _record_epoch(self, worker: Worker, epoch: dict[str, Any]) -> None:
        """Record an epoch of a trial, and tell the worker whether to continue."""
        trial, curve = self._running[worker], self._curves[self._running[worker].number]
        curve.append((epoch["loss"], epoch["value"]))
        quarter, before = (N_STAGES * number // epoch["epochs"] for number in (epoch["epoch"], epoch["epoch"] - 1))
        keeps = True
        if quarter > before:
            trial.report(max(value for _, value in curve), quarter)
            keeps = START in trial.user_attrs or not trial.should_prune()
        worker.send(self._has_time() and keeps)

    def _finish_trial(self, worker: Worker, message: dict[str, Any]) -> None:
        if "error" not in message:
            self._record_result(worker, message["result"])
            return
        number, reason = self._running[worker].number, message["error"]
        self._fail(worker, reason)
        self._progress.message(f"Trial {number} failed: {reason}")
        self._check_failures(reason)

    def _record_result(self, worker: Worker, result: dict[str, Any] | None) -> None:
        trial = self._running.pop(worker)
        curve = self._curves.pop(trial.number)
        trial.set_user_attr(LOSSES, [loss for loss, _ in curve])
        trial.set_user_attr(VALUES, [value for _, value in curve])
        if result is None:
            self._study.tell(trial, state=self._states.PRUNED)
            return
        trial.set_user_attr(EPOCHS, result[EPOCHS])
        trial.set_user_attr(SECONDS, result[SECONDS])
        best, value = self._best_value(), result["value"]
        self._study.tell(trial, value)
        if best is None or value > best:
            self._progress.message(f"Trial {trial.number}: {self._spec.metric} {value:.4f}, the best so far.")

    def _fail(self, worker: Worker, reason: str | None = None) -> None:
        """Mark the trial of a worker as failed; without a reason it does not count as finished."""
        trial = self._running.pop(worker)
        self._curves.pop(trial.number)
        if reason is not None:
            trial.set_user_attr(REASON, reason)
        self._study.tell(trial, state=self._states.FAIL)

    def _handle_exit(self, worker: Worker) -> None:
        """Repeat the trial of a worker that has ended, at most `RETRIES` times."""
        if worker not in self._running:
            return
        reason, number = worker.exit_reason, self._running[worker].number
        retry = len(self._study.get_trials()[number].system_attrs.get("retry_history", ())) < RETRIES
        self._fail(worker, None if retry else f"its worker {reason}")
        if retry:
            repeat_trial(self._study, number)
            consequence = "its parameters are tried again in a new trial"
        else:
            consequence = "this happened twice with its parameters, so they are left out"
        self._progress.message(f"The worker of trial {number} {reason}; {consequence}.")
        self._check_failures(f"its worker {reason}.")

    def _check_failures(self, reason: str) -> None:
        """Raise ConfigError if the first trials all failed."""
        trials = finished_trials(self._study)
        enough = len(trials) >= min(_MAX_FIRST_FAILURES, self._spec.trials)
        if enough and all(trial.state == self._states.FAIL for trial in trials):
            if len(trials) == 1:
                raise ConfigError(f"The only trial failed: {reason}")
            raise ConfigError(f"All of the first {len(trials)} trials failed. The reason of the last one: {reason}")

    def _best_value(self) -> float | None:
        complete = self._study.get_trials(deepcopy=False, states=(self._states.COMPLETE,))
        return max((trial.value for trial in complete if trial.value is not None), default=None)

    def _update_bar(self) -> None:
        best = self._best_value()
        if best is not None:
            self._bar.set_postfix_str(f"best {self._spec.metric} {best:.4f}", refresh=False)
        self._bar.update(len(finished_trials(self._study)) - self._bar.n)
