"""The deployment files: valid, closed to the outside, free of secrets, and documented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
SCRIPTS = Path(sys.executable).parent
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|API_KEY")
# A value from the environment without a default: ${X}, ${X:-} or ${X:?message}.
FROM_ENVIRONMENT = re.compile(r"\$\{[A-Z_]+(:?-|:\?[^}]*)?\}")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def schema_check(path: Path) -> subprocess.CompletedProcess[str]:
    tool = SCRIPTS / "check-jsonschema"
    return run(tool, "--builtin-schema", "vendor.compose-spec", path)


def published(document: dict[str, Any]) -> set[str]:
    services = document["services"].items()
    return {name for name, s in services if s.get("ports") or s.get("network_mode") == "host"}


def literal_secrets(document: dict[str, Any]) -> list[str]:
    return [
        f"{service}.{name}"
        for service, settings in document["services"].items()
        for name, value in settings.get("environment", {}).items()
        if SECRET_NAME.search(name) and not FROM_ENVIRONMENT.fullmatch(str(value))
    ]


def pinned(image: str) -> bool:
    """A tag that starts with a version; ``latest``, no tag and a bare name are not."""
    name, _, tag = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", image).rpartition(":")
    return bool(name) and bool(re.match(r"v?\d+\.\d+", tag))


def base_images(dockerfile: str) -> list[str]:
    return re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE)


def test_compose_fits_the_specification() -> None:
    result = schema_check(COMPOSE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_misspelt_compose_key_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "docker-compose.yml"
    bad.write_text(COMPOSE.read_text().replace("depends_on:", "depend_on:", 1))
    assert schema_check(bad).returncode != 0


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    result = run(SCRIPTS / "hadolint", DOCKERFILE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_linter_can_fail(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp && pip install polars\n")
    result = run(SCRIPTS / "hadolint", bad)
    assert result.returncode != 0
    assert "DL3007" in result.stdout


def test_only_the_proxy_publishes_a_port_and_on_loopback() -> None:
    document = compose()
    assert published(document) == {"proxy"}
    assert all(
        port.startswith("${PROXY_BIND:-127.0.0.1}:")
        for port in document["services"]["proxy"]["ports"]
    )
    document["services"]["postgres"]["ports"] = ["5432:5432"]
    assert published(document) == {"proxy", "postgres"}


def test_databases_and_stores_live_on_internal_networks_only() -> None:
    document = compose()
    for service in ("postgres", "s3", "webserver", "daemon"):
        for network in document["services"][service]["networks"]:
            assert document["networks"][network].get("internal") is True, (service, network)
    assert not set(document["services"]["proxy"]["networks"]) & {"backend", "storage"}


def test_no_secret_is_written_down_or_has_a_default() -> None:
    document = compose()
    assert literal_secrets(document) == []
    document["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"] = "${X:-dagster}"
    document["services"]["code"]["environment"]["ANY_API_KEY"] = "sk-1"
    assert literal_secrets(document) == ["code.ANY_API_KEY", "postgres.POSTGRES_PASSWORD"]


def test_every_service_is_hardened() -> None:
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name == "vllm":  # needs both; the file says why
            continue
        assert service["read_only"] is True, name
        assert not str(service["user"]).startswith("0"), name


def test_every_service_has_a_health_check_and_restarts() -> None:
    for name, service in compose()["services"].items():
        if name == "init":
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        if name != "webserver":  # has the image's own
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_images_are_pinned() -> None:
    images = {service["image"] for service in compose()["services"].values()}
    images |= set(base_images(DOCKERFILE.read_text()))
    assert {image for image in images if not pinned(image)} == set()
    assert not pinned("vllm/vllm-openai:latest")
    assert not pinned("postgres")


def test_vllm_stays_in_the_range_of_the_package() -> None:
    tag = compose()["services"]["vllm"]["image"].rpartition(":v")[2]
    assert (0, 25) <= tuple(int(part) for part in tag.split(".")[:2]) < (0, 33)


def test_every_variable_is_documented() -> None:
    names = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/compose.md").read_text()))
    assert "POSTGRES_PASSWORD" in names
    assert names - documented == set()


def test_the_dockerfile_installs_with_hashes_and_drops_root() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert any("--require-hashes" in line and "requirements.lock" in line for line in lines)
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]


def test_everything_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for line in DOCKERFILE.read_text().splitlines():
        if not line.startswith("COPY") or "--from=" in line:
            continue
        for source in [word for word in line.split()[1:] if not word.startswith("--")][:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed, source


def test_the_instance_is_set_as_the_faults_demand() -> None:
    settings = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    assert settings["run_monitoring"]["start_timeout_seconds"] >= 180
    assert settings["run_monitoring"]["max_resume_run_attempts"] == 0
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert settings["concurrency"]["pools"]["default_limit"] == 1
    assert settings["telemetry"]["enabled"] is False
    database = settings["storage"]["postgres"]["postgres_db"]
    assert all(set(value) == {"env"} for value in database.values())


def test_the_workspace_names_the_location_of_pyproject() -> None:
    server = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())["load_from"][0]
    command = compose()["services"]["code"]["command"]
    assert server["grpc_server"]["location_name"] == command[command.index("--location-name") + 1]
    assert str(server["grpc_server"]["port"]) == command[command.index("--port") + 1]
    assert server["grpc_server"]["host"] in compose()["services"]


def test_the_entrypoint_reads_a_secret_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p a$s'\n")
    result = run(
        *("sh", ROOT / "deploy/entrypoint.sh", "sh", "-c"),
        'printf "%s|%s" "$POSTGRES_PASSWORD" "${POSTGRES_PASSWORD_FILE-}"',
        POSTGRES_PASSWORD_FILE=str(secret),
        POSTGRES_PASSWORD="",
    )
    assert (result.returncode, result.stdout) == (0, "p a$s'|")


def test_the_entrypoint_refuses_what_is_ambiguous_or_missing(tmp_path: Path) -> None:
    entrypoint = ROOT / "deploy/entrypoint.sh"
    both = run("sh", entrypoint, "true", POSTGRES_PASSWORD="a", POSTGRES_PASSWORD_FILE="/b")
    missing = run("sh", entrypoint, "true", AWS_SECRET_ACCESS_KEY_FILE=str(tmp_path / "none"))
    assert both.returncode == 1 and "remove one" in both.stderr
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
