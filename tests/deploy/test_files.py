"""The deployment files, judged by the tools that will read them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kulanz.cli.init.files import template
from kulanz.config.settings import FILES, TABLE
from tests.cli.conftest import Kulanz
from tests.unit.test_deployment import refuse_an_unknown_command

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COMPOSE = ROOT / "compose.yaml"
SERVICES: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "kulanz"}


def run(*command: str | Path) -> None:
    done = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_pleases_its_linter() -> None:
    run(BIN / "hadolint", "Dockerfile")


def test_the_compose_file_is_one() -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_the_compose_file_that_init_writes_is_one(tmp_path: Path) -> None:
    Kulanz(tmp_path / "data")("init", "--yes", "--run", "compose", "--into", str(tmp_path / "shop"))

    written = tmp_path / "shop" / "compose.yaml"
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", written)
    assert YAML(typ="safe").load(written)["services"].keys() == SERVICES.keys() - {"prometheus", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_is_a_command_that_cannot_write_and_waits_for_the_migration(name: str) -> None:
    service = OURS[name]

    refuse_an_unknown_command([*service["command"]])
    assert (service["read_only"], service["cap_drop"], service["pull_policy"]) == (True, ["ALL"], "never")
    assert service["environment"].keys() <= TABLE.keys() | FILES.keys()
    needed = {"db": "service_healthy"} if name == "migrate" else {"migrate": "service_completed_successfully"}
    assert {other: entry["condition"] for other, entry in service["depends_on"].items()} == needed
    assert int(service["stop_grace_period"].rstrip("s")) >= 30


def test_two_web_processes_two_workers_and_one_clock_run() -> None:
    replicas = {name: service.get("deploy", {}).get("replicas", 1) for name, service in OURS.items()}

    assert replicas == {"migrate": 1, "web": 2, "worker": 2, "clock": 1}


def test_only_what_has_a_port_is_probed() -> None:
    assert {name for name, service in OURS.items() if "healthcheck" not in service} == {"web"}


def test_the_proxy_of_the_compose_file_reads_its_configuration(tmp_path: Path) -> None:
    content = YAML(typ="safe").load(COMPOSE)["configs"]["caddyfile"]["content"]
    file = tmp_path / "Caddyfile"
    file.write_text(content.replace("{$$SITE_ADDRESS}", "billing.example.com"))

    run("caddy", "validate", "--adapter", "caddyfile", "--config", file)


def test_the_workflow_has_the_schema_of_workflows() -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/checks.yaml")


def test_caddy_reads_its_example() -> None:
    run("caddy", "validate", "--adapter", "caddyfile", "--config", "deploy/caddy/Caddyfile")


def test_nginx_reads_its_example(tmp_path: Path) -> None:
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", "/CN=billing.example.com", "-keyout", key, "-out", certificate,
    )  # fmt: skip
    site = (ROOT / "deploy" / "nginx" / "kulanz.conf").read_text()
    site = site.replace("/etc/letsencrypt/live/billing.example.com", str(tmp_path))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{site}\n}}\n")

    run("nginx", "-t", "-c", whole)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with a command that is there."""
    (tmp_path / "kulanz.service").write_text(template("kulanz.service"))
    for path in (ROOT / "deploy" / "systemd").iterdir():
        shutil.copy(path, tmp_path)
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("/opt/kulanz/bin/kulanz", "/bin/true"))
    return sorted(tmp_path.iterdir())


def test_systemd_finds_no_fault_in_the_units(units: list[Path]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if "kulanz" in line]) == (0, [])


def test_systemd_calls_each_service_well_protected(units: list[Path]) -> None:
    for unit in units:
        if unit.suffix == ".service":
            command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", unit]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
            assert float(level) < 3, (unit.name, level)
