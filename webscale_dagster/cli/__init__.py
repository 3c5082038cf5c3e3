"""The command ``webscale``: a lazy table of contents, so that ``--help`` imports nothing heavy.

Every command has a module of its name; errors a user can mend come as one line on stderr.
"""

from __future__ import annotations

import importlib
import sys

import click

# command -> module in this package
COMMANDS = {
    "demo": "demo",
    "ingest": "ingest",
    "run": "run",
    "backfill": "backfill",
    "ui": "ui",
    "show": "show",
    "try": "try_document",
    "stage": "stage",
    "dedup": "dedup",
    "decontaminate": "decontaminate",
    "text-report": "text_report",
    "status": "status",
    "export": "export",
    "audit": "audit",
    "red-team": "red_team",
    "train": "train",
    "train-demo": "train",
    "doctor": "doctor",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"webscale_dagster.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.COMMANDS[cmd_name]
        return command


# \b keeps click from filling the lines.
_HELP = """Turn pretraining documents into verifiable question-answer pairs for RL.

\b
Start here:
  webscale demo          the whole walk on the package's samples, without a model
  webscale ui            web UI and daemon on 127.0.0.1
  webscale ingest DIR    register your own corpus, then: webscale run
"""


@click.command(cls=_Lazy, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="webscale-dagster", prog_name="webscale")
def cli() -> None:
    """Run nothing itself: the commands do."""


def main() -> None:
    """Run the command; a mistake of the user's is one line, a defect of ours keeps its trace."""
    from webscale_dagster.llm.errors import RunEnds
    from webscale_dagster.recipe import RecipeError
    from webscale_dagster.shards import UnknownShard

    try:
        sys.exit(cli.main(standalone_mode=False))  # a command's Exit comes back as its code
    except click.Abort:
        sys.exit("stopped; what was finished is kept, run it again to go on")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (RecipeError, RunEnds, UnknownShard, FileNotFoundError, ValueError) as error:
        sys.exit(f"error: {error}")
