from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.text.oracles import quality as oracle
from tests.text.strategies import texts
from webscale_dagster.text import quality
from webscale_dagster.text.normalise import normalise
from webscale_dagster.text.quality import (
    RULES,
    THRESHOLDS,
    Profile,
    Quality,
    as_json,
    judge,
    rules_of,
    thresholds_of,
)

ARTICLE = """\
The harbour of Lindmoor

The harbour was built by the town in 1871, after two winters in which storms had broken the old
pier. Its walls are made of granite that was brought by rail from a quarry in the north.

Fishing declined after the war, and most of the boats that use the harbour today belong to people
who sail for pleasure. The lifeboat station, which has been crewed by volunteers from the start,
is open to visitors on the first Sunday of every month.

A small museum tells the story of the pilots of Lindmoor. They rowed out to meet ships in all
weathers and were paid by the depth of the keel, which they measured with a marked pole. When
steam replaced sail, their number fell from forty to six.
"""
TEXTBOOK = """\
Solving equations with one variable

Learning objectives

- Explain what a solution of an equation is
- Solve equations by adding the same number to both sides

An equation says that two expressions are equal. A solution is a value of the variable that makes
the equation true, and to solve an equation is to find all of its solutions.

Problem

x + 3 = 7

Solution

x = 4

Problem

y − 5 = 2

Solution

y = 7

If the same number is added to both sides of an equation, the solutions stay the same. This is why
we may subtract 3 from both sides in the first problem and add 5 in the second.
"""
STATUTE = """\
§ 12-204. Returning a deposit.

(a)

Within 30 days after the end of the tenancy, the landlord shall return the deposit, or shall notify
the tenant in writing of the repairs for which the deposit will be withheld.

(b)

The notice shall list:

(1)

Each repair;

(2)

The cost of each repair; and

(3)

The balance that is to be returned to the tenant.
"""
LATEX = r"""
Let $f\colon X \to Y$ be a map of sets, and write $f^{-1}(B)$ for the preimage of $B \subset Y$.
The following theorem says that taking preimages commutes with unions and intersections:
\[
  f^{-1}\Bigl(\bigcup_{i \in I} B_i\Bigr) = \bigcup_{i \in I} f^{-1}(B_i).
\]
\begin{proof}
A point $x$ lies in the left-hand side if and only if $f(x)$ lies in some $B_i$, and that is
precisely what it means for $x$ to lie in the right-hand side. The case of intersections is
proved in the same way, with \emph{some} replaced by \emph{every}.
\end{proof}
"""
CODE = '''\
"""Greatest common divisors."""

import sys


def gcd(a: int, b: int) -> int:
    """The greatest number that divides both."""
    while b:
        a, b = b, a % b
    return a


def lcm(a: int, b: int) -> int:
    if a == 0 or b == 0:
        return 0
    return abs(a * b) // gcd(a, b)


if __name__ == "__main__":
    numbers = [int(value) for value in sys.argv[1:]]
    print(gcd(*numbers), lcm(*numbers))
'''
REPORT = """\
Revenue by segment

| | 2019 | 2018 | Change |
| Boats and engines | 1,204 | 1,118 | 7.7% |
| Repairs | 310 | 296 | 4.7% |
| Moorings | 88 | 91 | (3.3)% |
| Total | 1,602 | 1,505 | 6.4% |

Revenue from boats and engines rose because the company delivered more large boats than in the
year before. Revenue from moorings fell because the eastern basin was closed for dredging.
"""
MENU = """\
Home
News
Sport
Weather
Business
Travel
Contact us
Sign in
Register
Newsletter
My account
Shopping basket
Opening times
Our team
Careers
Press
Imprint
Site map"""


def failed(text: str, **options: object) -> tuple[str, ...]:
    return quality(text, **options).failed  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [ARTICLE, TEXTBOOK, STATUTE, LATEX, CODE, REPORT])
def test_good_documents_of_every_kind_pass(text: str) -> None:
    assert failed(text) == ()


