"""The walk over real documents, a piece of every source: the funnel must make sense."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import zstandard

from webscale_dagster import shards
from webscale_dagster.exports.release import make_release
from webscale_dagster.ingest import ingest_source
from webscale_dagster.lake_marts import build_marts
from webscale_dagster.sources import write_source
from webscale_dagster.walk import SHARDED, Walk

pytestmark = pytest.mark.realdata
DOCUMENTS = 120  # of every source


def _lines(path: Path) -> list[str]:
    with path.open("rb") as packed:
        unpacked = zstandard.ZstdDecompressor().stream_reader(packed)
        return list(io.TextIOWrapper(unpacked, "utf-8"))


def _pieces(corpora: Path, folder: Path) -> None:
    """Documents from all over every file, as files of a corpus."""
    folder.mkdir(parents=True)
    for path in sorted((corpora / "corpora").glob("*.jsonl.zst")):
        lines = _lines(path)
        piece = "".join(lines[:: max(len(lines) // DOCUMENTS, 1)][:DOCUMENTS])
        name = path.name.removesuffix(".jsonl.zst")
        (folder / f"{name}.jsonl").write_text(piece, encoding="utf-8")


@pytest.fixture(scope="module")
def walked(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    home = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBSCALE_HOME", str(home))
        patch.setenv("WEBSCALE_BENCHMARKS", str(corpora / "benchmarks"))
        for name in ("WEBSCALE_LAKE", "WEBSCALE_RECIPE"):
            patch.delenv(name, raising=False)
        _pieces(corpora, home / "corpus")
        walk = Walk.at_home()
        for path in sorted((home / "corpus").glob("*.jsonl")):
            fields = {"group_field": "group"}
            if path.stem == "web_raw":
                fields["html_field"] = "html"
            ingest_source(walk, write_source(str(path), home / "sources", fields, path.stem))
        walk.make("benchmarks")
        for shard in shards.names(walk.lake):
            for stage in SHARDED:
                walk.make(stage, shard)
        walk.make("rl_splits")
        yield walk  # inside: freshness looks at the benchmark files again


def _reasons(walk: Walk, source: str) -> Counter[str]:
    rejects = walk.lake.rejects(["filtered_docs"], [f"{source}-00000"]).collect()
    return Counter(rejects["reason"])


def test_pages_in_other_languages_leave_by_language(walked: Walk) -> None:
    assert _reasons(walked, "multilingual")["language"] > 0.7 * DOCUMENTS
    for source in ("wikipedia", "medicine", "travel", "law", "textbooks_openstax"):
        assert _reasons(walked, source)["language"] <= 0.02 * DOCUMENTS


def test_no_benchmark_passage_is_asked_about(corpora: Path, walked: Walk) -> None:
    """PubMedQA's test abstracts stand in medicine, SQuAD's articles in Wikipedia and XQuAD."""
    questions = _lines(corpora / "benchmarks" / "pubmedqa_test.jsonl.zst")
    tested = {f"pubmed/{json.loads(line)['id']}" for line in questions}
    documents = walked.lake.read("raw_corpus").select("doc_id", "record_id").collect()
    planted = documents.filter(
        pl.col("record_id").is_in(list(tested)) | pl.col("record_id").str.starts_with("squad_v2")
    )
    kept = walked.lake.read("filtered_docs").collect()
    rejects = walked.lake.rejects(["filtered_docs"], shards.names(walked.lake)).collect()
    why = Counter(rejects.filter(pl.col("row_id").is_in(planted["doc_id"].to_list()))["reason"])
    assert planted.height >= 8
    assert why["benchmark_overlap"] >= 0.8 * planted.height, why
    assert not set(planted["doc_id"]) & set(kept["doc_id"])


def test_web_boilerplate_leaves_by_rule(walked: Walk) -> None:
    reasons = _reasons(walked, "web_raw")
    rules = sum(
        n for reason, n in reasons.items() if reason.startswith(("gopher", "c4", "fineweb"))
    )
    assert rules + reasons["menu_lines"] > 0


def test_good_sources_are_not_rejected_wholesale_by_rule(walked: Walk) -> None:
    for source in ("wikipedia", "medicine", "travel", "textbooks_openstax", "news_government"):
        reasons = _reasons(walked, source)
        by_rule = sum(
            n for r, n in reasons.items() if r.startswith(("gopher", "c4", "fineweb", "menu"))
        )
        assert by_rule < 0.2 * DOCUMENTS, (source, reasons)


def test_everything_is_conserved_and_released(walked: Walk) -> None:
    marts = build_marts(walked.lake).models
    assert set(marts["conservation"]["status"]) == {"balanced"}
    release = make_release(walked)
    assert release.passed, [gate for gate in release.gates if not gate.passed]
    texts = dict(walked.lake.read("filtered_docs").select("doc_id", "text").collect().rows())
    pairs = walked.lake.read("decontaminated_set").collect().to_dicts()
    assert len(pairs) > 50
    for pair in pairs:
        quoted = texts[pair["doc_id"]][pair["evidence_start"] : pair["evidence_end"]]
        assert quoted == pair["evidence"]
