"""``webscale ui``: web UI and daemon on 127.0.0.1, stopped by Ctrl-C."""

from __future__ import annotations

import signal
import time
from types import FrameType

import click

from webscale_dagster import shards
from webscale_dagster.cli.console import console
from webscale_dagster.cli.locks import hold
from webscale_dagster.cli.processes import answers, daemon, free_port, running, webserver
from webscale_dagster.home import home
from webscale_dagster.walk import Walk


@click.command("ui")
@click.option("--port", default=3000, show_default=True)
def ui(port: int) -> None:
    """Serve the web UI and run the daemon until Ctrl-C.

    Sensors and the schedule are off at first: switch them on under Automation.

    Example: webscale ui --port 3333
    """
    free_port(port)
    from webscale_dagster.cli.runs import bury_launched, instance_at_home
    from webscale_dagster.defs.partitions import sync_shards

    if not hold("ui"):
        raise click.ClickException(f"webscale ui serves {home()} already; two daemons would clash")
    with instance_at_home() as instance:
        bury_launched(instance)
        sync_shards(instance, shards.names(Walk.at_home().lake))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        _serve(port)
    except KeyboardInterrupt:
        console.print("stopped")


def _serve(port: int) -> None:
    """Until a signal; returns only by an exception."""
    with running([webserver(port), daemon()]) as processes:
        console.print(f"starting on http://127.0.0.1:{port} …")
        said = False
        while all(process.poll() is None for process in processes):
            if not said and answers(port):
                console.print(f"[bold]http://127.0.0.1:{port}[/bold]  (Ctrl-C stops it)")
                said = True
            time.sleep(0.5)
    raise click.ClickException("a process ended by itself; its messages are above")


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(number, signal.SIG_IGN)  # once is enough: let the processes be stopped
    raise KeyboardInterrupt


COMMANDS = {"ui": ui}
