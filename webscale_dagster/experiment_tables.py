"""The tables of experiments: scores, the answers behind them, and what training cost.

Makes ``Table`` values for ``TABLES``; reads and writes nothing.
"""

from __future__ import annotations

from webscale_dagster.table import Bool, Float, Int, Table, Text, columns_of

EXPERIMENT_TABLES = (
    Table(
        "evaluation",
        "a score of an experiment",
        columns_of(
            ("experiment", Text, "`<arm>-s<seed>`"),
            ("arm", Text, "what was trained, and on what"),
            ("seed", Int, "of training and sampling"),
            ("checkpoint", Text, "phase and key of the model that was asked"),
            ("set", Text, "the split, or a benchmark's task"),
            ("group", Text, "`all`, `domain:…` or `answer_type:…`"),
            ("metric", Text, "`pass@1`, `majority`, … or the benchmark's own"),
            ("k", Int, "of pass@k; else null"),
            ("value", Float, "the score"),
            ("low", Float, "where its interval begins, over the questions; or null"),
            ("high", Float, "where it ends, or null"),
            ("n", Int, "questions, or items"),
        ),
        key=("experiment", "set", "group", "metric"),
        by="experiment",
    ),
    Table(
        "evaluation_samples",
        "an answer of an experiment's model to a held-out question",
        columns_of(
            ("experiment", Text, "`<arm>-s<seed>`"),
            ("example_id", Text, "the question"),
            ("domain", Text, "its domain"),
            ("answer_type", Text, "its answer's type"),
            ("share", Float, "of the budget that was spent by then; 1 is the end"),
            ("sample", Int, "which of the samples, from 0"),
            ("text", Text, "what the model said"),
            ("outcome", Text, "the verifier's: correct, wrong, …"),
            ("score", Float, "the verifier's, from 0 to 1; null without a verdict"),
            ("reason", Text, "why"),
            ("n_tokens", Int, "tokens that were generated"),
            ("cut_off", Bool, "whether it reached the limit"),
        ),
        key=("experiment", "share", "example_id", "sample"),
        by="experiment",
    ),
    Table(
        "checkpoints",
        "a phase of an experiment's training, with its cost",
        columns_of(
            ("experiment", Text, "`<arm>-s<seed>`"),
            ("arm", Text, "what was trained, and on what"),
            ("seed", Int, "of training and sampling"),
            ("phase", Text, "base, cpt, sft or grpo"),
            ("place", Int, "which of the experiment's phases, from 0"),
            ("checkpoint", Text, "phase and key: equal keys are one checkpoint, trained once"),
            ("release", Text, "the data"),
            ("steps", Int, "optimizer steps"),
            ("source_tokens", Int, "tokens of the documents that it learned from, each once"),
            ("training_tokens", Int, "tokens that went through the optimizer, with repetitions"),
            ("generated_tokens", Int, "tokens of rollouts and of models that made or judged data"),
            ("folder", Text, "where the model lies"),
        ),
        key=("experiment", "phase"),
        by="experiment",
    ),
)
