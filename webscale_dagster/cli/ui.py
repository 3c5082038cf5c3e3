"""``webscale ui``: web UI and daemon on 127.0.0.1, stopped by Ctrl-C."""

from __future__ import annotations

import signal
import time
from types import FrameType

import click

from webscale_dagster import shards
from webscale_dagster.cli.console import console
from webscale_dagster.cli.processes import answers, daemon, free_port, running, webserver
from webscale_dagster.walk import Walk


@click.command("ui")
@click.option("--port", default=3000, show_default=True)
def ui(port: int) -> None:
    """Serve the web UI and run the daemon until Ctrl-C.

    Sensors and the schedule are off at first: switch them on under Automation.

    Example: webscale ui --port 3333
    """
    free_port(port)
    from webscale_dagster.cli.runs import instance_at_home
    from webscale_dagster.defs.partitions import sync_shards

    with instance_at_home() as instance:
        sync_shards(instance, shards.names(Walk.at_home().lake))
    signal.signal(signal.SIGTERM, _stop)
    with running([webserver(port), daemon()]) as processes:
        console.print(f"starting on http://127.0.0.1:{port} …")
        while not answers(port) and all(p.poll() is None for p in processes):
            time.sleep(0.5)
        console.print(f"[bold]http://127.0.0.1:{port}[/bold]  (Ctrl-C stops it)")
        try:
            while all(process.poll() is None for process in processes):
                time.sleep(1)
        except KeyboardInterrupt:
            console.print("stopping")
            return
    raise click.ClickException("a process ended by itself; its messages are above")


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


COMMANDS = {"ui": ui}
