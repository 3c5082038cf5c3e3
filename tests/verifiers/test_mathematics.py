from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster import verifiers
from webscale_dagster.verifiers import mathematics, parses, symbolic, verify
from webscale_dagster.verifiers.outcome import ParseError

EQUAL = r"""
42 | 42
42.0 | 42
42. | 42
+42 | 42
-42 | - 42
−42 | -42
1,234,567 | 1234567
14,\!400 | 14400
5\,000\,000 | 5{,}000{,}000
12 000 | 12000
0.5 | \frac{1}{2}
.5 | \frac12
1/2 | \dfrac{1}{2}
2/4 | \tfrac12
\frac{-1}{2} | -\frac{1}{2}
-1/2 | \frac{1}{-2}
1\frac{1}{2} | \frac{3}{2}
1 1/2 | 3/2
2½ | 5/2
0.\overline{3} | \frac13
0.1\overline{6} | 1/6
1.04e-3 | 1.04 \times 10^{-3}
3.3e12 | 3.3 \cdot 10^{12}
2^{10} | 1024
2^10 | 1024
2**10 | 1024
10^{100} | 10^{99} \cdot 10
3^{2007} | 3 \cdot 3^{2006}
5! | 120
\binom{5}{2} | 10
\sqrt{12} | 2\sqrt{3}
\sqrt3 | \sqrt{3}
2√3 | 2 \sqrt 3
sqrt(12) | 2\sqrt3
\frac{1}{\sqrt{2}} | \frac{\sqrt{2}}{2}
\frac{2}{\sqrt{3}-1} | \sqrt{3}+1
\sqrt{3+2\sqrt{2}} | 1+\sqrt{2}
\sqrt[3]{8} | 2
\sqrt[3]{-8} | -2
2^{-2/3} | \frac{1}{\sqrt[3]{4}}
4^{1/2} | 2
\pi/2 | \frac{\pi}{2}
2π | 2\pi
2*pi | 2 \pi
3.141593 | \pi
0.333333 | \frac13
\sin 30^{\circ} | \frac12
2\cos 15^{\circ} | \frac{\sqrt6+\sqrt2}{2}
\sin^2 x + \cos^2 x | 1
\tan x | \frac{\sin x}{\cos x}
\sin 2x | 2\sin x\cos x
\sin^{-1}(1/2) | \frac{\pi}{6}
arcsin(10/13) | \arcsin\frac{10}{13}
\ln 8 | 3\ln 2
\log_2 8 | 3
\log_{10} 1000 | 3
\log 100 | 2
\frac{\log 2}{\log 3} | \log_3 2
\frac{\ln 2}{\ln 3} | \frac{\log 2}{\log 3}
e^{\ln 5} | 5
e^{i\pi} | -1
\exp(x) | e^x
(1+i)^2 | 2i
\frac{1}{1+i} | \frac{1-i}{2}
x^2-1 | (x-1)(x+1)
(x+1)^3 | x^3+3x^2+3x+1
\frac{x^2-1}{x-1} | x+1
6-5x | -5x+6
2ab | 2ba
\frac{1}{x}+\frac{1}{y} | \frac{x+y}{xy}
x^{n+1} | x\cdot x^n
|x-1| | \sqrt{(x-1)^2}
\lfloor 3.7 \rfloor | 3
n! | n \cdot (n-1)!
\frac{n!}{(n-2)!} | n(n-1)
\frac{37}{4} m | 9.25m
x_{1}+x_{2} | x_2+x_1
\alpha+\beta | β + α
\left(\frac{1}{2}\right)^n | 2^{-n}
x = 5 | 5
5 | x=5
5 = x | 5
x = 2+3 = 5 | 5
f(x) = 2x | 2x
y = 2x + 3 | 2x - y + 3 = 0
2x + 4y = 6 | x + 2y = 3
2x = 10 | x = 5
x > 2 | 2 < x
x > 2 | (2, \infty)
x \geqslant 2 | [2, ∞)
-1 < x \le 3 | (-1, 3]
3 \ge x > -1 | (-1, 3]
x < 1 or x > 2 | (-\infty, 1) \cup (2, \infty)
(2,\infty) \cup (-\infty,1) | (-\infty, 1) \cup (2, \infty)
x \in (1, 2) | (1,2)
all real numbers | \mathbb{R}
(-\infty, \infty) | \mathbb{R}
1, 2 | 2,1
1 and 2 | 1, 2
\{1, 2\} | \{2, 1\}
1,2 | \{1,2\}
x = 1 or x = 2 | 1, 2
x = 1 \text{ or } x = 2 | x=2, x=1
$1$ and $-2$ | -2,1
\pm 2 | 2, -2
2 \pm \sqrt{3} | 2+\sqrt3, 2-\sqrt3
x = 1, y = 2 | y = 2, x = 1
(1, 2) | \left( 1, \frac{4}{2} \right)
(x,y) = (1,2) | (1,2)
1, 2 | (1, 2)
\langle 1, 2 \rangle | (1, 2)
(1,2), (3,4) | (3,4),(1,2)
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{bmatrix}1&2\\3&\frac{8}{2}\end{bmatrix}
[[1,2],[3,4]] | \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
\begin{pmatrix} 1 \\ -2 \end{pmatrix} | (1, -2)
70,110 | 110, 70
61,328 | 61328
1:2 | 2:4
1200_7 | 1200_{7}
1200 | 1200_7
25\% | 25\%
25% | \frac14
0.25 | 25\%
25 | 25\%
12.5 percent | 12.5\%
90 | 90^\circ
90 degrees | 90^\circ
\frac{\pi}{2} | 90^\circ
25 | 25 \, \text{km}
25 km | 25
0.125 m | 12.5 \text{ cm}
12 | 12 \text{ square units}
864 \text{ inches}^2 | 864 \mbox{ square inches}
5 m | 5
\$18.90 | 18.90
12 apples | 12
twelve | 12
3 million | 3,000,000
4:30 p.m. | \text{4:30 p.m.}
\text{Evelyn} | evelyn
B | \text{(B)}
A, D | \text{A,D}
odd | \text{odd}
The area is $\frac{1}{2}$ square units. | 0.5
There are 12 ways | 12
\frac{d!}{2k(d-k)!} | \frac{d !}{2 k(d-k) !}
""".strip().splitlines()

