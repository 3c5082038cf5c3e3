"""The export for verl: its columns, and a reward function that travels without the platform."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

import webscale_dagster
from tests.verl.releases import ALL, small_release
from webscale_dagster.exports import webscale_reward as reward
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.exports.verl import REWARD, files, reward_module

PACKAGE = Path(webscale_dagster.__file__).parent
FAILING = {"verifier_options": '{"tolerance": "much"}', "example_id": "e1", "question": "How many?"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Pinned:
    return small_release(tmp_path_factory.mktemp("verl") / "home")


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., str]:
    def write(**given: Any) -> str:
        path = tmp_path / f"settings-{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        return str(path)

    return write


def test_rows_have_verl_s_columns(release: Pinned) -> None:
    made = files(release, ALL)
    known = release.table("rl_splits").collect()
    assert set(made) == {"train.parquet", "validation.parquet", REWARD, "README.md"}
    for split in ("train", "validation"):
        rows = pl.read_parquet(io.BytesIO(made[f"{split}.parquet"]))
        assert rows.columns == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
        examples = known.filter(pl.col("split") == split)
        assert rows["ability"].to_list() == examples["domain"].to_list()
        for at, (row, example) in enumerate(zip(rows.to_dicts(), examples.to_dicts(), strict=True)):
            info = row["extra_info"]
            assert row["data_source"] == f"webscale/{example['answer_type']}"
            assert row["reward_model"] == {"style": "rule", "ground_truth": example["ground_truth"]}
            assert (info["split"], info["index"], info["example_id"]) == (
                split,
                at,
                example["example_id"],
            )
            assert row["prompt"] == json.loads(example["prompt"])
            assert info["question"] in row["prompt"][-1]["content"]
            truth = row["reward_model"]["ground_truth"]
            made_of = reward.compute_score(row["data_source"], f"Answer: {truth}", truth, info)
            assert made_of == {"score": 1.0, "acc": 1.0, "failed": 0, "outcome": "correct"}


def test_always_the_same_bytes(release: Pinned) -> None:
    assert files(release, ALL) == files(release, ALL)
    assert reward_module() == Path(reward.__file__).read_bytes()


def test_right_wrong_and_unreadable_answers_differ() -> None:
    def outcome(text: str) -> str:
        return str(reward.compute_score("webscale/number", text, "42 km", {})["outcome"])

    assert outcome("Answer: 42 km") == "correct"
    assert outcome("Answer: 43 km") == "wrong"
    assert outcome("I cannot say.") == "unparseable"
    assert outcome("") == "unparseable"


def test_a_failed_verifier_is_no_wrong_answer(settings: Callable[..., str], tmp_path: Path) -> None:
    wrong = reward.compute_score("webscale/number", "Answer: 41", "42", {})
    failed = reward.compute_score("webscale/number", "Answer: 42", "42", FAILING)
    assert wrong["failed"] == 0 and wrong["score"] == failed["score"] == 0.0
    assert failed["failed"] == 1 and failed["outcome"] == "error"

    counted = tmp_path / "failures.jsonl"
    strict = settings(on_failure="raise", failures=str(counted))
    for _ in range(2):
        with pytest.raises(reward.VerifierFailed, match=r"webscale/number: error: .*tolerance"):
            reward.compute_score("webscale/number", "Answer: 42", "42", FAILING, settings=strict)
    reward.compute_score("webscale/number", "Answer: 41", "42", {}, settings=strict)
    lines = [json.loads(line) for line in counted.read_text().splitlines()]
    assert [line["example_id"] for line in lines] == ["e1", "e1"]


def test_weights_format_and_soft_scores(settings: Callable[..., str]) -> None:
    paid = settings(weights={"number": 2.0}, format_weight=0.5, format_pattern=r"(?m)^Answer: \w")
    right, hidden = "So:\nAnswer: 42", "So it is **42**"
    scored = [
        reward.compute_score("webscale/number", text, "42", {}, settings=paid)["score"]
        for text in (right, hidden, "So:\nAnswer: 43")
    ]
    assert scored == [2.5, 2.0, 0.5]

    rules = [{"kind": "keyword", "keyword": "tin"}, {"kind": "words", "at_least": 40}]
    info = {"verifier_options": json.dumps({"constraints": rules}), "question": "Write of tin."}
    hard = settings(soft=False)
    soft = reward.compute_score("webscale/constraints", "Of tin I say little.", "", info)
    strict = reward.compute_score("webscale/constraints", "Of tin.", "", info, settings=hard)
    assert soft["score"] == 0.5 and strict["score"] == 0.0
    assert soft["acc"] == strict["acc"] == 0.0 and soft["failed"] == 0


def test_what_is_not_ours_is_refused(settings: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="'openai/gsm8k' is not of webscale-dagster"):
        reward.compute_score("openai/gsm8k", "#### 42", "42", {})
    with pytest.raises(ValueError, match="unknown answer type 'colour'"):
        reward.compute_score("webscale/colour", "red", "red", {})
    with pytest.raises(ValueError, match="no setting 'wieght'; known: weights, soft"):
        reward.compute_score("webscale/number", "1", "1", {}, settings=settings(wieght=1))


class _Scores(BaseHTTPRequestHandler):
    """A judge that says yes to Vienna, and needs a second try for the first question."""

    asked: list[tuple[dict[str, Any], str | None]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((body, self.headers["Authorization"]))
        said = [float("Vienna" in body["response"]) for _ in body["criteria"]]
        self.send_response(503 if len(self.asked) == 1 else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"scores": said}).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def judge() -> Iterator[str]:
    _Scores.asked = []
    server = HTTPServer(("127.0.0.1", 0), _Scores)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_judge_is_asked_by_http(
    judge: str, settings: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSCALE_JUDGE_KEY", "secret")
    monkeypatch.setattr(reward.time, "sleep", lambda _: None)
    given = settings(judge=judge)
    info = {"question": "Which city was besieged by the Ottomans in 1683?"}

    def outcome(text: str, where: str) -> str:
        truth = "the Austrian capital"
        made = reward.compute_score("webscale/judge", text, truth, info, settings=where)
        return str(made["outcome"])

    assert outcome("Answer: Vienna", given) == "correct"
    assert outcome("Answer: Linz", given) == "wrong"
    assert _Scores.asked[0][1] == "Bearer secret" and len(_Scores.asked) == 3
    assert outcome("Answer: Vienna", settings()) == "error"  # nobody to ask
    nobody = settings(judge="http://127.0.0.1:9/")
    assert outcome("Answer: Vienna", nobody) == "error"


def test_it_runs_on_the_standard_library_alone(tmp_path: Path) -> None:
    """A copy of the verifiers beside it and no site-packages: no polars, dagster or orjson."""
    shutil.copytree(PACKAGE / "verifiers", tmp_path / "webscale_dagster" / "verifiers")
    shutil.copyfile(PACKAGE / "__init__.py", tmp_path / "webscale_dagster" / "__init__.py")
    (tmp_path / REWARD).write_bytes(reward_module())
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import webscale_reward as r\n"
        "made = r.compute_score('webscale/number', 'Answer: 42 km', '42000 m', {'question': 'q'})\n"
        "outside = {m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(made['score'], sorted(m for m in outside if not m.startswith('_')))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split(maxsplit=1) == ["1.0", "['webscale_dagster', 'webscale_reward']\n"]
