from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from webscale_dagster import verifiers
from webscale_dagster.verifiers import Outcome, register, verify
from webscale_dagster.verifiers.outcome import AnswerType
from webscale_dagster.verifiers.pool import Job, Pool, shared

BAD = ("tests.verifiers.bad_types",)
SAMPLE = [
    Job("number", "Answer: 42 km", "42000 m"),
    Job("number", "Answer: 43", "42"),
    Job("number", "so it goes", "42"),
    Job("number", "42", "many"),
    Job("percent", "**12.5 %**", "12.5%"),
    Job("currency", "Answer: $3.2 million", "$3.2 million"),
    Job("date", "Answer: July 20, 1969", "1969-07-20"),
    Job("duration", "90 minutes", "1.5 hours"),
    Job("entity", "Answer: Curie", ["Marie Curie", "Pierre Curie"]),
    Job("entity", "Answer: Curie \ud800", "Marie Curie", {"aliases": ["Curie"]}),
    Job("short_phrase", "<think>no", "loss of habitat"),
    Job("multiple_choice", "Answer: B", "B", {"choices": ["Rome", "Paris"]}),
    Job("multiple_choice", "Answer: B", "B", {"chioces": []}),
    Job("boolean", "yes", "no"),
    Job("list", "red, green and blue", "blue, red, green"),
]


def _bad(answer: str, truth: str = "fine") -> Job:
    return Job("bad", f"<answer>{answer}</answer>", truth)


def _plain(jobs: Sequence[Job]) -> list[Outcome]:
    return [verify(j.answer_type, j.completion, j.ground_truth, **j.options) for j in jobs]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, seconds=1.0, modules=BAD) as pool:
        yield pool


def test_outcomes_are_those_of_verify_and_in_order(pool: Pool) -> None:
    jobs = SAMPLE * 60
    assert pool.verify_many(jobs) == _plain(jobs)
    assert pool.verify_many(iter(jobs[:3])) == _plain(jobs[:3])
    assert pool.verify_many([]) == []
    job = SAMPLE[9]
    assert (
        pool.verify(job.answer_type, job.completion, job.ground_truth, **job.options)
        == (_plain([job])[0])
    )


def test_outcomes_are_counted() -> None:
    with Pool(1) as pool:
        pool.verify_many(SAMPLE[:4])
        pool.verify("number", "42", "42")
        assert pool.counts == {
            ("number", "correct"): 2,
            ("number", "wrong"): 1,
            ("number", "unparseable"): 1,
            ("number", "error"): 1,
        }


def test_an_unknown_type_is_the_callers_mistake(pool: Pool) -> None:
    with pytest.raises(ValueError, match="unknown answer type 'colour'"):
        pool.verify("colour", "red", "red")
    with pytest.raises(ValueError, match="unknown answer type 'colour'"):
        pool.verify_many([*SAMPLE, Job("colour", "red", "red"), *SAMPLE])
    assert pool.verify_many(SAMPLE) == _plain(SAMPLE)


@pytest.mark.parametrize("hang", ["spin 10", pytest.param("sleep 60", marks=pytest.mark.service)])
def test_a_hang_is_a_timeout_and_stops_nothing_else(pool: Pool, hang: str) -> None:
    jobs = [*SAMPLE * 5, _bad(hang), *SAMPLE * 5, _bad("fine")]
    start = time.monotonic()
    found = pool.verify_many(jobs)
    assert time.monotonic() - start < 20
    assert found.pop(len(SAMPLE) * 5) == Outcome(0.0, "timeout", "no end after 1 s")
    assert found.pop().outcome == "correct"
    assert found == _plain(SAMPLE * 10)


def test_slow_verifiers_in_a_row_are_no_hang(pool: Pool) -> None:
    found = pool.verify_many([_bad("sleep 0.3", "sleep 0.3")] * 6)
    assert [outcome.outcome for outcome in found] == ["correct"] * 6


@pytest.mark.parametrize(
    ("crash", "reason"),
    [
        ("exit 0", "the verifier's process ended with code 0"),
        ("crash", "the verifier's process was ended by SIGSEGV"),
    ],
)
def test_a_crash_is_an_error_and_stops_nothing_else(pool: Pool, crash: str, reason: str) -> None:
    found = pool.verify_many([*SAMPLE, _bad(crash), *SAMPLE, _bad(crash), *SAMPLE])
    broken = [found.pop(2 * len(SAMPLE) + 1), found.pop(len(SAMPLE))]
    assert broken == [Outcome(0.0, "error", reason)] * 2
    assert found == _plain(SAMPLE * 3)


def test_a_memory_hog_gets_no_more_than_its_limit() -> None:
    with Pool(1, memory_mb=512, modules=BAD) as pool:
        found = pool.verify_many([_bad("hoard 2048"), _bad("hoard 16", "hoard 16")])
        assert found[0] == Outcome(0.0, "error", "MemoryError: ")
        assert found[1].outcome == "correct"
        # One that needed half of the memory makes way for a new one after its jobs.
        asked = [("pid", ""), ("pid", ""), ("hoard 300", "hoard 300"), ("pid", "")]
        first, same, hoarder, new = (pool.verify_many([_bad(*each)])[0] for each in asked)
    assert first == same != new
    assert hoarder.outcome == "correct"