DIFFERENT = r"""
43 | 42
4.2 | 42
-42 | 42
- 42 | 42
5 | 5!
0.33 | \frac13
0.3333 | \frac13
3.14 | \pi
3.14159 | \pi
22/7 | \pi
\frac{355}{113} | \pi
1.41 | \sqrt{2}
3.89e-10 | 5e-10
1e-9 | 2e-9
10^{20}+\sqrt{2} | 10^{20}+\sqrt{3}
e^{\pi\sqrt{163}} | 262537412640768744
2(3) | 5
\sqrt{x^2} | x
x^2 | x^3
x+1 | x-1
2n | 2
2ab | 2
M | m
P_0 | P_1
y' | y
\gamma^2 | 0
\frac{dy}{dx} | \frac{y}{x}
I(0) | 0
1/2x | \frac{1}{2x}
\sin x | \cos x
\sin(30) | \frac12
x=1 or x=2 | 1
1 or 2 | 1
1, 2 | 2
\{1,2\} | 1
1,2,3 | 1,2
1,1 | 1
x = 5 | y = 5
1 | x^2+y^2=1
3^{2007} | 11x + 6y + 5z + 86 = 0
y = x+4 | y = x+3
x \ge 2 | x > 2
x < 2 | x > 2
[2,\infty) | (2,\infty)
(1,2] | [1,2)
(2,1) | (1,2)
2,1 | (1,2)
\{1,2\} | (1,2)
x=1, y=2 | x=2, y=1
1, 2 | x=2, y=1
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} | \begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}
\begin{pmatrix} 1 & 2 \end{pmatrix} | \begin{pmatrix} 1 \\ 2 \end{pmatrix}
25\% | 25.5
0.5\% | 0.5
0.25 | 25
12.5 cm | 12.5 km
12.5 cm | 0.125 km
5 kg | 5 m
1200_8 | 1200_7
423 | 1200_7
4:30 p.m. | 4:30 a.m.
-i | i
\text{Evelyn} | \text{Dana}
even | \text{odd}
B | \text{(C)}
""".strip().splitlines()

UNREADABLE = [
    "10^10^10",
    "10^{10^{10}}",
    "(9999^{9999})^{9999}",
    "999999!",
    r"\binom{1000000}{500000}",
    "e^{e^{e^{e^{100}}}}",
    "((5!)!)!",
    "9" * 900 + "^" + "9" * 90,
    "1e999999999",
    "1/0",
    r"\frac{1}{2",
    "5 or maybe 6, I guess",
    r"\frac{}{}",
    "?",
    "x^",
    "(((" * 20,
    "|" * 900 + "x",
    r"\sqrt" * 150 + "2",
    r"\sin" * 200 + "x",
    "1/" * 450 + "0",
]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifiers, "in_worker", True)


def _pair(row: str) -> tuple[str, str]:
    answer, truth = row.split(" | ")
    return answer, truth


