from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from webscale_dagster.readers import SourceError, read_shard
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import (
    Source,
    list_files,
    load_source,
    name_of,
    plan_shards,
    updated_rows,
    write_source,
)
from webscale_dagster.tables import TABLES

EMPTY = TABLES["shards"].empty()
PUBLIC = Path(__file__).parents[1] / "examples" / "public-corpora"


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=EMPTY.schema)


def corpus(path: Path, n_rows: int, word: str = "text") -> Path:
    rows = [{"id": n, "text": f"{word} {n}"} for n in range(n_rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def spans(rows: list[dict[str, Any]]) -> list[tuple[str, int, int | None]]:
    return [(row["shard"], row["row_from"], row["row_to"]) for row in rows]


def test_a_toml_with_variables_and_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path / "data"))
    path = tmp_path / "wiki.toml"
    path.write_text(
        'name = "wiki"\ntext_field = "body"\n'
        'uris = ["${PLACE}/*.jsonl", "more/", "s3://b/${PLACE}"]\n'
    )
    source = load_source(path)
    assert source.uris == (
        f"{tmp_path}/data/*.jsonl",
        f"{tmp_path}/more",
        f"s3://b/{tmp_path}/data",
    )
    assert (source.text_field, source.format, source.rows_per_shard) == ("body", "auto", 20_000)
    monkeypatch.delenv("PLACE")
    with pytest.raises(
        SourceError, match=r"wiki\.toml: uris: \$\{PLACE\} is not set; export PLACE=…"
    ):
        load_source(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ('name = "a"', "uris: Field required"),
        ('name = "a"\nuris = []', "uris: "),
        ('name = "a"\nuris = "x"', "uris: "),
        ('name = "Big Name"\nuris = ["x"]', "name: String should match pattern"),
        ('name = "../a"\nuris = ["x"]', "name: String should match pattern"),
        ('name = "a,b"\nuris = ["x"]', "name: String should match pattern"),
        (f'name = "{"a" * 65}"\nuris = ["x"]', "name: String should match pattern"),
        ('name = "a\\n"\nuris = ["x"]', "name: String should match pattern"),
        ('name = "a"\nuris = ["x"]\nformat = "csv"', "format: "),
        (
            'name = "a"\nuris = ["x"]\ntext_filed = "body"',
            "text_filed: .* a source's fields: .*text_field",
        ),
        ('name = "a"\nuris = ["x"]\nid_field = ""', "a field name must not be empty"),
        ('name = "a"\nuris = ["x"]\nrows_per_shard = 0', "rows_per_shard: "),
    ],
)
def test_tomls_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(SourceError, match=message) as raised:
        load_source(path)
    assert str(path) in str(raised.value)
    with pytest.raises(SourceError, match="No such file"):
        load_source(tmp_path / "gone.toml")


