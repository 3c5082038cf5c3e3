"""DESIGN's walk, executable: documents from a file to RL examples, each step's rows asserted."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Register
from webscale_dagster import shards
from webscale_dagster.exports.release import current_channel, make_release
from webscale_dagster.lake import AuditFailed
from webscale_dagster.tables import TABLES
from webscale_dagster.verifiers import verify
from webscale_dagster.walk import SHARDED, Walk

DANUBE = (
    "The Danube is the second-longest river in Europe. It rises in the Black Forest of Germany "
    "and reaches the Black Sea in Romania.\n\n"
    "The Danube is 2,850 kilometres long. The Danube flows through ten countries, more than any "
    "other river in the world. The Iron Gates dam was completed in 1972.\n\n"
    "Vienna, Bratislava, Budapest and Belgrade stand on its banks. The river carries most of the "
    "inland shipping between the North Sea and the Black Sea, because a canal joins it to the "
    "Main. Engineers have straightened long parts of its bed since the nineteenth century."
)
COPPER = (
    "Copper is a chemical element with the symbol Cu. It conducts heat and electricity better "
    "than any metal except silver, so most electric wires are made of it.\n\n"
    "Copper melts at 1,085 degrees Celsius. The metal was smelted in the Balkans about seven "
    "thousand years ago. An alloy of copper and tin is called bronze, and an alloy of copper and "
    "zinc is called brass.\n\n"
    "The Copper Age came to an end when people learned to make bronze. Today Chile mines more "
    "copper than any other country, and much of the metal in use has been melted down before."
)
MENU = "Home | About | Contact\nLogin\nCart (0)\nCookie settings\nAccept all\n" * 4


def _documents() -> list[dict[str, str]]:
    return [
        {
            "id": "danube",
            "text": DANUBE,
            "title": "Danube",
            "license": "CC0-1.0",
            "group": "rivers",
        },
        {"id": "copper", "text": COPPER, "title": "Copper", "license": "CC0-1.0"},
        {"id": "menu", "text": MENU, "title": "Shop"},
        {"id": "again", "text": COPPER + " It is soft.", "title": "Copper, copied"},
    ]


def _walked(names: list[str]) -> Walk:
    walk = Walk.at_home()
    walk.make("benchmarks")
    for shard in names:
        for stage in SHARDED:
            walk.make(stage, shard)
    walk.make("rl_splits")
    return walk


def _rows(walk: Walk, table: str) -> list[dict[str, object]]:
    return walk.lake.read(table).collect().to_dicts()


def test_three_documents_from_file_to_example(register: Register) -> None:
    names = register("a", [*_documents(), "{broken"])
    assert names == ["s-00000"]
    walk = _walked(names)

    documents = {row["record_id"]: row for row in _rows(walk, "raw_corpus")}
    assert set(documents) == {"danube", "copper", "menu", "again"}
    assert documents["danube"]["lang"] == "en"
    (duplicate,) = _rows(walk, "near_duplicates")
    assert duplicate["doc_id"] == documents["again"]["doc_id"]
    assert duplicate["keep_doc_id"] == documents["copper"]["doc_id"]

    rejects = walk.lake.rejects(list(SHARDED), names).collect()
    reasons = {(r["stage"], r["parent_id"]): r["reason"] for r in rejects.to_dicts()}
    assert reasons["raw_corpus", "4"] == "not_json"
    assert reasons["filtered_docs", documents["again"]["doc_id"]] == "near_duplicate"
    assert ("filtered_docs", documents["menu"]["doc_id"]) in reasons
    kept = {row["doc_id"] for row in _rows(walk, "filtered_docs")}
    assert kept == {documents["danube"]["doc_id"], documents["copper"]["doc_id"]}

    pairs = _rows(walk, "decontaminated_set")
    assert {pair["doc_id"] for pair in pairs} == kept
    texts = {row["doc_id"]: str(row["text"]) for row in documents.values()}
    for pair in pairs:
        start, end = int(str(pair["evidence_start"])), int(str(pair["evidence_end"]))
        assert texts[pair["doc_id"]][start:end] == pair["evidence"]
        assert pair["verified_by"] == "rules"
        assert pair["correct"] is None and pair["leaks"] is None

    unknown = {row["qa_id"]: row["band"] for row in _rows(walk, "difficulty")}
    assert unknown == {pair["qa_id"]: None for pair in pairs}  # no policy is asked by default

    for example in _rows(walk, "rl_splits"):
        prompt = json.loads(str(example["prompt"]))
        assert prompt[-1]["role"] == "user"
        truth = str(example["ground_truth"])
        options = json.loads(str(example["verifier_options"]))
        assert verify(str(example["answer_type"]), f"Answer: {truth}", truth, **options).score == 1


def test_every_table_conserves_its_parents(register: Register) -> None:
    walk = _walked(register("a", [*_documents(), "{broken"]))
    for stage, parents in (
        ("filtered_docs", "raw_corpus"),
        ("personas", "filtered_docs"),
        ("verified_qa", "qa_pairs"),
        ("decontaminated_set", "verified_qa"),
        ("difficulty", "decontaminated_set"),
    ):
        key = TABLES[stage].parent[0]
        kept = set(walk.lake.read(stage).collect()[key])
        left = set(walk.lake.rejects([stage], ["s-00000"]).collect()["parent_id"])
        assert kept | left == set(walk.lake.read(parents).collect()[key])


def test_twice_changes_nothing(register: Register) -> None:
    names = register("a", _documents())
    walk = _walked(names)
    before = {table: walk.lake.version(table) for table in TABLES}
    assert walk.stale(SHARDED, names[0]) == []
    _walked(names)
    assert {table: walk.lake.version(table) for table in TABLES} == before


def test_a_new_shard_changes_no_older_one(register: Register) -> None:
    first = register("a", _documents())
    walk = _walked(first)
    old = {table: walk.lake.read(table, first[0]).collect() for table in SHARDED}
    second = register("b", [{"id": "copy", "text": DANUBE}, {"id": "menu2", "text": MENU}])
    assert second == ["s-00001"]
    assert walk.stale(SHARDED, first[0]) == []
    for stage in SHARDED:
        walk.make(stage, second[0])
    assert walk.stale(SHARDED, first[0]) == []
    for table, rows in old.items():
        assert walk.lake.read(table, first[0]).collect().equals(rows)
    found = walk.lake.read("near_duplicates", second[0]).collect()
    assert found["jaccard"].to_list() == [1.0, 1.0]


def test_the_same_record_in_two_files_is_a_duplicate_of_itself(register: Register) -> None:
    names = [*register("a", _documents()[:2]), *register("b", _documents()[1:2])]
    walk = Walk.at_home()
    for shard in names:
        for stage in ("raw_corpus", "near_duplicates"):
            walk.make(stage, shard)
    found = walk.lake.read("near_duplicates", "s-00001").collect()
    assert found.select("jaccard", pl.col("doc_id") == pl.col("keep_doc_id")).rows() == [
        (1.0, True)
    ]
    assert walk.lake.read("relatives", "s-00001").collect().is_empty()


def test_the_order_of_admission_is_given_once(register: Register) -> None:
    register("a", _documents()[:1])
    register("b", _documents()[1:2])
    walk = Walk.at_home()
    for shard in ("s-00001", "s-00000"):
        for stage in ("raw_corpus", "near_duplicates"):
            walk.make(stage, shard)
    walk.make("near_duplicates", "s-00000")
    order = shards.registered(walk.lake).select("shard", "admitted").rows()
    assert order == [("s-00001", 0), ("s-00000", 1)]


def test_a_release_pins_versions_and_moves_the_channel(register: Register) -> None:
    walk = _walked(register("a", _documents()))
    release = make_release(walk)
    assert release.passed and release.channel == "candidate"
    pointer = current_channel(walk, "candidate")
    assert pointer is not None and pointer["release"] == release.name
    rows = pl.read_parquet(f"{release.folder}/data/*.parquet")
    pinned = walk.lake.read("rl_splits", version=release.manifest["tables"]["rl_splits"]).collect()
    assert sorted(rows["example_id"]) == sorted(pinned["example_id"])
    again = make_release(walk)
    assert (again.name, again.created) == (release.name, False)
    assert current_channel(walk, "candidate") == pointer


def test_a_broken_contract_holds_the_release(register: Register) -> None:
    """Shard 1 breaks; shard 2 succeeds afterwards; the release still knows of shard 1."""
    walk = _walked(register("a", _documents()))
    good = make_release(walk)
    before = walk.lake.read("raw_corpus", "s-00000").collect()
    register("a", [*_documents()[:1], *["{broken"] * 30], update=True)
    with pytest.raises(AuditFailed, match="records_readable"):
        walk.make("raw_corpus", "s-00000")
    walk = _walked_more(walk, register("b", [{"id": "copper2", "text": COPPER + " Zinc is not."}]))
    assert walk.lake.read("raw_corpus", "s-00000").collect().equals(before)
    release = make_release(walk)
    failed = {gate.name: gate.seen for gate in release.gates if not gate.passed}
    assert "raw_corpus/s-00000: records_readable" in failed["every_contract_holds"]
    assert "s-00000" in failed["every_shard_carried_through"]
    pointer = current_channel(walk, "candidate")
    assert pointer is not None and pointer["release"] == good.name


def _walked_more(walk: Walk, names: list[str]) -> Walk:
    for shard in names:
        for stage in SHARDED:
            walk.make(stage, shard)
    walk.make("rl_splits")
    return walk


def test_what_a_stage_depends_on_makes_it_stale(
    register: Register, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = _walked(register("a", _documents()))
    shard = "s-00000"

    def stale_with(**changes: object) -> list[str]:
        part = {key: getattr(walk.recipe, key).model_copy(update=v) for key, v in changes.items()}
        return Walk(walk.lake, walk.recipe.model_copy(update=part)).stale(SHARDED, shard)

    assert walk.stale(SHARDED, shard) == []
    assert stale_with(near_duplicates={"bands": 16, "rows": 8}) == list(SHARDED)
    assert stale_with(decontaminated_set={"max_overlap": 0.9})[0] == "filtered_docs"
    assert stale_with(qa_pairs={"exemplars": 1})[0] == "qa_pairs"
    assert stale_with(rl_splits={"sft": 0.3}) == []
    assert stale_with(model={"revision": "other"})[0] == "filtered_docs"

    benchmark = home / "more" / "quiz.jsonl"
    benchmark.parent.mkdir()
    benchmark.write_text('{"id": 1, "question": "Where does the Danube rise?"}\n', encoding="utf-8")
    monkeypatch.setenv("WEBSCALE_BENCHMARKS", str(benchmark.parent))
    assert not walk.fresh("benchmarks")
    walk.make("benchmarks")
    assert walk.stale(SHARDED, shard)[0] == "filtered_docs"


def test_a_shard_without_its_place_is_not_fresh(register: Register) -> None:
    """A kill between the commit of near_duplicates and the shard's admission."""
    walk = _walked(register("a", _documents()))
    rows = walk.lake.read("shards").collect().with_columns(admitted=pl.lit(None))
    walk.lake.commit("shards", rows)
    assert walk.stale(SHARDED, "s-00000")[0] == "near_duplicates"


def test_another_licence_makes_the_splits_stale(register: Register) -> None:
    walk = _walked(register("a", _documents()))
    changed = [d | {"license": "proprietary"} for d in _documents()]
    register("a", changed, update=True)
    walk.make("raw_corpus", "s-00000")
    assert not walk.fresh("rl_splits")
    release = make_release(walk)
    assert not release.passed and release.channel is None


def test_a_file_that_changed_is_named(register: Register, home: Path) -> None:
    register("a", _documents())
    path = home / "corpus" / "a.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("Danube", "Donau"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.jsonl: changed since it was registered as shard"):
        Walk.at_home().make("raw_corpus", "s-00000")
