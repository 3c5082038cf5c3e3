"""Corpus files to records, with every bad record named.

Table of contents:

- records: what a reader takes and gives, and the reasons a record can be bad for
- shard: the formats; a registered shard to its records
- jsonl, parquet, warc, pages: one format each
- html: main text of a web page
- stream: bounded decompression that notices cut-off files
- storage, s3: files on a disk, files in a bucket
- whole: a plain file's objects, refused if broken
- benchmarks: files of benchmark questions

Reads corpus files; writes nothing. ``webscale_dagster.sources`` says which files make a source.
"""

from webscale_dagster.readers.benchmarks import read_benchmarks
from webscale_dagster.readers.records import REASONS, BadRecord, Reading, Record, SourceError
from webscale_dagster.readers.shard import read_shard
from webscale_dagster.readers.whole import read_objects

__all__ = [
    "REASONS",
    "BadRecord",
    "Reading",
    "Record",
    "SourceError",
    "read_benchmarks",
    "read_objects",
    "read_shard",
]
