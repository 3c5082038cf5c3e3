"""Generative data refinement: rewrites that are taken or refused, and the rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.refine.fakes import ARTICLE, MENU, PAGE, UNUSABLE, Scripted, context, frame
from webscale_dagster.refine.contacts import without_contacts
from webscale_dagster.refine.damage import repaired, tidied
from webscale_dagster.refine.gdr import refine
from webscale_dagster.stages.protocol import Request

TEXT = f"{ARTICLE}\n\nWrite to Eva Holm at eva@example.org."
CLEANED = f"{ARTICLE}\n\nWrite to [name] at [email]."


def _reply(action: str, text: str = "") -> dict[str, str]:
    return {"reason": "It says so.", "action": action, "text": text}


@pytest.mark.parametrize(
    ("reply", "action", "text", "reason"),
    [
        (_reply("keep"), "keep", TEXT, "nothing to refine"),
        (_reply("clean", CLEANED), "clean", CLEANED, "part 1: It says so."),
        (_reply("clean", f"\n{CLEANED}\n\n"), "clean", CLEANED, "part 1"),
        (_reply("clean", TEXT), "keep", TEXT, "It says so."),
        (_reply("clean"), "keep", TEXT, "rewrite refused: nothing is left"),
        (
            _reply("clean", CLEANED.replace("1992", "1993")),
            "keep",
            TEXT,
            "refused: the number 1993",
        ),
        (_reply("clean", "The Danube is in Germany."), "keep", TEXT, "refused: 5 of 93 words"),
        (_reply("shorten", "x"), "keep", TEXT, "part 1 unchanged: reply_off_schema"),
        (UNUSABLE, "keep", TEXT, "part 1 unchanged: reply_not_json"),
    ],
)
def test_a_reply_and_what_becomes_of_the_document(
    reply: Any, action: str, text: str, reason: str
) -> None:
    found = refine(frame([TEXT]), context(Scripted(lambda request: reply)))
    (row,) = found.kept.to_dicts()
    assert (row["action"], row["text"]) == (action, text) and reason in row["reason"]
    assert found.facts["unusable_replies"] == int("unchanged: reply" in reason)
    assert found.facts["refused_rewrites"] == int("refused" in reason)


def test_a_document_goes_when_all_its_parts_go() -> None:
    parts = [f"{ARTICLE} {name}" for name in ("One.", "Two.", "Three.")]
    text = "\n\n".join(parts)

    def but_the_second(request: Request) -> Any:
        return _reply("keep" if request.row_id == "d0/2" else "drop")

    small = {"max_tokens": (len(parts[0]) + 10) // 2}
    found = refine(frame([text]), context(Scripted(but_the_second), **small))
    (row,) = found.kept.to_dicts()
    assert (row["action"], row["text"], found.facts["replies"]) == ("clean", parts[1], 3)
    gone = refine(frame([text]), context(Scripted(lambda request: _reply("drop")), **small))
    assert gone.rejects["reason"].to_list() == ["rewrite_drops"] and gone.kept.is_empty()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Write to eva.holm+x@mail.example.org now.", "Write to [email] now."),
        ("eva (at) example (dot) org", "[email]"),
        ("mailto:eva@example.org", "[email]"),
        ("Tel.: 030 / 123 45 67", "Tel.: [phone]"),
        ("Phone 7035246686 Fax: 972-3-561-3699", "Phone [phone] Fax: [phone]"),
        ("call (801) 596-1887 or +41 41 544 78 00.", "call [phone] or [phone]."),
        ("at 1-800-541-6390, toll-free", "at [phone], toll-free"),
        *(
            (text, text)
            for text in (
                "In 1939-1945 and on 2019-11-19 at 10:31.",
                "ISBN 978-3-16-148410-0, doi 10.1177/002200940103600202",
                "It cost $1,234,567.89, 3.14159265 or 100 200 300.",
                "from @NGRSenate, a@b, and 5 @ 3.50 each",
                "12 + 345 678 901 = 345678913",
                "Call him at 10 past 5.",
            )
        ),
    ],
)
def test_contact_data(text: str, clean: str) -> None:
    assert without_contacts(text)[0] == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("cafÃ© â€œnaÃ¯veâ€\x9d itâ€™s 20Â°C ðŸ™‚", "café “naïve” it’s 20°C 🙂"),
        ("ÐšÐ°Ñ€Ð°Ñ†ÑƒÐ±Ð°", "Карацуба"),
        ("cafÃƒÂ©", "café"),
        (
            "R&amp;D &quot;x&quot; &#39;y&#39; a&nbsp;b &lt;p&gt;",
            "R&D \"x\" 'y' a\u00a0b &lt;p&gt;",
        ),
        *(
            (text, text)
            for text in ("Ünlü São Æsir", "“é” à ‘ç’", "¥Ö¥é¥¦¥Ë¡¼ Ã©tÃÂ¤ÎÎ±", "x &y; z")
        ),
    ],
)
def test_damage(text: str, clean: str) -> None:
    assert repaired(text) == clean


def test_tidied() -> None:
    assert tidied("  a\u00a0b.   c \r\n\n\n\n\nd\t e ") == "  a b. c\n\n\nd\t e"
    assert tidied("Red Party  Green Party    Blue Party") == "Red Party  Green Party  Blue Party"
    assert tidied("|  | 2019 |   |") == "|  | 2019 |   |"


@pytest.mark.parametrize(
    ("text", "action", "clean", "reason"),
    [
        (ARTICLE, "keep", ARTICLE, "by rules: nothing to refine"),
        (PAGE, "clean", ARTICLE, "by rules: menu"),
        (TEXT, "clean", TEXT.replace("eva@example.org", "[email]"), "by rules: email 1"),
        (ARTICLE.replace(" a ", " Ã\u00a0 "), "clean", ARTICLE.replace(" a ", " à "), "damage 1"),
        (ARTICLE.replace(". ", ".  "), "clean", ARTICLE, "by rules: white space"),
        ("def f(a):\n    b = a  +  1\n    return b\n# me@example.org", "clean", "", "email 1"),
        ("\n".join(MENU), "drop", "", "by rules: 7 of 7 lines are the page's"),
        ("¥Ö¥é¥¦¥Ë¡¼ ¥¦¥§¥¹¥È¥Ð¥Ã¥° " * 9, "drop", "", "by rules: broken_encoding"),
    ],
)
def test_rules_on_dirty_documents(text: str, action: str, clean: str, reason: str) -> None:
    found = refine(frame([text]), context())
    if action == "drop":
        (row,) = found.rejects.to_dicts()
        assert row["reason"] == "rewrite_drops" and reason in row["detail"]
        return
    (row,) = found.kept.to_dicts()
    assert row["action"] == action and reason in row["reason"]
    assert row["text"] == (clean or text.replace("me@example.org", "[email]"))