def test_the_tables_are_large() -> None:
    assert len({*EQUAL, *DIFFERENT}) == len(EQUAL) + len(DIFFERENT) >= 120


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("form", [r"So we get \boxed{%s}.", "The answer is %s"])
@pytest.mark.parametrize("row", EQUAL)
def test_an_equal_answer_is_correct(row: str, form: str) -> None:
    answer, truth = _pair(row)
    outcome = verify("math", form % answer, truth)
    assert outcome.outcome == "correct", outcome.reason


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("row", DIFFERENT)
def test_another_answer_is_wrong(row: str) -> None:
    answer, truth = _pair(row)
    outcome = verify("math", rf"\boxed{{{answer}}}", truth)
    assert outcome.outcome == "wrong", outcome.reason


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: text[:20])
def test_what_cannot_be_computed_is_refused_at_once(text: str) -> None:
    symbolic._math_verify()  # its import is not what is timed
    start = time.process_time()
    assert verify("math", f"<answer>{text}</answer>", "7").outcome == "unparseable"
    assert parses("math", text) is not None
    assert verify("math", r"\boxed{7}", text).outcome == "error"
    assert time.process_time() - start < 2


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("answer", "truth", "tolerance", "outcome"),
    [
        ("3.14", r"\pi", 0.01, "correct"),
        ("3.12", r"\pi", 0.01, "wrong"),
        ("3.14", r"\pi", "1%", "correct"),
        ("1.0e-3", "1.04e-3", "5%", "correct"),
        ("0.7", r"25\%", 0.5, "wrong"),
        ("1.41, 2", r"\sqrt{2}, 2", "1%", "correct"),
        ("5", "x + 5", 100, "wrong"),
        ("3", "3", -1, "error"),
    ],
)
def test_tolerance(answer: str, truth: str, tolerance: Any, outcome: str) -> None:
    found = verify("math", rf"\boxed{{{answer}}}", truth, tolerance=tolerance)
    assert found.outcome == outcome, found.reason


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("completion", "truth"),
    [
        (r"<think>\boxed{3}</think>Thus $$\frac{1}{2}$$", "1/2"),
        ("The answer is:\n\n$$\n\\frac{1}{2}\n$$", "1/2"),
        ("**Final answer:** $x = 5$.", "5"),
        ("The answer is $5$. We check that $2+3=5$.", "5"),
        (r"Answer: \( \frac{1}{2} \)", "1/2"),
        (r"First \boxed{1}, but then \boxed{2}", "2"),
        ("- $x = 5$", "5"),
        ("#### 18", "18"),
        (r"$\boxed{1}$ and $\boxed{2}$", "1, 2"),
        ("We add.\n\n**-5**", "-5"),
    ],
)
def test_completions_as_they_come(completion: str, truth: str) -> None:
    outcome = verify("math", completion, truth)
    assert outcome.outcome == "correct", outcome.reason


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "completion",
    [
        r"\boxed{1} or \boxed{2}",
        r"\boxed{2}, \boxed{1}",
        r"\boxed{1 \text{ or } 2}",
        "The answer is 1 or it is 2",
        "The answer is $1$ or $2$.",
        "Either 2 or 1",
    ],
)
@pytest.mark.parametrize("truth", ["1", "2"])
def test_naming_two_values_is_never_one(completion: str, truth: str) -> None:
    assert verify("math", completion, truth).outcome in ("wrong", "unparseable")


def test_verify_works_in_any_thread() -> None:
    found = []

    def run() -> None:
        found.append(verify("math", r"\boxed{\frac{\sqrt{12}}{4}}", r"\frac{\sqrt3}{2}").outcome)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["correct"] * 4


_ATOMS = st.sampled_from(["x", "y", "2", "3", "7", r"\pi", r"\sqrt{2}", "0.5", "n"])
_TERMS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: rf"\frac{{{p[0]}}}{{1+({p[1]})^2}}"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}-({p[1]})"),
        inner.map(lambda p: rf"\sin({p})"),
        inner.map(lambda p: f"({p})^{{2}}"),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(_TERMS, _TERMS, st.sampled_from(["x", "y", "3"]))
def test_rewriting_keeps_a_value_and_adding_changes_it(one: str, other: str, extra: str) -> None:
    truth = mathematics.parse(f"{one}+({other})", {})
    same = mathematics.parse(f"({other}) + {{{one}}} + {extra} - {extra}", {})
    expanded = mathematics.parse(rf"\frac{{2({one})+2({other})}}{{2}}", {})
    more = mathematics.parse(f"({one})+({other})+{extra}", {})
    assert mathematics.differs(same, truth, {}) is None
    assert mathematics.differs(expanded, truth, {}) is None
    assert mathematics.differs(more, truth, {}) is not None


_PIECES = (
    r"\frac|{|}|(|)|[|]|\{|\}|x|2|=|<|,|;| or |\cup|\pm|^|_|!|°|%|$|\text{|cm|\pi|\sqrt|&|\\|:|'|-"
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*_PIECES.split("|"), "|", " is "]), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = mathematics.parse(text, {})
    except ParseError:
        return
    assert mathematics.differs(read, read, {}) is None
