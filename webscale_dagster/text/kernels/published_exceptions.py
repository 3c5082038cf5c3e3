"""Words that spaCy's English tokenizer splits, or keeps whole, in their own way.

Makes lists of such words; reads and writes nothing. After spaCy 3.8
(``spacy/lang/en/tokenizer_exceptions.py``, ``spacy/lang/tokenizer_exceptions.py``, ``_units`` in
``spacy/lang/char_classes.py``); left out: units of other alphabets, an emoticon that turns a table.
"""

from __future__ import annotations

from collections.abc import Iterator

_CONTRACTED = (  # words, and what may be drawn together with them
    ("i", "m m+a ll ll+ve d d+ve ve"),
    ("you we they", "ll ll+ve d d+ve ve re"),
    ("he she it", "ll ll+ve d d+ve s"),
    ("who what when where why how there", "s ll ll+ve re ve d d+ve"),
    ("that this", "s ll ll+ve d d+ve"),
    ("these those", "ll ll+ve re ve d d+ve"),
    ("could might must should would", "ve"),
    ("not", "ve"),
)
# Lists of words, with blanks between; a plus stands where a word is cut.
_NEGATED = "could do does did had may might must need ought should would ca sha wo"
_NEGATED_ALONE = "are is was were have has dare ai"  # without "n't've"
_OTHER_WORDS = "ill its hell shell shed were well whore"
_SPLIT = "can+not gon+na got+ta let+'s c'm+on"  # also capitalised
_SPLIT_AS_IS = "y'+all y+all how+'d+'y How+'d+'y °+C+. °+F+. °+K+. °+c+. °+f+. °+k+."
_WHOLE = (
    "' '' \\\") \\t \\n — <space> C++ and/or w/o 's 'S ‘s ‘S 're 'd 'bout Ph.D. "
    "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. "
    "Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. "
    "N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. "
    "Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. "
    "Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Prof. Rep. Rev. Sen. St. vs. v.s. ä. ö. ü. "
    "'em 'll 'nuff em ll nuff 'cause 'cos 'coz 'cuz 'Cause 'Cos 'Coz 'Cuz "
    "o'clock O'clock ma'am Ma'am"
)
_DROPPED_G = "doin goin nothin nuthin ol somethin lovin havin"
_EMOTICONS = (
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) "
    "(; (-; :( :-( :(( :-(( :((( :-((( ): )-: =( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 "
    ":P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D "
    ";-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o "
    "o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) "
    "(>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ >:( ><(((*>"
)
_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s "
    "km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %"
)


def units() -> list[str]:
    """What is cut off a number."""
    return _UNITS.split()


def special_words() -> dict[str, tuple[str, ...]]:
    """How each special word is split; with either apostrophe."""
    found = {}
    for pieces in _special_words():
        for apostrophe in "'’":
            turned = tuple(piece.replace("'", apostrophe) for piece in pieces)
            found["".join(turned)] = turned
    return found


def _special_words() -> Iterator[tuple[str, ...]]:
    other_words, negated = _OTHER_WORDS.split(), _NEGATED.split()
    for word, endings in _contractions():
        for start in (word, word.title()):
            yield (start, *("'" + ending if ending != "a" else "a" for ending in endings))
            joined = (start, *endings)
            if "".join(joined).lower() not in other_words:
                yield joined
    for word in (*negated, *_NEGATED_ALONE.split()):
        for start in (word, word.title()):
            yield from ((start, "n't"), (start, "nt"))
            if word in negated:
                yield from ((start, "n't", "'ve"), (start, "nt", "ve"))
    for word in _SPLIT.split():
        yield from (tuple(start.split("+")) for start in (word, word[0].upper() + word[1:]))
    yield from (tuple(word.split("+")) for word in _SPLIT_AS_IS.split())
    for hour in range(1, 13):
        yield from ((str(hour), half) for half in ("am", "a.m.", "pm", "p.m."))
    whole = f"{_WHOLE} {_EMOTICONS}".split()
    for word in (*whole, *(f"{chr(letter)}." for letter in range(97, 123))):
        yield (word,)
    for word in _DROPPED_G.split():
        yield from ((start + end,) for start in (word, word.title()) for end in ("", "'"))


def _contractions() -> Iterator[tuple[str, list[str]]]:
    for words, endings in _CONTRACTED:
        yield from ((word, end.split("+")) for word in words.split() for end in endings.split())