def test_a_plain_path_becomes_a_toml(tmp_path: Path) -> None:
    data = corpus(tmp_path / "My Data.v2.jsonl", 3)
    path = write_source(str(data), tmp_path / "sources", {"text_field": "text", "license": 'a "b"'})
    assert path == tmp_path / "sources" / "my-data-v2.toml"
    source = load_source(path)
    assert [entry.uri for entry in list_files(source)] == [str(data)]
    assert source.license == 'a "b"'
    assert write_source(str(data), tmp_path / "sources") == path
    with pytest.raises(SourceError, match="has another text_field; edit the file"):
        write_source(str(data), tmp_path / "sources", {"text_field": "body"})
    with pytest.raises(SourceError, match="reads other files; choose another name"):
        write_source(str(tmp_path / "my-data-v2"), tmp_path / "sources")
    with pytest.raises(SourceError, match="format"):
        write_source(str(data), tmp_path / "sources", {"format": "csv"}, name="other")
    with pytest.raises(SourceError, match="a source's name is made of"):
        write_source(str(data), tmp_path / "sources", name="../up")
    assert [p.name for p in (tmp_path / "sources").iterdir()] == ["my-data-v2.toml"]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/data/wiki/*.jsonl.zst", "wiki"),
        ("/data/Wiki Pages/", "wiki-pages"),
        ("s3://bucket/crawl/2024/", "2024"),
        ("s3://bucket", "bucket"),
        ("*.parquet", "corpus"),
        ("cc-0001.warc.gz", "cc-0001"),
        ("_" * 9, "corpus"),
        ("x" * 99, "x" * 64),
    ],
)
def test_names_of_plain_paths(uri: str, name: str) -> None:
    assert name_of(uri) == name
    assert Source(name=name, uris=(uri,))


def test_files_become_shards_once(tmp_path: Path) -> None:
    corpus(tmp_path / "b.jsonl", 5)
    corpus(tmp_path / "a.jsonl", 2)
    source = Source(name="c", uris=(str(tmp_path), f"{tmp_path}/*.jsonl"), rows_per_shard=2)
    plan = plan_shards(source, EMPTY)
    assert spans(plan.new) == [
        ("c-00000", 0, 2),
        ("c-00001", 0, 2),
        ("c-00002", 2, 4),
        ("c-00003", 4, 5),
    ]
    assert frame(plan.new)["sha256"].str.len_chars().unique().to_list() == [64]
    again = plan_shards(source, frame(plan.new))
    assert (again.new, again.changed, again.n_unchanged) == ([], [], 2)
    corpus(tmp_path / "0.jsonl", 1)
    assert spans(plan_shards(source, frame(plan.new)).new) == [("c-00004", 0, 1)]


def test_other_sources_do_not_matter(tmp_path: Path) -> None:
    corpus(tmp_path / "a.jsonl", 1)
    one = plan_shards(Source(name="one", uris=(str(tmp_path),)), EMPTY).new
    two = plan_shards(Source(name="two", uris=(str(tmp_path),)), frame(one)).new
    assert spans(two) == [("two-00000", 0, 1)]


def test_changed_files_are_reported_and_keep_their_shards(tmp_path: Path) -> None:
    path = corpus(tmp_path / "a.jsonl", 4)
    other = corpus(tmp_path / "b.jsonl", 1)
    source = Source(name="c", uris=(str(tmp_path),), rows_per_shard=2)
    rows = [{**row, "admitted": n} for n, row in enumerate(plan_shards(source, EMPTY).new)]
    corpus(path, 6)
    [change] = plan_shards(source, frame(rows)).changed
    assert (change.uri, change.shards) == (str(path), ("c-00000", "c-00001"))
    grown = updated_rows(source, [change], frame(rows))
    assert spans(grown) == [("c-00000", 0, 2), ("c-00001", 2, 4), ("c-00003", 4, 6)]
    assert [row["admitted"] for row in grown] == [0, 1, None]
    corpus(path, 1, word="other")
    shrunk = updated_rows(source, [change], frame(rows))
    assert spans(shrunk) == [("c-00000", 0, 1), ("c-00001", 0, 0)]
    assert [row["admitted"] for row in shrunk] == [0, 1]
    texts = [[r.text for r in read_shard(row, RawCorpus())] for row in shrunk]  # type: ignore[union-attr]
    assert texts == [["other 0"], []]
    after = frame([*shrunk, rows[2]])
    assert plan_shards(source, after).n_unchanged == 2
    assert other.exists()


def test_other_settings_are_a_change_too(tmp_path: Path) -> None:
    corpus(tmp_path / "a.jsonl", 1)
    source = Source(name="c", uris=(str(tmp_path),))
    rows = frame(plan_shards(source, EMPTY).new)
    edited = source.model_copy(update={"license": "CC0-1.0"})
    [change] = plan_shards(edited, rows).changed
    assert change.what == "is read with other settings"
    [row] = updated_rows(edited, [change], rows)
    assert json.loads(row["options"])["license"] == "CC0-1.0"


def test_a_broken_file_is_registered_and_its_last_shard_is_open(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "a.jsonl.gz"
    rows = b"".join(b'{"text": "row %d"}\n' % n for n in range(5))
    path.write_bytes(gzip.compress(rows, mtime=0)[:-1])
    source = Source(name="c", uris=(str(path),), rows_per_shard=2)
    plan = plan_shards(source, EMPTY)
    assert spans(plan.new) == [("c-00000", 0, 2), ("c-00001", 2, 4), ("c-00002", 4, None)]
    records = [record for row in plan.new for record in read_shard(row, RawCorpus())]
    assert [record.row for record in records] == [0, 1, 2, 3, 4, 5]
    assert records[-1].reason == "truncated"  # type: ignore[union-attr]


def test_public_corpora_are_valid_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_CORPORA", "/data")
    paths = sorted(PUBLIC.glob("*.toml"))
    sources = [load_source(path) for path in paths]
    assert [source.name for source in sources] == [path.stem for path in paths]
    assert len(sources) == 14


@pytest.mark.realdata
def test_public_corpora_read_without_a_loss(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_CORPORA", str(corpora))
    for name, n_rows in (("finance", 563), ("travel", 309), ("web_archives", 74)):
        shards = plan_shards(load_source(PUBLIC / f"{name}.toml"), EMPTY).new
        records = [record for shard in shards for record in read_shard(shard, RawCorpus())]
        assert len(records) == n_rows
        bad = [record.reason for record in records if hasattr(record, "reason")]
        assert bad == (["truncated", "no_documents"] if name == "web_archives" else [])
