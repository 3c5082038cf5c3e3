"""Lines that came with a page are told from those of its author."""

from __future__ import annotations

import pytest

from tests.refine.fakes import ARTICLE, MENU, PAGE
from webscale_dagster.refine.boilerplate import boilerplate


def test_of_a_page_the_article_stays() -> None:
    lines = PAGE.split("\n")
    found = boilerplate(lines)
    assert "\n".join(line for at, line in enumerate(lines) if at not in found) == ARTICLE
    assert {found[at] for at in range(len(MENU))} == {"menu"}
    assert {"control", "notice", "unended"} <= set(found.values())


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Share this", "control"),
        ("» Read more »", "control"),
        ("Continue reading The Danube", "control"),
        ("12 comments", "control"),
        ("Weiterlesen", "control"),
        ("© 2019 River Press", "notice"),
        ("We use cookies to improve your experience.", "notice"),
        ("Please enable JavaScript to view this page.", "notice"),
        ("See all the requests your browser makes, and how long each of them takes.", None),
        ("JavaScript is a programming language.", None),
        ("Copyright law protects authors.", None),
        ("(c) 1055 kJ", None),
        ("## Categories", None),
        ("Share prices fell by 3 % in 2008.", None),
        ("Home rule was granted in 1914.", None),
        ("Comments:", "control"),
    ],
)
def test_a_line_by_its_words(line: str, kind: str | None) -> None:
    assert boilerplate([ARTICLE, "", line]).get(2) == kind


@pytest.mark.parametrize(
    "text",
    [
        ARTICLE,
        "Two roads diverged in a wood, and I,\nI took the one less travelled by,\n"
        "And that has made\nAll the difference.",
        "Ingredients\n2 cups flour\n1 cup sugar\n3 eggs\n1 tsp salt\n200 g butter\n\nMix well.",
        "Years | Sales\n2018 | 12.5\n2019 | 13.1\n2020 | 9.9\n2021 | 10.4\n2022 | 11.0",
        "import os\n\ndef run():\n    home = os.environ\n    print(home)\n    return home\n",
        "Its engine is a\nRolls-Royce\nMerlin\n, built in\nDerby\nand in\nCrewe\n. It has 12 "
        "cylinders.",
    ],
    ids=["article", "poem", "recipe", "table", "code", "links inside a sentence"],
)
def test_what_looks_like_boilerplate_and_is_none(text: str) -> None:
    assert boilerplate(text.split("\n")) == {}


def test_repeated_lines_and_addresses_go_from_pages_only() -> None:
    extra = ["Subscribe to our letter today.", "https://example.org/river", ARTICLE]
    twice = [*extra, "Bridge is closed again.", *MENU, "Bridge is closed again."]
    found = boilerplate(twice)
    assert (found[0], found[1], found[len(twice) - 1]) == ("control", "address", "repeated")
    assert boilerplate([ARTICLE, "", "https://example.org", "", ARTICLE]) == {}
