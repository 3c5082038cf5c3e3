from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from webscale_dagster.readers import BadRecord, SourceError
from webscale_dagster.recipe import RawCorpus


def write(path: Path, n_rows: int = 10, **options: Any) -> Path:
    table = pa.table(
        {
            "id": list(range(n_rows)),
            "body": [f"text of row {n}, long enough to matter " * 20 for n in range(n_rows)],
            "meta": [{"url": f"https://e.org/{n}"} for n in range(n_rows)],
            "unused": [b"x" * 100] * n_rows,
        }
    )
    pq.write_table(table, path, **options)
    return path


def test_rows_columns_and_nested_fields(tmp_path: Path, read_file: Any) -> None:
    path = write(tmp_path / "a.parquet", row_group_size=3)
    records = read_file(path, text_field="body", url_field="meta.url", rows_per_shard=4)
    assert [(r.row, r.record_id, r.url) for r in records] == [
        (n, str(n), f"https://e.org/{n}") for n in range(10)
    ]
    assert records[7].text.startswith("text of row 7,")


def test_a_missing_text_column_is_one_clear_error(tmp_path: Path, read_file: Any) -> None:
    path = write(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: no column 'text'.*id, body, meta, unused"):
        read_file(path)


def test_null_and_wrongly_typed_texts(tmp_path: Path, read_file: Any) -> None:
    pq.write_table(pa.table({"text": ["one", None, "three"]}), tmp_path / "null.parquet")
    assert [getattr(r, "reason", "") for r in read_file(tmp_path / "null.parquet")] == [
        "",
        "no_text",
        "",
    ]
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "int.parquet")
    assert {r.reason for r in read_file(tmp_path / "int.parquet")} == {"no_text"}


def test_strings_that_are_not_utf8(tmp_path: Path, read_file: Any) -> None:
    raw = pa.array([b"fine", b"\xff\xfe bad", b"fine too"]).cast(pa.binary())
    strings = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"text": strings}), tmp_path / "a.parquet")
    records = read_file(tmp_path / "a.parquet")
    assert [getattr(r, "reason", "") for r in records] == ["", "invalid_utf8", ""]


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_a_flipped_byte_costs_its_row_group_only(
    tmp_path: Path, read_file: Any, compression: str
) -> None:
    options = {"row_group_size": 10, "use_dictionary": False, "write_page_checksum": True}
    path = write(tmp_path / "a.parquet", 30, compression=compression, **options)
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    assert column.path_in_schema == "body"
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 8] ^= 0xFF
    path.write_bytes(data)
    records = read_file(path, text_field="body")
    assert [r.row for r in records] == list(range(30))
    assert [r.row for r in records if isinstance(r, BadRecord)] == list(range(10, 20))
    assert {r.reason for r in records if isinstance(r, BadRecord)} == {"corrupt"}


def test_large_records_and_files(tmp_path: Path, read_file: Any) -> None:
    pq.write_table(pa.table({"text": ["short", "long " * 100]}), tmp_path / "a.parquet")
    settings = RawCorpus(max_record_bytes=100)
    records = read_file(tmp_path / "a.parquet", settings)
    assert [getattr(r, "reason", "") for r in records] == ["", "record_too_large"]
    [record] = read_file(tmp_path / "a.parquet", RawCorpus(max_file_bytes=100))
    assert record.reason == "decompression_limit"


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not parquet at all, just text" * 10])
def test_files_that_are_not_parquet(tmp_path: Path, read_file: Any, data: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    [record] = read_file(tmp_path / "a.parquet")
    assert (record.row, record.reason) == (0, "corrupt" if data else "empty_file")


def test_no_rows(tmp_path: Path, read_file: Any) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    [record] = read_file(tmp_path / "a.parquet")
    assert record.reason == "empty_file"