def test_what_the_parent_holds_is_not_the_workers() -> None:
    held = b"x" * (400 << 20)  # more than half of what a worker may have
    with Pool(1, memory_mb=512, modules=BAD) as lean:
        first, second = (lean.verify("bad", "pid", "") for _ in range(2))
    assert len(held) and first == second


def test_a_job_is_not_blamed_for_a_process_that_died_before_it() -> None:
    with Pool(1, modules=BAD) as pool:
        os.kill(int(pool.verify("bad", "pid", "").reason.split()[0]), signal.SIGKILL)
        assert pool.verify("number", "42", "42").outcome == "correct"


def test_what_a_verifier_prints_does_not_disturb(pool: Pool) -> None:
    found = pool.verify_many([_bad("print 100000", "print 100000"), *SAMPLE])
    assert found[0].outcome == "correct"
    assert found[1:] == _plain(SAMPLE)


def test_what_cannot_be_sent_is_an_error(pool: Pool) -> None:
    job = Job("number", "42", "42", {"tolerance": lambda: 1})
    found = pool.verify_many([*SAMPLE, job, *SAMPLE])
    assert found.pop(len(SAMPLE)).reason.startswith("options that cannot be pickled")
    assert found == _plain(SAMPLE * 2)


def test_a_completion_beyond_the_cap_is_unparseable_and_not_cut() -> None:
    with Pool(1, max_chars=1000) as pool:
        found = pool.verify_many(
            [Job("number", "<think>" + "so " * 400 + "Answer: 42", "42"), Job("number", "42", "42")]
        )
    assert found[0] == Outcome(0.0, "unparseable", "1217 characters are too long for a completion")
    assert found[1].outcome == "correct"


def test_a_worker_that_cannot_start_says_why() -> None:
    with (
        Pool(1, modules=("tests.verifiers.no_such_module",)) as pool,
        pytest.raises(RuntimeError, match=r"No module named .tests.verifiers.no_such_module"),
    ):
        pool.verify("number", "42", "42")


def test_many_threads_may_ask(pool: Pool) -> None:
    jobs = SAMPLE * 4
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: pool.verify_many(jobs), range(32)))
        singles = list(threads.map(lambda job: pool.verify_many([job])[0], jobs))
    assert found == [_plain(jobs)] * 32
    assert singles == _plain(jobs)


def test_an_event_loop_goes_on_meanwhile(pool: Pool) -> None:
    async def ask() -> tuple[list[list[Outcome]], Outcome, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        many = await asyncio.gather(*(pool.averify_many(SAMPLE * 3) for _ in range(8)))
        one = await pool.averify("bad", "sleep 0.3", "sleep 0.3")
        ticking.cancel()
        return many, one, ticks

    many, one, ticks = asyncio.run(ask())
    assert many == [_plain(SAMPLE * 3)] * 8
    assert one.outcome == "correct"
    assert ticks > 5


class _Judge:
    """Gives its verdict after so many seconds, in this process."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.pids = seconds, set[int]()

    def __call__(self, question: str, response: str, criteria: Sequence[str]) -> Sequence[float]:
        self.pids.add(os.getpid())
        time.sleep(self.seconds)
        return [1.0] * len(criteria)


def test_a_judge_is_asked_in_this_process_and_may_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def score(completion: str, truths: Sequence[str], options: dict[str, _Judge]) -> Outcome:
        (verdict,) = options["judge"]("", completion, ["right"])
        return Outcome(verdict, "correct", "")

    judged = verifiers.WholeAnswerType(lambda *_: None, score)  # type: ignore[arg-type]
    monkeypatch.setitem(verifiers._TYPES, "judged", judged)
    quick, slow = _Judge(0.01), _Judge(5)
    with Pool(1, judge_seconds=0.5) as pool:
        jobs = [Job("judged", "x", "y", {"judge": judge}) for judge in (quick, slow) * 3]
        start = time.monotonic()
        found = pool.verify_many([*jobs, *SAMPLE])
        assert time.monotonic() - start < 4
    assert [outcome.outcome for outcome in found[:6]] == ["correct", "timeout"] * 3
    assert found[6:] == _plain(SAMPLE)
    assert quick.pids == {os.getpid()}


def test_isolated_types_are_verified_by_the_shared_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    isolated = AnswerType(lambda *_: 1 / 0, lambda *_: None, isolated=True)
    monkeypatch.setitem(verifiers._TYPES, "number", isolated)
    assert verify("number", "42", "42").outcome == "correct"  # its own "number" is whole there
    assert shared().counts["number", "correct"] >= 1
    assert shared() is shared()
    monkeypatch.setattr(verifiers, "in_worker", True)
    assert verify("number", "42", "42").outcome == "error"


def test_a_name_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifiers, "_TYPES", dict(verifiers._TYPES))
    kind = AnswerType(lambda text, _: text, lambda *_: None)
    register("colour", kind)
    assert verify("colour", "red", "blue").outcome == "correct"
    with pytest.raises(ValueError, match="already"):
        register("colour", kind)
