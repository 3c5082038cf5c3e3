"""The server that the tests of faults talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def running() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def server(running: OpenAIServer) -> OpenAIServer:
    """The module's server, healthy and with all counts at zero."""
    running.script({})
    running.reset_counts()
    return running
