"""Runs the SQL models of a dbt project with DuckDB, without dbt.

Reads a project folder (``dbt_project.yml``, ``models/**/*.sql`` and ``*.yml``) and frames by the
name of the lake table they hold; makes the tables of its marts and the results of its schema tests.
Of dbt it knows ``ref``, ``source``, ``config``, ``var`` and the tests ``not_null``, ``unique``,
``accepted_values`` and ``relationships``; dbt itself runs the same project to the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import yaml

Frame = pl.DataFrame | pl.LazyFrame
# Every process that loads the definitions reads the models: the parser in C takes a tenth.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ProjectError(ValueError):
    """A project that cannot be run; the message names the file and the remedy."""


@dataclass(frozen=True)
class SchemaTest:
    """A schema test: its name (``unique``), the column or expression, and its arguments."""

    name: str
    column: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A SQL model: its text with the names filled in, and what it rests on."""

    name: str
    description: str
    sql: str
    materialized: str  # table: a mart; view: staging
    depends_on_models: tuple[str, ...]
    depends_on_sources: tuple[str, ...]
    columns: Mapping[str, str]  # name: description
    tests: tuple[SchemaTest, ...]


@dataclass(frozen=True)
class TestResult:
    """How many rows (or values) break a schema test; ``sql`` lists them."""

    model: str
    name: str
    column: str
    failures: int
    sql: str


@dataclass(frozen=True)
class Built:
    """The tables of the marts by name, and the results of every model's tests."""

    models: dict[str, pl.DataFrame]
    tests: list[TestResult]


def model_graph(project: Path) -> dict[str, Model]:
    """Every model by name, each after those it depends on. Reads files only."""
    settings = _yaml(project / "dbt_project.yml")
    described = {entry["name"]: entry for _, entry in _entries(project, "models")}
    known = source_columns(project)
    models: dict[str, Model] = {}
    for path in sorted((project / "models").rglob("*.sql")):
        models[path.stem] = _model(path, settings, described.pop(path.stem, {}), known)
    if described:
        raise ProjectError(f"{project}: {sorted(described)[0]} is described, but has no .sql file")
    for model in models.values():
        missing = sorted(set(model.depends_on_models) - set(models))
        if missing:
            raise ProjectError(f"{project}: {model.name} refers to the unknown model {missing[0]}")
    try:
        order = TopologicalSorter({m.name: m.depends_on_models for m in models.values()})
        return {name: models[name] for name in order.static_order()}
    except CycleError as error:
        raise ProjectError(f"{project}: models in a circle: {' -> '.join(error.args[1])}") from None


def source_columns(project: Path) -> dict[str, tuple[str, ...]]:
    """The columns that the project reads of each lake table."""
    return {
        table["name"]: tuple(column["name"] for column in table["columns"])
        for _, source in _entries(project, "sources")
        for table in source["tables"]
    }


def rests_on(graph: Mapping[str, Model], name: str) -> tuple[str, ...]:
    """The lake tables that a model is made of, directly or through other models."""
    model = graph[name]
    found = set(model.depends_on_sources)
    for parent in model.depends_on_models:
        found.update(rests_on(graph, parent))
    return tuple(sorted(found))


