"""What the labels say, against figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.audit.criteria import MODEL_CHECKS, NAMES
from webscale_dagster.audit.judgement import Judged
from webscale_dagster.audit.labels import Labels
from webscale_dagster.audit.markdown import report_markdown
from webscale_dagster.audit.report import make_report

YES = dict.fromkeys(NAMES, "yes")
STRATA = {"kept: a": 60, "kept: b": 40, "rejected: c": 20}


def item(qa_id: str, stratum: str, **more: Any) -> dict[str, Any]:
    scores = ("quote_score", "support", "relevance", "leak_score")
    return {
        "qa_id": qa_id,
        "domain": stratum[-1],
        "source": "wiki",
        "answer_type": "number",
        "kept": stratum.startswith("kept"),
        "stratum": stratum,
        "problem": None,
        "problems": [],
        **dict.fromkeys(MODEL_CHECKS),
        **dict.fromkeys(scores, 1.0),
        "decides": dict.fromkeys(scores, True),
    } | more


def sample(**more: Any) -> dict[str, Any]:
    """Stratum a: three pairs of 60; b: four of 40; c: five rejected ones of 20."""
    leak = {"problem": "leaks", "problems": ["leaks"], "leak_score": 0.9}
    items = [
        *(item(f"a{n}", "kept: a", leak_score=0.1 * n) for n in range(3)),
        *(item(f"b{n}", "kept: b", leak_score=0.5) for n in range(4)),
        *(item(f"c{n}", "rejected: c", **leak) for n in range(5)),
    ]
    counts = {"pairs": 120, "kept_pairs": 100, "drawn": 12, "drawn_kept": 7}
    found = {"name": "spring", "sample": "abc", "confidence": 0.95, "strata": STRATA, "yields": {}}
    return found | counts | {"items": items} | more


def labels(reviewer: str, **said: dict[str, Any]) -> Labels:
    return Labels(audit="spring", sample="abc", reviewer=reviewer, labels=said)  # type: ignore[arg-type]


def all_yes(reviewer: str = "Ada", **other: dict[str, Any]) -> Labels:
    ids = [one["qa_id"] for one in sample()["items"]]
    return labels(reviewer, **{qa_id: YES | other.get(qa_id, {}) for qa_id in ids})


def by(rows: list[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    (row,) = [row for row in rows if row[key] == value]
    return row


def test_precision_is_weighted_by_stratum() -> None:
    wrong = {"a0": {"correct": "no"}, "b0": {"correct": "unsure"}, "b1": {"only_answer": "no"}}
    report = make_report(sample(), [all_yes(**wrong)])
    correct = by(report["precision"], "criterion", "correct")
    assert correct["n"] == 7
    assert correct["rate"] == pytest.approx(0.6 * 2 / 3 + 0.4 * 3 / 4)  # 0.7
    # Weights 20 three times and 10 four times: n = 100^2 / 1600 = 6.25.
    assert (correct["low"], correct["high"]) == pytest.approx((0.3311, 0.9167), abs=1e-4)
    assert correct["unsure"] == pytest.approx(1 / 7)
    whole = by(report["precision"], "criterion", "all_five")
    assert whole["rate"] == pytest.approx(0.6 * 2 / 3 + 0.4 * 2 / 4)
    assert report["represented"] == pytest.approx(1.0)
    assert by(report["by"]["domain"], "domain", "b") == {
        **{"domain": "b", "n": 4, "rate": None, "low": None, "high": None}
    }
    assert by(report["by"]["source"], "source", "wiki")["rate"] == pytest.approx(0.6)


def test_partial_labels_stand_for_their_stratum() -> None:
    said = {f"a{n}": YES for n in range(1, 3)} | {f"b{n}": YES for n in range(4)}
    said["a1"] = YES | {"correct": "no"}
    report = make_report(sample(), [labels("Ada", **said)])
    correct = by(report["precision"], "criterion", "correct")
    assert correct["n"] == 6 and correct["rate"] == pytest.approx(0.6 / 2 + 0.4)
    only_b = make_report(sample(), [labels("Ada", **{f"b{n}": YES for n in range(4)})])
    assert only_b["represented"] == pytest.approx(0.4)
    assert by(only_b["precision"], "criterion", "correct")["rate"] is None  # four are too few
    assert "too few (4)" in report_markdown(only_b)


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        (["yes"], True),
        (["no"], False),
        (["unsure"], False),
        (["yes", "yes", "no"], True),
        (["yes", "no"], False),  # a tie is not yes
        (["yes", "unsure", "unsure"], False),
        (["yes", "yes", "unsure"], True),
        ([], None),
    ],
)
def test_disagreement_is_settled_by_majority(answers: list[str], holds: bool | None) -> None:
    said = {name: ["yes"] for name in NAMES} | {"only_answer": answers}
    judged = Judged({}, said, [None])
    assert judged.holds("only_answer") is holds
    assert judged.holds("all_five") is holds
    missing = Judged({}, said | {"correct": []}, [None])
    assert missing.holds("all_five") is (False if holds is False else None)


def test_a_check_is_compared_with_its_criterion() -> None:
    """Of five that `leaks` flags people find three good; of the others they find two to leak."""
    leaking = {"not_given_away": "no"}
    said = all_yes(c0=leaking, c1=leaking, a0=leaking, b0=leaking)
    report = make_report(sample(), [said])
    row = by(report["checks"], "check", "leaks")
    assert (row["kind"], row["criterion"]) == ("free check", "not_given_away")
    assert [row[name] for name in ("tp", "fp", "fn", "tn")] == [2, 3, 2, 5]
    # Good: three of c (weight 4), two of a (20), three of b (10): 12 of 82 are flagged.
    assert row["false_rejections"]["rate"] == pytest.approx(12 / 82)
    assert row["misses"] == {"n": 4, "rate": None, "low": None, "high": None}
    whole = by(report["checks"], "check", "kept or not")
    assert [whole[name] for name in ("tp", "fp", "fn", "tn")] == [2, 3, 2, 5]


def test_a_models_verdict_counts_only_where_it_was_given() -> None:
    """Its weights come from the whole stratum: pairs without a verdict keep theirs."""
    given = sample()
    for one in given["items"]:
        if one["qa_id"] in ("a0", "a1", "b0", "b1", "b2", "b3"):
            one["correct"] = one["qa_id"] != "a0"
    report = make_report(given, [all_yes(b3={"correct": "no"})])
    row = by(report["checks"], "check", "correct")
    assert row["kind"] == "model's verdict"
    assert [row[name] for name in ("tp", "fp", "fn", "tn")] == [0, 1, 1, 4]
    assert row["false_rejections"]["rate"] == pytest.approx(20 / 70)


def test_reasons_that_are_no_checks_are_compared_with_all_five() -> None:
    given = sample()
    for one in given["items"][-5:]:
        one |= {"problem": "reply_cut_off", "problems": []}
    row = by(make_report(given, [all_yes()])["checks"], "check", "reply_cut_off")
    assert (row["kind"], row["criterion"]) == ("other reason", "all_five")
    assert (row["fp"], row["tn"]) == (5, 7)


def test_two_reviewers_get_cohens_kappa_and_three_fleiss() -> None:
    no = {"correct": "no"}
    ada = all_yes("Ada", a0=no, a1=no, b0=no)
    bo = all_yes("Bo", a0=no, a1=no, c0=no)
    row = by(make_report(sample(), [ada, bo])["agreement"], "criterion", "correct")
    observed, chance = 10 / 12, (9 * 9 + 3 * 3) / 144
    assert row["kind"] == "Cohen" and row["agreement"] == pytest.approx(observed)
    assert row["kappa"] == pytest.approx((observed - chance) / (1 - chance))
    assert (
        by(make_report(sample(), [ada, bo])["agreement"], "criterion", "only_answer")["kappa"]
        is None
    )
    cy = labels("Cy", a0=YES, a1=YES | no)
    three = by(make_report(sample(), [ada, bo, cy])["agreement"], "criterion", "correct")
    agreeing = (1 / 3 + 1 + 8 + 0 + 0) / 12  # a0, a1, eight alike, b0, c0
    yes = (1 / 3 + 0 + 8 + 1 / 2 + 1 / 2) / 12
    by_chance = yes**2 + (1 - yes) ** 2
    assert three["kind"] == "Fleiss" and three["pairs"] == 12
    assert three["kappa"] == pytest.approx((agreeing - by_chance) / (1 - by_chance))
    assert make_report(sample(), [ada])["agreement"] == []


def test_errors_are_counted_and_weighed() -> None:
    wrong = {"correct": "no", "category": "wrong_answer"}
    other = {"only_answer": "no", "category": "other_answers"}
    files = [all_yes(a0=wrong, c0=wrong), all_yes("Bo", b0=other, a0=wrong)]
    assert make_report(sample(), files)["errors"] == [
        {"category": "wrong_answer", "kept": 1, "rejected": 1, "share_of_kept": pytest.approx(0.2)},
        # One of two reviewers said so of a pair that stands for ten of a hundred.
        {
            "category": "other_answers",
            "kept": 1,
            "rejected": 0,
            "share_of_kept": pytest.approx(0.05),
        },
    ]


def test_thresholds_give_yield_and_precision() -> None:
    counted = [(1.0, 120), (0.8, 100), (0.6, 100), (0.4, 60), (0.2, 60), (0.0, 20)]
    yields = {"leak_score": [{"threshold": t, "pairs": n} for t, n in counted]}
    leaking = {"not_given_away": "no"}
    report = make_report(sample(yields=yields), [all_yes(c0=leaking, c1=leaking, b0=leaking)])
    rows = report["thresholds"]["leak_score"]
    assert [row["threshold"] for row in rows] == [1.0, 0.6, 0.2, 0.0]  # 0.8 keeps what 0.6 does
    assert [row["yield"] for row in rows] == pytest.approx([1.0, 100 / 120, 0.5, 20 / 120])
    assert rows[0]["n"] == 12 and rows[0]["rate"] == pytest.approx((60 + 30 + 12) / 120)
    assert rows[1]["n"] == 7 and rows[1]["rate"] == pytest.approx(90 / 100)
    assert rows[3]["rate"] is None and rows[3]["n"] == 1


def test_the_markdown_has_every_section_and_no_nonsense() -> None:
    leaking = {"not_given_away": "no", "category": "leaks"}
    yields = {"leak_score": [{"threshold": 1.0, "pairs": 120}]}
    files = [all_yes("Ada | <b>", c0=leaking), all_yes("Bo", c1=leaking)]
    text = report_markdown(make_report(sample(yields=yields), files))
    for title in (
        *("Reviewers", "Precision of kept pairs", "All five, by answer type", "Agreement"),
        *("Automatic checks against people", "What is wrong", "If `leak_score` alone decided"),
    ):
        assert f"## {title}\n" in text
    assert "Ada \\| &lt;b>" in text and "Cohen's kappa" in text
    assert "undefined, all say the same" in text and "100.0% (" in text
    assert "None" not in text and "nan" not in text
