"""One demo run that the commands' tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import make_home
from webscale_dagster.cli import cli


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after ``webscale demo``; its output is in ``demo.txt``."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_home(tmp_path_factory.mktemp("demo") / "home", patch)
        result = run("demo")
        assert result.exit_code == 0, result.output
        (folder / "demo.txt").write_text(result.output, encoding="utf-8")
        yield folder


def run(*arguments: str, stdin: str | None = None) -> Result:
    """The command in this process, with all it prints."""
    return CliRunner().invoke(cli, arguments, input=stdin)
