"""Lines that are a notice: of cookies, terms and privacy, or that JavaScript is off.

Makes numbers of lines from a text; reads and writes nothing. Few texts have any of the phrases.
"""

from __future__ import annotations

import re

# C4 drops every line with the word; articles about JavaScript have it too, notices also have these.
_NOTICE = re.compile(r"\b(?:enabled?|disabled?|requires?|turn(?:ed)? on|activate|browser)\b")
_POLICY = (  # C4's phrases (tensorflow_datasets, c4_utils)
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def javascript_lines(text: str) -> int:
    """Lines that ask for JavaScript."""
    return sum(
        "javascript" in line and bool(_NOTICE.search(line)) for line in text.lower().split("\n")
    )


def policy_lines(text: str) -> int:
    """Lines about cookies, terms or privacy."""
    return sum(any(phrase in line for phrase in _POLICY) for line in text.lower().split("\n"))
