"""Texts that try the edges of the quality rules: all kinds of space, signs, scripts and damage."""

from __future__ import annotations

from hypothesis import strategies as st

SPACES = "\n\n\n \t\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2028\u2029\u3000\u200b\ufeff"
SIGNS = ".!?…\"'”’»。！？।؟-*•–●·◦▪‣:;,)]}|=+<>^_{\\$→≤√−×÷#@([/&\0\x07\x7f\x9f\ufffd\ud800\udfff"
LETTERS = "aAzZ09_éßÃÂÐâïðŸ€„™\u0301\u212aſﬆİςΣя中のแกำ\u0e31ລក\u1031ाक𝒳𠀀²½٣\U000e0100\uff21Ⅷⓐ"
PIECES = (
    *("lorem ipsum", "Lorem IPSUM", "javascript", "JavaScript enabled", "browser", "requires"),
    *("terms of use", "Privacy Policy", "coo\u212aie policy", "uses cookies", "use coo\u212aies"),
    *("def ", "class ", "import ", "from x import ", "from ", "return", "print(", "@x", ">>> "),
    *(
        "#include",
        "if ",
        "else:",
        "finally:",
        "for",
        "void ",
        "private ",
        "x.y = ",
        "a[1] += ",
        "f(",
    ),
    *(") ", "),", ");", ":\n", "    ", "\t", "...", "…\n", "{", "}", "\\frac{", "^ {", "} {", "_{"),
    *(
        "\\}",
        "Ã©",
        "â€œ",
        "ï»¿",
        "ðŸ˜€",
        "ÀÁÂÃ",
        "¡¢£",
        "the of and ",
        "THE Of ",
        "die und ",
        "и в ",
    ),
    *(
        "και της ",
        "eﬆ le ",
        "one two three four. ",
        "And so it goes on in the line below, until it ends",
    ),
    *(
        "\n\n",
        "\n \n",
        "\n\xa0\n",
        "Home\n",
        "News\n",
        "Contact us\n",
        "- ",
        "• ",
        "(",
        "a b c a b c ",
    ),
    *("港は町によって作られた。", "ท่าเรือ", "x" * 40, " ".join("abcdefghijklmnop")),
)
characters = st.one_of(
    st.sampled_from(SPACES), st.sampled_from(SIGNS), st.sampled_from(LETTERS), st.characters()
)
pieces = st.lists(st.one_of(st.sampled_from(PIECES), st.text(characters, max_size=8)), max_size=40)
texts = pieces.map("".join)
