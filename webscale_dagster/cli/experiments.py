"""Runs experiments in this process, recorded in the home's Dagster instance.

One that fails is reported and the others go on.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence

from webscale_dagster.cli.console import bars, console, errors
from webscale_dagster.cli.locks import hold
from webscale_dagster.cli.runs import LIFE, QUIET, Outcome, instance_at_home, why
from webscale_dagster.defs.partitions import sync_experiments


class Experiments:
    """Jobs ``prepare_answers``, ``train``, ``evaluate`` and ``compare`` over experiments."""

    def __init__(self, trainer: Mapping[str, object]) -> None:
        """``trainer`` is run configuration of the resource of that name."""
        from webscale_dagster.definitions import defs

        self.instance = instance_at_home()
        life = f"run-{os.getpid()}-{int(time.time())}"
        hold(life)
        self._life = f"{socket.gethostname()}/{life}"
        self._definitions = defs()
        self._config = {**QUIET, "resources": {"trainer": {"config": dict(trainer)}}}

    def run(self, names: Sequence[str], *, evaluate: bool) -> Outcome:
        """Train every experiment, score it, then compare the arms."""
        sync_experiments(self.instance, list(names))
        outcome = Outcome()
        jobs = ("train", "evaluate") if evaluate else ("train",)
        with bars(len(names) + evaluate) as display:
            display.at("sft_answers")
            if not self._execute("prepare_answers", "", outcome):
                return outcome
            for name in names:
                display.at(name)
                if all(self._execute(job, name, outcome) for job in jobs):
                    outcome.done.append(name)
                    if not console.is_terminal:
                        console.print(f"{name}: done")
                display.done()
            if evaluate:
                display.at("token_efficiency")
                self._execute("compare", "", outcome)
                display.done()
        return outcome

    def _execute(self, job: str, name: str, outcome: Outcome) -> bool:
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=name or None,
            raise_on_error=False,
            run_config=self._config if job != "compare" else QUIET,
            tags={LIFE: self._life, "dagster/max_retries": "0"},
        )
        if not result.success:
            outcome.failed[name or job] = why(result)
            errors.print(f"[red]failed[/red] {name or job}: ", end="")
            errors.print(outcome.failed[name or job], markup=False)
        return result.success