def test_german_and_unspaced_scripts_are_not_judged_as_english() -> None:
    german = (
        "Der Hafen wurde von der Stadt gebaut, nachdem zwei Stürme die alte Mole zerstört hatten."
        " Heute gehören die meisten Boote Leuten, die in der Freizeit segeln, und das kleine Museum"
        " erzählt von den Lotsen. Sie ruderten bei jedem Wetter hinaus."
    )
    japanese = (
        "港は町によって作られた。古い桟橋は二度の冬の嵐で壊れていた。"
        "今では多くの船が遊びのために使われている。"
    )
    assert failed(german) == ()
    assert failed(japanese) == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"{MENU}\n{ARTICLE}", "menu_lines"),
        (f"{ARTICLE}\nLorem ipsum dolor sit amet.", "c4_lorem_ipsum"),
        (ARTICLE.replace("e", "\ufffd"), "broken_encoding"),
        (ARTICLE.encode().decode("cp1252") + "ÃœberstÃ¼rzt grÃ¶ÃŸer Ã¤lter", "broken_encoding"),
        (ARTICLE.replace(" the ", " {x} the "), "c4_curly_brackets"),
        (
            "Please enable JavaScript in your browser.\n" + "We sell boats to sailors.\n" * 3,
            "c4_javascript",
        ),
        (
            "This site uses cookies.\nRead our privacy policy.\nBoats are sold to sailors.",
            "c4_policy",
        ),
        ("One sentence that is the only one of the page", "c4_sentences"),
        (ARTICLE.replace(" ", " a b c d "), "gopher_short_words"),
        ("Donaudampfschifffahrtsgesellschaft the of be. " * 9, "gopher_long_words"),
        ("#boats #sea the and of #sail. " * 9, "gopher_symbols"),
        ("\n".join(f"- the boat and its owner {i}." for i in range(20)), "gopher_bullets"),
        (
            "\n".join(f"The {i} boats of the harbour and the..." for i in range(9)),
            "gopher_ellipses",
        ),
        ("12 14 the of and 17 19 21 33 47. 17 26 31 48 50 61.", "gopher_alphabetic"),
        ("Buy boats cheap. Boats here now. Cheap boats buy now.", "gopher_stop_words"),
        (
            f"{ARTICLE}\n" + "Subscribe to our newsletter for the latest boats.\n" * 9,
            "gopher_duplicate_lines",
        ),
        (
            "\n\n".join([*["The same paragraph again, in four lines or so."] * 3, ARTICLE[:200]]),
            "gopher_duplicate_paragraphs",
        ),
        ("the boat " * 40 + ". The end of the story.", "gopher_top_2gram"),
        (
            " ".join(ARTICLE.split()[:30]) + ". " + " ".join(ARTICLE.split()) * 2,
            "gopher_duplicate_10grams",
        ),
        (
            "\n".join(f"Boat {i} of the fleet and sea" for i in range(40)),
            "fineweb_line_punctuation",
        ),
        ("\n".join(f"Boat {i} of the sea, blue" for i in range(40)), "fineweb_short_lines"),
        ("\n".join(f"{i} boats." for i in range(40)), "fineweb_newlines"),
        ("the red boat " * 30 + ". The end of the story.", "gopher_top_3gram"),
        ("the big red boat " * 30 + ". The end of the story.", "gopher_top_4gram"),
        (
            "See all boats of the fleet\n" * 4
            + "\n".join(f"Boat {i} of the fleet and sea" for i in range(20)),
            "fineweb_duplicate_line_characters",
        ),
    ],
)
def test_each_rule_rejects_what_it_is_for(text: str, rule: str) -> None:
    assert rule in failed(text)


def test_every_rule_can_fail() -> None:
    cases = test_each_rule_rejects_what_it_is_for.pytestmark[0].args[1]  # type: ignore[attr-defined]
    every = {name for text, _ in cases for name in failed(text)}
    assert set(THRESHOLDS) == every


