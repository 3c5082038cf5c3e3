"""Assets 5 to 9: from documents to clean question-answer pairs, and how hard they are."""

from __future__ import annotations

from webscale_dagster.defs.walk_asset import walk_asset

personas = walk_asset(
    "personas",
    "questions",
    "One domain and up to three personas for every document.",
    deps=["filtered_docs"],
)
qa_pairs = walk_asset(
    "qa_pairs",
    "questions",
    "One question per persona, with a short typed answer and the quote that proves it.",
    deps=["personas", "filtered_docs"],
)
verified_qa = walk_asset(
    "verified_qa",
    "questions",
    "Pairs that pass the free checks, then the model's: correct, self-contained, no leak, unique.",
    deps=["qa_pairs", "filtered_docs"],
)
decontaminated_set = walk_asset(
    "decontaminated_set",
    "questions",
    "Pairs that overlap no benchmark question.",
    deps=["verified_qa", "benchmarks"],
)
difficulty = walk_asset(
    "difficulty",
    "questions",
    "How often a policy answers a pair right without the document and with it; switched off unless "
    "the recipe wants samples.",
    deps=["decontaminated_set", "filtered_docs"],
)
