"""The schema of every table: columns with their meaning, keys, and the parent a row descends from.

Makes the values of ``TABLES``; reads and writes nothing. Names of tables and columns are a
contract with people's scripts and dashboards: add columns, never rename them.
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.experiment_tables import EXPERIMENT_TABLES
from webscale_dagster.table import Bool, Column, Float, Int, Table, Text, columns_of

__all__ = ["TABLES", "Column", "Table"]

_PAIR = columns_of(
    ("qa_id", Text, "hash of document, persona, question and answer"),
    ("doc_id", Text, "the document it was asked of"),
    ("shard", Text, "the document's shard"),
    ("domain", Text, "the document's domain"),
    ("persona_index", Int, "which of the document's personas asks, from 0"),
    ("persona", Text, "the reader in whose voice the question is asked"),
    ("question", Text, "makes sense without the document"),
    ("answer", Text, "short and checkable"),
    ("answer_type", Text, "name of the verifier that can judge an answer"),
    ("verifier_options", Text, "JSON: aliases, choices, unit, tolerance, tests"),
    ("evidence", Text, "the quote that proves the answer, verbatim"),
    ("evidence_start", Int, "offset of the quote in the document's text, in characters"),
    ("evidence_end", Int, "end of the quote, exclusive"),
    ("model", Text, "who wrote it; `extractive` is the rule-based writer"),
    ("prompt_version", Text, "hash of the prompt, exemplars and reply schema"),
    ("exemplars", Text, "JSON: which of the domain's exemplars the prompt showed, by their place"),
)

_MODEL_VERDICTS = columns_of(
    ("verified_by", Text, "a model's name, or `rules`: then the model's verdicts are null"),
    ("correct", Bool, "the model's verdict: right by the document"),
    ("self_contained", Bool, "the model's verdict: makes sense without the document"),
    ("leaks", Bool, "the model's verdict: the question gives its answer away"),
    ("unique", Bool, "the model's verdict: no other answer is right too"),
)
_SECOND_VERDICTS = columns_of(
    ("second_by", Text, "the second checker's name, null without one"),
    ("second_correct", Bool, "the second checker's verdict"),
    ("second_self_contained", Bool, "the second checker's verdict"),
    ("second_leaks", Bool, "the second checker's verdict"),
    ("second_unique", Bool, "the second checker's verdict"),
)
_FREE_VERDICTS = columns_of(
    ("quote_score", Float, "similarity of the quote to the text it was aligned with, 1 = exact"),
    ("support", Float, "share of the answer's words that stand in the quote"),
    ("relevance", Float, "share of the question's words of weight that stand near the quote"),
    ("leak_score", Float, "share of the answer's words of weight that stand in the question"),
)
_VERDICTS = _MODEL_VERDICTS + _FREE_VERDICTS + _SECOND_VERDICTS

_ALL = (
    Table(
        "shards",
        "a shard: a file or a row range of one",
        columns_of(
            ("shard", Text, "<source>-<nnnnn>"),
            ("source", Text, "the corpus it belongs to"),
            ("uri", Text, "path or s3:// address of the file"),
            ("row_from", Int, "first record, from 0"),
            ("row_to", Int, "last record, exclusive; null = to the end"),
            ("etag", Text, "the object's etag on S3, null on a disk"),
            ("size", Int, "bytes"),
            ("sha256", Text, "of the file's bytes when it was registered"),
            ("admitted", Int, "order of admission, given once; null before"),
            ("options", Text, "JSON: how its source is read (format, fields, licence)"),
        ),
        key=("shard",),
        sharded=False,
    ),
    Table(
        "raw_corpus",
        "a document",
        columns_of(
            ("doc_id", Text, "hash of source, the record's own id or url, and text"),
            ("shard", Text, "the shard it was read from"),
            ("row", Int, "the record's place in its file, from 0"),
            ("source", Text, "the corpus"),
            ("record_id", Text, "the record's own id, where it has one"),
            ("url", Text, "where the document was found, if known"),
            ("title", Text, "its title, if known"),
            ("text", Text, "decoded and normalised text"),
            ("text_hash", Text, "hash of the text: equal texts, equal hashes"),
            ("lang", Text, "detected language, ISO 639-1; `und` where undecided"),
            ("license", Text, "as the source states it"),
            ("group", Text, "book, host or repository it belongs to"),
            ("n_words", Int, "words in the text"),
        ),
        key=("doc_id",),
        parent=("row",),
    ),
    Table(
        "signatures",
        "a document's signature for near-duplicates",
        columns_of(
            ("doc_id", Text, "the document"),
            ("shard", Text, "its shard"),
            ("row", Int, "its place in its file"),
            ("text_hash", Text, "hash of the text"),
            ("group", Text, "book, host or repository"),
            ("n_shingles", Int, "distinct word shingles"),
            ("bands", pl.List(pl.Int64()), "one hash per band of the MinHash signature"),
        ),
        key=("doc_id",),
    ),
    Table(
        "near_duplicates",
        "a duplicate and the document kept for it",
        columns_of(
            ("doc_id", Text, "the duplicate"),
            ("shard", Text, "its shard"),
            ("keep_doc_id", Text, "the earlier document that is kept"),
            ("cluster_id", Text, "names the star: the kept document's id"),
            ("jaccard", Float, "exact Jaccard of the two shingle sets; 1 for equal texts"),
        ),
        key=("doc_id",),
    ),
    Table(
        "relatives",
        "a kept document and the family its split is drawn for",
        columns_of(
            ("doc_id", Text, "a kept document"),
            ("shard", Text, "its shard"),
            ("family", Text, "decided once at admission: documents of a family share a split"),
            ("families", pl.List(pl.String()), "every family it is related to, its own first"),
        ),
        key=("doc_id",),
    ),
    Table(
        "benchmarks",
        "a benchmark question",
        columns_of(
            ("benchmark", Text, "name of the test set: its file's name"),
            ("benchmark_id", Text, "the question's id in it"),
            ("question", Text, "null where only fingerprints are published"),
            ("answer", Text, "the accepted answer"),
            ("context", Text, "the passage the question is asked of, if any"),
            ("n_words", Int, "words of the question"),
        ),
        key=("benchmark", "benchmark_id"),
        sharded=False,
    ),
    Table(
        "benchmark_ngrams",
        "an n-gram of a benchmark question",
        columns_of(
            ("benchmark", Text, "name of the test set"),
            ("benchmark_id", Text, "the question's id in it"),
            ("part", Text, "`question`, `anchor`, `short_question`, `context` or `fingerprint`"),
            ("n", Int, "words in the n-gram"),
            ("hash", Int, "64-bit hash of the normalised n-gram, as a signed integer"),
        ),
        key=("benchmark", "benchmark_id", "part", "n", "hash"),
        sharded=False,
    ),
    Table(
        "filtered_docs",
        "a document worth asking about",
        columns_of(
            ("doc_id", Text, "the document"),
            ("shard", Text, "its shard"),
            ("text", Text, "its text"),
            ("title", Text, "its title, if known"),
            ("lang", Text, "its language"),
            ("n_words", Int, "words"),
            ("measures", Text, "JSON: every quality rule's measured value"),
            ("domain", Text, "the filter's merged call: the domain; else null"),
            ("personas", pl.List(pl.String()), "the filter's merged call: the readers; else null"),
        ),
        key=("doc_id",),
        parent=("doc_id",),
    ),
    Table(
        "personas",
        "a document and one persona who would ask about it",
        columns_of(
            ("doc_id", Text, "the document"),
            ("shard", Text, "its shard"),
            ("domain", Text, "one domain of the recipe's"),
            ("persona_index", Int, "from 0"),
            ("persona", Text, "who asks, why, and what they already know"),
        ),
        key=("doc_id", "persona_index"),
        parent=("doc_id",),
    ),
    Table(
        "qa_pairs",
        "a question-answer pair",
        _PAIR,
        key=("qa_id",),
        parent=("doc_id", "persona_index"),
    ),
    Table(
        "verified_qa",
        "a pair that survived verification",
        _PAIR + _VERDICTS,
        key=("qa_id",),
        parent=("qa_id",),
    ),
    Table(
        "pair_verdicts",
        "a pair with every verdict on it, whether it was kept or not",
        columns_of(
            ("qa_id", Text, "the pair"),
            ("shard", Text, "its document's shard"),
            ("problem", Text, "the reason why it left verified_qa; null: it was kept"),
            ("problems", pl.List(pl.String()), "every free check it fails, the cheapest first"),
        )
        + _VERDICTS,
        key=("qa_id",),
    ),
    Table(
        "decontaminated_set",
        "a pair that overlaps no benchmark",
        _PAIR + _VERDICTS,
        key=("qa_id",),
        parent=("qa_id",),
    ),
    Table(
        "difficulty",
        "a pair's pass rates",
        columns_of(
            ("qa_id", Text, "the pair"),
            ("doc_id", Text, "its document"),
            ("shard", Text, "its document's shard"),
            ("policy", Text, "the model that was asked; null where none was"),
            ("samples", Int, "how often it was asked without the document, and as often with it"),
            ("closed_book_rate", Float, "share of right answers without the document, or null"),
            ("open_book_rate", Float, "share of right answers with the document, or null"),
            ("n_closed", Int, "samples without the document that have a verdict"),
            ("n_open", Int, "samples with the document that have a verdict"),
            ("n_without_verdict", Int, "samples of either kind that have none: not counted wrong"),
            ("band", Text, "trivial | learnable | hard | broken, null where the rates are unknown"),
        ),
        key=("qa_id",),
        parent=("qa_id",),
    ),
    Table(
        "policy_samples",
        "an answer of the policy",
        columns_of(
            ("qa_id", Text, "the pair"),
            ("shard", Text, "its document's shard"),
            ("book", Text, "`closed`: the question alone; `open`: with the document"),
            ("sample", Int, "which of the samples, from 0"),
            ("policy", Text, "the model that answered"),
            ("response", Text, "what it said"),
            ("outcome", Text, "the verifier's: correct, wrong, …; null where no reply came"),
            ("score", Float, "the verifier's, from 0 to 1; null without a verdict"),
            ("reason", Text, "why"),
        ),
        key=("qa_id", "book", "sample"),
    ),
    Table(
        "rl_splits",
        "an RL example",
        columns_of(
            ("example_id", Text, "hash of the pair and the prompt"),
            ("qa_id", Text, "the pair"),
            ("doc_id", Text, "the document"),
            ("shard", Text, "the document's shard"),
            ("split", Text, "sft | train | validation | test"),
            ("domain", Text, "the document's domain"),
            ("prompt", Text, "JSON: chat messages"),
            ("ground_truth", Text, "the accepted answer"),
            ("answer_type", Text, "name of the verifier"),
            ("verifier_options", Text, "JSON: aliases, choices, unit, tolerance, tests"),
            ("family", Text, "documents of a family share a split"),
            ("verified_by", Text, "a model's name, or `rules`"),
            ("license", Text, "the document's licence"),
            ("source", Text, "the document's corpus"),
            ("closed_book_rate", Float, "as in difficulty: null where no policy was asked"),
            ("open_book_rate", Float, "as in difficulty"),
            ("band", Text, "as in difficulty"),
        ),
        key=("example_id",),
        parent=("qa_id",),
        sharded=False,
    ),
    Table(
        "rejects",
        "a row that left, with its reason",
        columns_of(
            ("stage", Text, "the stage it left in"),
            ("shard", Text, "its shard; empty for unsharded stages"),
            ("row_id", Text, "the row that left"),
            ("parent_id", Text, "the parent row's key"),
            ("reason", Text, "a snake_case code"),
            ("detail", Text, "the value that crossed the line, or the raw reply"),
        ),
        key=("stage", "row_id"),
    ),
    Table(
        "llm_calls",
        "a call to the model",
        columns_of(
            ("stage", Text, "the stage that asked"),
            ("shard", Text, "its shard"),
            ("row_id", Text, "the row it was asked for"),
            ("key", Text, "hash of model, messages, parameters and reply schema"),
            ("model", Text, "who answered"),
            ("prompt_version", Text, "hash of the prompt, exemplars and reply schema"),
            ("reply_hash", Text, "hash of the raw reply"),
            ("tokens_in", Int, "prompt tokens"),
            ("tokens_out", Int, "reply tokens"),
            ("cached_tokens", Int, "prompt tokens served from a prefix cache"),
            ("cost", Float, "money, at the recipe's price when it was answered or replayed"),
            ("latency_ms", Float, "time to the reply"),
            ("finish_reason", Text, "as the server says"),
            ("attempts", Int, "requests sent until it was answered"),
            ("replayed", Bool, "answered from the journal, nothing was paid"),
        ),
        key=("stage", "row_id", "key"),
    ),
    *EXPERIMENT_TABLES,
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