def export_sources(project: Path, sources: Mapping[str, Frame], folder: Path) -> None:
    """Write the sources to ``<folder>/<table>.parquet``, where dbt finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in _narrowed(project, sources):
        frame.write_parquet(folder / f"{name}.parquet")


def build(project: Path, sources: Mapping[str, Frame]) -> Built:
    """Run every model and test over the sources; of a source only the columns it declares."""
    import duckdb

    graph = model_graph(project)
    tables: dict[str, pl.DataFrame] = {}
    results: list[TestResult] = []
    with duckdb.connect(":memory:") as connection:
        for name, frame in _narrowed(project, sources):
            connection.register(f"source_{name}", frame.to_arrow())
        for model in graph.values():
            kind = "table" if model.materialized == "table" else "view"
            try:
                connection.execute(f'create {kind} "{model.name}" as {model.sql}')
            except duckdb.Error as error:
                raise ProjectError(f"{project}: model {model.name}: {error}") from error
        for model in graph.values():
            results += [_tested(connection, model, test) for test in model.tests]
            if model.materialized == "table":
                rows = connection.sql(f'select * from "{model.name}"').to_arrow_table()
                tables[model.name] = pl.DataFrame(pl.from_arrow(rows))
    return Built(tables, results)


def _narrowed(project: Path, sources: Mapping[str, Frame]) -> Iterator[tuple[str, pl.DataFrame]]:
    for name, columns in source_columns(project).items():
        if name not in sources:
            raise ProjectError(f"{project}: the models read {name}; pass its frame, empty if new")
        yield name, sources[name].lazy().select(columns).collect()


def _model(
    path: Path, settings: Mapping[str, Any], entry: Mapping[str, Any], known: Mapping[str, Any]
) -> Model:
    models: dict[str, None] = {}
    tables: dict[str, None] = {}
    folders = settings.get("models", {}).get(settings["name"], {})
    options = {"materialized": folders.get(path.parent.name, {}).get("+materialized", "view")}

    def source(_: str, table: str) -> str:
        if table not in known:
            raise ProjectError(f"{path}: reads the undeclared source {table}")
        tables[table] = None
        return f'"source_{table}"'

    def ref(model: str) -> str:
        models[model] = None
        return f'"{model}"'

    def config(**given: Any) -> str:
        options.update(given)
        return ""

    sql = _rendered(path, ref=ref, source=source, config=config, var=settings["vars"].__getitem__)
    columns = {c["name"]: c.get("description", "") for c in entry.get("columns", ())}
    return Model(
        name=path.stem,
        description=entry.get("description", ""),
        sql=sql,
        materialized=options["materialized"],
        depends_on_models=tuple(models),
        depends_on_sources=tuple(tables),
        columns=columns,
        tests=tuple(_tests(path, entry)),
    )


def _rendered(path: Path, **names: Callable[..., str]) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    try:
        return environment.from_string(path.read_text(encoding="utf-8")).render(names)
    except (jinja2.TemplateError, KeyError) as error:
        raise ProjectError(f"{path}: {error}") from error


def _tests(path: Path, entry: Mapping[str, Any]) -> Iterator[SchemaTest]:
    for column in entry.get("columns", ()):
        for given in column.get("data_tests", ()):
            name, body = (given, {}) if isinstance(given, str) else next(iter(given.items()))
            if name not in _FAILING:
                raise ProjectError(f"{path}: unknown test {name}; known: {', '.join(_FAILING)}")
            yield SchemaTest(name, column["name"], body.get("arguments", {}))


def _not_null(model: str, column: str, _: Mapping[str, Any]) -> str:
    return f"select * from {model} where {column} is null"


def _unique(model: str, column: str, _: Mapping[str, Any]) -> str:
    return (
        f"select {column}, count(*) as n from {model} where {column} is not null"
        f" group by {column} having count(*) > 1"
    )


def _accepted_values(model: str, column: str, arguments: Mapping[str, Any]) -> str:
    values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in arguments["values"])
    return (
        f"select {column}, count(*) as n from {model} where {column} not in ({values}) group by 1"
    )


def _relationships(model: str, column: str, arguments: Mapping[str, Any]) -> str:
    to = str(arguments["to"]).removeprefix("ref('").removesuffix("')")
    same = f'parent."{arguments["field"]}" = child.{column}'
    return (
        f"select child.{column} from {model} as child where child.{column} is not null"
        f' and not exists (select 1 from "{to}" as parent where {same})'
    )


_FAILING = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "relationships": _relationships,
}


def _tested(connection: Any, model: Model, test: SchemaTest) -> TestResult:
    sql = _FAILING[test.name](f'"{model.name}"', f'"{test.column}"', test.arguments)
    failures = connection.sql(f"select count(*) from ({sql})").fetchall()[0][0]
    return TestResult(model.name, test.name, test.column, failures, sql)


def _entries(project: Path, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((project / "models").rglob("*.yml")):
        for entry in _yaml(path).get(kind, ()):
            yield path, entry


def _yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ProjectError(f"{path}: no such file; a dbt project folder is wanted")
    return dict(yaml.load(path.read_text(encoding="utf-8"), _Loader))
