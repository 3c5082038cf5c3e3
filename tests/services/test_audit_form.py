"""The audit's form in a real browser: keys, highlight, autosave, files, hostile documents."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.audit.tiny import TEXT, pair, publish
from tests.services.test_ui import CHROMIUM, QUIET
from webscale_dagster.audit.export import Wanted, keep_audit, load_sample, make_audit
from webscale_dagster.audit.labels import import_labels, load_labels
from webscale_dagster.lake import Lake

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
FAMILY = "👩‍👩‍👧‍👦"  # seven code points, eleven UTF-16 units
CAFE = "cafe\u0301"  # with a combining accent
CAKE = f"the first {CAFE} cake 🎂 in 1911, for a family {FAMILY} of four"
EMOJI = (
    f"🌍🌋 {FAMILY} The {CAFE} on the 𝔪𝔞𝔦𝔫 square opened in 1903. 🍰🍰\n\n"
    f"Its owner baked {CAKE}. It was sold out."
)
SCRIPT = "<script>window.hurt = 1</script>"
HOSTILE = (
    f"</script>{SCRIPT}<!-- <script> --><img src=x onerror='window.hurt=2'>"
    f"<svg onload='window.hurt=3'><iframe src='https://example.org/'></iframe>\u2028window.hurt=4\u2029"
    "\u202eThe mine of Falun was closed in 1992.\u202c {{ 7*7 }} {% raw %} ${window.hurt=5} `"
    '<a href="javascript:window.hurt=6">1992</a><style>body{display:none}</style>\r\n&lt;b&gt; ]]>'
)
LONG = "\n\n".join(
    f"Paragraph {n} of the chronicle tells of the harvest of {1500 + n}, which was "
    f"{'plentiful' if n % 3 else 'poor'}, and of the tolls that the town of Visby took that year."
    for n in range(120)
)
COPPER = "Copper melts at 1,085 degrees Celsius."
HARVEST = "the harvest of 1600, which was plentiful"
MINE = HOSTILE[HOSTILE.index("\u202e") : HOSTILE.index("<style>")]
LOST, NEAR = "Gold is soft and does not rust.", "Copper melts at about 1,085 degrees Celsius!"
NOT_FOUND = {"problem": "quote_not_found", "problems": ["quote_not_found"], "quote_score": 0.3}


def _pairs() -> list[dict[str, Any]]:
    asked = "How was the harvest of 1600, by the chronicle of the town of Visby?"
    return [
        pair("copper", evidence=COPPER),
        pair("cake", text=EMOJI, title=f"{CAFE} 🍰", answer="1911", evidence=CAKE),
        pair(
            "mine",
            text=HOSTILE,
            title=SCRIPT,
            url="javascript:alert(1)",
            question=f"When was the mine of Falun closed?{SCRIPT}",
            answer=f"1992{SCRIPT}",
            answer_type="short_phrase",
            evidence=MINE,
        ),
        pair("harvest", text=LONG, evidence=HARVEST, answer="good", question=asked),
        pair("lost", evidence=LOST, **NOT_FOUND),
        pair("near", evidence=NEAR, **NOT_FOUND),
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBSCALE_HOME", str(folder))
        made = Lake(str(folder / "lake"))
        rows = [row | {"doc_id": row["qa_id"]} for row in _pairs()]
        publish(made, "a-00000", rows)
        audit = make_audit(made, ["a-00000"], Wanted(rejected_share=0.5), "spring")
        keep_audit(made, audit, folder / "out")
        yield made


@pytest.fixture(scope="module")
def form(lake: Lake) -> Path:
    return Path(lake.root).parent / "out" / "audit.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield opened
        opened.close()


Opened = Callable[..., "Page"]


@pytest.fixture
def open_form(browser: Browser, form: Path) -> Iterator[Opened]:
    """Opens the form signed by a reviewer; afterwards nothing was loaded and nothing ran wild."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    wrong: list[str] = []

    def opened(reviewer: str = "Zoë O'Hara", **settings: Any) -> Page:
        settings = {"viewport": {"width": 1280, "height": 800}} | settings
        contexts.append(browser.new_context(accept_downloads=True, **settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(form.as_uri())
        page.keyboard.type(reviewer)
        page.keyboard.press("Enter")
        return page

    yield opened
    for context in contexts:
        assert [page.evaluate("window.hurt ?? null") for page in context.pages] == [None]
        context.close()
    own = (form.as_uri(), "blob:")  # the file itself, and what Save hands out
    assert [url for url in asked if not url.startswith(own)] == [] and wrong == []


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def to_quote(page: Page, quote: str) -> None:
    """Goes to the pair with this quote."""
    for _ in range(6):
        if page.evaluate("document.querySelector('#quote').textContent") == quote:
            return
        press(page, "j" if page.locator("#next").is_enabled() else "o")
    raise AssertionError(f"no pair quotes {quote!r}")


def answers(page: Page) -> list[str | None]:
    return page.evaluate(
        "[...document.querySelectorAll('.criterion')].map(line =>"
        " line.querySelector('[aria-checked=true]')?.value ?? null)"
    )


def saved(page: Page, tmp_path: Path) -> Path:
    with page.expect_download() as caught:
        press(page, "s")
    path = tmp_path / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_a_pair_is_judged_by_keyboard_alone(open_form: Opened, lake: Lake, tmp_path: Path) -> None:
    page = open_form()
    for _ in range(6):
        press(page, "y", "y", "y", "y", "y", "j")
    assert "6 of 6 judged" in page.locator("#count").inner_text()
    press(page, *["k"] * 6)
    assert page.locator("#number").inner_text() == "Pair 1 of 6"
    press(page, "1")
    assert answers(page) == ["no", "yes", "yes", "yes", "yes"]
    press(page, "1", "ArrowDown", "ArrowDown", "n", "ArrowUp", "ArrowUp", "ArrowUp", "u")
    assert answers(page) == ["unsure", "yes", "no", "yes", "yes"]
    press(page, "c")
    page.keyboard.type("other answers")
    press(page, "Escape", "m")
    page.keyboard.type("1911, or 1903? yes and no")
    press(page, "Escape", "ArrowRight", "ArrowLeft")
    assert page.locator("#note").input_value() == "1911, or 1903? yes and no"
    path = saved(page, tmp_path)
    assert path.name == "labels-spring-zoë-o-hara.json"
    sample = load_sample(lake, "spring")
    (done,) = import_labels(lake, sample, [path])
    assert (done.reviewer, done.pairs) == ("Zoë O'Hara", 6)
    (labels,) = load_labels(lake, "spring")
    (odd,) = [label for label in labels.labels.values() if label.correct != "yes"]
    assert (odd.correct, odd.only_answer, odd.category) == ("unsure", "no", "other_answers")
    assert odd.note == "1911, or 1903? yes and no" and (odd.seconds or 0) > 0


def test_every_key_does_what_the_help_says(open_form: Opened) -> None:
    page = open_form()
    press(page, "?")
    assert page.locator("#helping").is_visible()
    press(page, "y")  # does nothing behind the dialog
    press(page, "Escape")
    assert not page.locator("#helping").is_visible() and answers(page) == [None] * 5
    press(page, "a")
    assert answers(page) == ["yes"] * 5
    press(page, "o", "5", "5")
    assert answers(page) == [None, None, None, None, "no"]
    assert page.locator("#why").is_visible()
    focused = "document.activeElement.getAttribute('aria-labelledby')"
    assert page.evaluate(focused) == "asks-4"
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(outline) == "2px"
    press(page, "5", "5")
    assert answers(page)[4] == "yes" and not page.locator("#why").is_visible()
    press(page, "Control+a")  # the browser's own keys stay the browser's
    assert answers(page)[:4] == [None] * 4
    press(page, "k")
    assert answers(page) == ["yes"] * 5


@pytest.mark.parametrize(
    ("quote", "text"), [(COPPER, TEXT), (CAKE, EMOJI), (MINE, HOSTILE), (HARVEST, LONG)]
)
def test_the_quote_is_highlighted_to_the_character(
    open_form: Opened, quote: str, text: str
) -> None:
    page = open_form()
    to_quote(page, quote)
    shown = page.evaluate(
        "[...document.querySelectorAll('#text, mark')].map(element => element.textContent)"
    )
    assert shown == [text, quote]
    assert page.evaluate("document.querySelector('mark').className") == ""


def test_a_quote_is_scrolled_to_and_a_missing_one_is_said(open_form: Opened) -> None:
    page = open_form()
    for quote, said in ((LOST, "not found"), (NEAR, "word for word"), (HARVEST, "")):
        page.keyboard.press("Escape")
        to_quote(page, quote)
        assert said in page.locator("#place").inner_text()
        assert page.locator("#place").is_visible() == bool(said)
        if quote != LOST:
            mark = page.locator("mark").bounding_box()
            pane = page.locator("#document").bounding_box()
            assert mark and pane
            assert pane["y"] <= mark["y"] <= pane["y"] + pane["height"] - 20


def test_answers_survive_a_reload_and_belong_to_their_reviewer(open_form: Opened) -> None:
    page = open_form()
    press(page, "y", "n", "u", "j", "a")
    page.reload()
    assert page.locator("#number").inner_text() == "Pair 2 of 6"
    assert not page.locator("#asking").is_visible()
    press(page, "k")
    assert answers(page) == ["yes", "no", "unsure", None, None]
    page.locator("#who").click()
    page.locator("#name").fill("Adam")
    press(page, "Enter")
    assert page.locator("#who").inner_text() == "Adam" and answers(page) == [None] * 5
    page.locator("#who").click()
    page.locator("#name").fill("Zoë O'Hara")
    press(page, "Enter")
    assert "1 of 6 judged" in page.locator("#count").inner_text()


def test_a_saved_file_is_resumed_elsewhere_and_a_foreign_one_is_not(
    open_form: Opened, tmp_path: Path
) -> None:
    page = open_form("Ada")
    press(page, "y", "n", "j", "a")
    path = saved(page, tmp_path)
    other = open_form("Somebody")
    other.locator("#file").set_input_files(path)
    other.get_by_text("Loaded 2 pairs of Ada").wait_for()
    assert other.locator("#who").inner_text() == "Ada"
    assert answers(other)[:2] == ["yes", "no"]
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(json.loads(path.read_text()) | {"sample": "x"}))
    other.locator("#file").set_input_files(foreign)
    other.get_by_text("it belongs to another sample").wait_for()
    foreign.write_text("[")
    other.locator("#file").set_input_files(foreign)
    other.get_by_text("foreign.json cannot be loaded").wait_for()


def test_a_hostile_document_is_text(open_form: Opened) -> None:
    page = open_form()
    to_quote(page, MINE)
    assert page.evaluate("document.querySelector('#text').textContent") == HOSTILE
    assert page.locator("#title").inner_text() == SCRIPT
    assert page.locator("#answer").inner_text() == f"1992{SCRIPT}"
    assert page.evaluate("document.querySelectorAll('img, iframe, svg, a, script').length") == 2
    assert page.locator("#judgement").is_visible()


def test_the_policy_lets_nothing_else_run_or_load(browser: Browser, form: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    answered: list[str] = []
    page.on("requestfinished", lambda request: answered.append(request.url))
    page.goto(form.as_uri())
    found = page.evaluate(
        """async () => {
          const stopped = [], note = (event) => stopped.push(event.effectiveDirective);
          document.addEventListener("securitypolicyviolation", note);
          const made = (tag, fields) => Object.assign(document.createElement(tag), fields);
          const add = (tag, fields) => document.body.append(made(tag, fields));
          try { add("script", {text: "window.hurt = 1"}); } catch { stopped.push("script text"); }
          try { document.body.innerHTML += "<b></b>"; } catch { stopped.push("inner HTML"); }
          add("img", {src: "https://example.org/x.png"});
          add("style", {textContent: "body { color: red }"});
          await fetch("https://example.org/").catch(() => stopped.push("fetch"));
          await new Promise((done) => setTimeout(done, 300));  // reports come a little later
          return {stopped, hurt: window.hurt ?? null};
        }"""
    )
    context.close()
    assert found["hurt"] is None and answered == [form.as_uri()]
    wanted = {"script text", "inner HTML", "img-src", "style-src-elem", "fetch"}
    assert wanted <= {*found["stopped"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_it_fits_the_screen(open_form: Opened, scheme: str, width: int, height: int) -> None:
    """With ``WEBSCALE_SCREENSHOTS`` naming a folder, pictures for people are left there."""
    page = open_form(color_scheme=scheme, viewport={"width": width, "height": height})
    folder = os.environ.get("WEBSCALE_SCREENSHOTS")
    for place in range(6):
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if width > 860:
            assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
            nav = page.locator("nav").bounding_box()
            assert nav and nav["y"] + nav["height"] <= height
        press(page, *(["a"] if place == 0 else ["y", "y", "n"] if place == 1 else ["y"]))
        if folder:
            page.screenshot(path=f"{folder}/audit_{scheme}_{width}_{place}.png")
        press(page, "j")
    if folder:
        press(page, "?")
        page.screenshot(path=f"{folder}/audit_{scheme}_{width}_help.png")