def test_every_rule_is_measured_and_named_once() -> None:
    measures = quality(ARTICLE).measures
    assert set(THRESHOLDS) <= set(measures)
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(isinstance(value, float | int) and value >= 0 for value in measures.values())


def test_rules_can_be_switched_off_and_limits_replaced() -> None:
    text = f"{MENU}\n{ARTICLE}"
    assert failed(text, rules_off=["menu_lines"]) == ()
    assert failed(text, thresholds={"menu_lines": 0.95}) == ()
    assert failed(ARTICLE, thresholds={"c4_sentences": 50}) == ("c4_sentences",)


@pytest.mark.parametrize("options", [{"rules_off": ["menu"]}, {"thresholds": {"menu": 1.0}}])
def test_an_unknown_rule_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="menu: no such quality rule; known: broken_encoding"):
        failed(ARTICLE, **options)


@pytest.mark.parametrize("profile", ["adapted", "published"])
def test_the_rules_of_a_profile_are_its_own(profile: Profile) -> None:
    known = {rule.name for rule in rules_of(profile)}
    found = judge([ARTICLE, MENU], profile=profile)
    assert set(thresholds_of(profile)) == known
    assert known <= set(found["measures"].struct.fields)
    assert found["failed"].explode().drop_nulls().is_in(known).all()
    assert quality(ARTICLE, profile=profile).failed == tuple(found["failed"][0])


def test_the_published_rules_are_stricter() -> None:
    assert quality(CODE).failed == ()
    assert "c4_curly_brackets" not in quality(LATEX).failed
    assert "c4_curly_brackets" in quality(LATEX, profile="published").failed


@given(st.lists(texts, max_size=5))
def test_any_text_is_judged_as_the_oracle_does(given: list[str]) -> None:
    assert_as_oracle(given)


@pytest.mark.realdata
def test_real_documents_are_judged_as_the_oracle_does(corpora: Path) -> None:
    for path in sorted((corpora / "corpora").glob("*.jsonl.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            documents = [normalise(json.loads(line)["text"]) for line in file]
        assert_as_oracle(documents[::60])


def assert_as_oracle(given: list[str]) -> None:
    found = judge(given)
    kept = as_json(found["measures"])
    for text, measures, failed, line in zip(given, *found, kept, strict=True):
        expected = oracle.measures(text)
        known = {name: value for name, value in measures.items() if value is not None}
        assert list(known) == list(expected)
        assert known == pytest.approx(expected, abs=1e-9)
        assert failed.to_list() == oracle.failed_rules(expected)
        rounded = {name: round(value, 4) for name, value in expected.items()}
        assert json.loads(line) == rounded
        assert quality(text) == Quality(known, tuple(failed))


def test_a_column_is_judged_like_a_list_and_a_null_like_an_empty_text() -> None:
    column = pl.Series([MENU, None, ARTICLE, ""])
    assert judge(column).equals(judge([MENU, "", ARTICLE, ""]))
    assert judge(column[1:]).equals(judge(["", ARTICLE, ""]))


def test_many_texts_are_measured_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[judge.__module__]
    given = [ARTICLE, "", MENU * 40, CODE, STATUTE]
    whole = judge(given)
    monkeypatch.setattr(module, "_CHUNK", 2_000)
    assert judge(given).equals(whole)
    assert judge([]).schema == whole.schema


def test_measures_are_kept_as_python_rounds_them() -> None:
    values = [0.00625, 0.03125, 0.00375, 1 / 160, 3 / 800, 2 / 3, 17.0, float("nan"), float("inf")]
    measures = pl.DataFrame({"c4_sentences": 17.0, "a": values}).to_struct()
    expected = [{"c4_sentences": 17, "a": round(value, 4)} for value in values[:7]]
    kept = as_json(measures).to_list()
    assert list(map(json.loads, kept)) == [*expected, {"c4_sentences": 17}, {"c4_sentences": 17}]
    assert kept[0] == '{"c4_sentences":17,"a":0.0063}'
