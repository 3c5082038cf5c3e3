"""The free checks of a pair: what can be decided without a model, each with its reject reason.

    clause of the definition            checks
    an answer with a verifier           answer_not_of_its_type, answer_does_not_fit, yes_no_answer
    that follows from a quote           answer_not_in_quote, quote_not_found, quote_not_relevant
    and is not in the question          leaks
    the question makes sense alone      refers_to_document, dangling_reference, question_length

Makes every verdict on a pair, not just the first, so that thresholds can be drawn again; of those
that fail, the first in the list names the reject. Reads and writes nothing. Error rates:
docs/data_quality.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.stages.quotes import Aligned, align
from webscale_dagster.stages.self_contained import dangling_reference, is_polar, pointer
from webscale_dagster.text.language import detect_language
from webscale_dagster.text.normalise import says, words
from webscale_dagster.verifiers import parses
from webscale_dagster.verifiers.asked_type import misfit
from webscale_dagster.verifiers.wordings import FUNCTION_WORDS, counting_words, share_together, stem

Problem = tuple[str, str]  # reason, detail
_YES_NO = frozenset({"yes", "no", "true", "false"})
_NEAR = 300  # characters on each side of a quote that may hold what the question speaks of
_SPARE = 2  # words that may stand between those of an answer, in its quote
_FEWEST_FOR_LANGUAGE = 8  # words of a question: of fewer, the detector guesses


@dataclass(frozen=True)
class FreeVerdicts:
    """What the free checks say of a pair; ``problems`` is empty if it passes them all."""

    quote: Aligned
    support: float
    relevance: float
    leak_score: float
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Pair:
    """A pair as the checks read it."""

    question: str
    answer: str
    answer_type: str
    evidence: str
    options: Mapping[str, Any]
    title: str
    text: str
    lang: str

    @property
    def wordings(self) -> tuple[str, ...]:
        """The answer and what is accepted beside it."""
        aliases = self.options.get("aliases") or ()
        return (self.answer, *((aliases,) if isinstance(aliases, str) else aliases))


def check_pair(row: Mapping[str, Any], settings: VerifiedQa) -> FreeVerdicts:
    """Every verdict on a row of qa_pairs with its document's ``text``, ``title`` and ``lang``."""
    pair = Pair(
        question=str(row["question"]),
        answer=str(row["answer"]),
        answer_type=str(row["answer_type"]),
        evidence=str(row["evidence"]),
        options=orjson.loads(row["verifier_options"] or "{}"),
        title=str(row.get("title") or ""),
        text=str(row.get("text") or ""),
        lang=str(row.get("lang") or ""),
    )
    quote = align(pair.evidence, pair.text, row.get("evidence_start"))
    found = FreeVerdicts(
        quote=quote,
        support=support(pair.answer, pair.evidence, pair.answer_type),
        relevance=_relevance(pair, quote),
        leak_score=max(leak_score(pair.question, wording) for wording in pair.wordings),
        problems=(),
    )
    checks: tuple[Callable[[Pair, FreeVerdicts, VerifiedQa], Problem | None], ...] = (
        _question_length,
        _answer_length,
        _refers_to_document,
        _dangling_reference,
        _yes_no_answer,
        _answer_does_not_fit,
        _answer_not_of_its_type,
        _leaks,
        _answer_not_in_quote,
        _quote_not_found,
        _quote_not_relevant,
        _language,
    )
    problems = [check(pair, found, settings) for check in checks]
    return replace(found, problems=tuple(filter(None, problems)))


def support(answer: str, quote: str, answer_type: str = "") -> float:
    """The share of the answer's words of weight that stand together in the quote.

    Numbers are words, ``three`` is ``3``, and signs beside a number (``%``, ``°``) may be left out.
    The items of a list may stand anywhere.
    """
    said, quoted = _bare(counting_words(answer)), _bare(counting_words(quote))
    spare = len(quoted) if answer_type in ("list", "ordered_list") else _SPARE
    share = share_together(said, quoted, spare)
    # `well-known` and `wellknown`: the same letters with other spaces.
    return 1.0 if share < 1 and len(said) > 1 and "".join(said) in "".join(quoted) else share


def leak_score(question: str, answer: str) -> float:
    """The share of the answer's words of weight that stand together in the question."""
    return share_together(_bare(counting_words(answer)), _bare(counting_words(question)), spare=0)


def _bare(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.strip("%°") or word for word in words)


def _relevance(pair: Pair, quote: Aligned) -> float:
    """The share of the question's words of weight in the quote, around it and in the title."""
    near = pair.text[max(quote.start - _NEAR, 0) : quote.end + _NEAR]
    said = set(map(stem, words(f"{pair.title} {pair.evidence} {near}")))
    asked = {stem(word) for word in words(pair.question) if word not in FUNCTION_WORDS}
    return round(len(asked & said) / len(asked), 4) if asked else 0.0


def _question_length(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    n = len(words(pair.question))
    if settings.min_question_words <= n <= settings.max_question_words:
        return None
    return "question_length", f"{n} words: {pair.question}"


def _answer_length(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    n = len(words(pair.answer))
    if 1 <= n <= settings.max_answer_words:
        return None
    return "answer_length", f"{n} words: {pair.answer}"


def _refers_to_document(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    pointing = pointer(pair.question)
    return ("refers_to_document", pointing) if pointing else None


def _dangling_reference(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    word = dangling_reference(pair.question)
    return ("dangling_reference", f"{word}: {pair.question}") if word else None


def _yes_no_answer(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    said = words(pair.answer)
    if said and said[0] in _YES_NO and len(said) == 1:
        return "yes_no_answer", pair.answer
    return ("yes_no_answer", pair.question) if is_polar(pair.question) else None


def _answer_does_not_fit(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    reason = misfit(pair.question, pair.answer, pair.answer_type)
    return ("answer_does_not_fit", reason) if reason else None


def _answer_not_of_its_type(
    pair: Pair, found: FreeVerdicts, settings: VerifiedQa
) -> Problem | None:
    reason = parses(pair.answer_type, pair.answer, **pair.options)
    return ("answer_not_of_its_type", f"{pair.answer_type}: {reason}") if reason else None


def _leaks(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    said = any(says(pair.question, wording) for wording in pair.wordings)
    if found.leak_score <= settings.max_leak_score and not said:
        return None
    return "leaks", f"{found.leak_score:.2f} of {pair.answer} / {pair.question}"


def _answer_not_in_quote(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    if found.support >= settings.min_support:
        return None
    return "answer_not_in_quote", f"{found.support:.2f} of {pair.answer} / {pair.evidence}"


def _quote_not_found(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    if found.quote.score >= settings.min_quote_score:
        return None
    return "quote_not_found", f"score {found.quote.score:.2f}: {pair.evidence}"


def _quote_not_relevant(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    if found.relevance >= settings.min_relevance:
        return None
    return "quote_not_relevant", f"{found.relevance:.2f} of {pair.question} / {pair.evidence}"


def _language(pair: Pair, found: FreeVerdicts, settings: VerifiedQa) -> Problem | None:
    """A question in another language than its document, where the detector is sure."""
    if not pair.lang or len(words(pair.question)) < _FEWEST_FOR_LANGUAGE:
        return None
    lang, share = detect_language(pair.question)
    if lang == "und" or lang == pair.lang or share < 0.9:
        return None
    return "question_language", f"{lang}, the document is in {pair.lang}: {pair.question}"
