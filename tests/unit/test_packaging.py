"""What an installation gets is what the tree has: tests run on the tree, so the lists are compared here."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = sorted(folder.parent for source in ("app", "workers") for folder in (ROOT / source).glob("*/__init__.py"))


def files_of(package: Path) -> set[Path]:
    return {
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def is_a_module(path: Path) -> bool:
    """Whether setuptools finds the file as code: every folder down to it is a package."""
    folders = [folder for folder in path.parents if ROOT in folder.parent.parents]
    return path.suffix == ".py" and all((folder / "__init__.py").exists() for folder in folders)


def declared(package: Path) -> set[Path]:
    globs = PROJECT["tool"]["setuptools"]["package-data"].get(package.name, [])
    return {path for glob in globs for path in package.glob(glob) if path.is_file()}


def normal(distribution: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def outside_imports() -> set[str]:
    """Every top-level name that the packages import from elsewhere, at the top of a file or inside a function."""
    sources = [path.read_text() for package in PACKAGES for path in package.rglob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    ours = {*(package.name for package in PACKAGES), "_typeshed"}
    return {name.partition(".")[0] for name in plain | named} - sys.stdlib_module_names - ours


def test_every_file_of_the_packages_is_installed() -> None:
    forgotten = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in files_of(package)
        if not is_a_module(path) and path not in declared(package)
    }

    assert forgotten == set()


def test_every_dependency_has_its_reason_written_down() -> None:
    reasons = next((ROOT / "docs" / "decisions").glob("*-dependencies.md")).read_text()
    project = PROJECT["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())

    unexplained = {
        name for name in (re.split(r"[\[><=~!; ]", line)[0] for line in wanted) if f"`{name}`" not in reasons
    }

    assert unexplained == set()


def test_every_outside_package_that_is_imported_is_a_declared_dependency() -> None:
    declared_names = {normal(re.split(r"[\[><=~!; ]", line)[0]) for line in PROJECT["project"]["dependencies"]}
    optional = {"apprise", "psycopg", "rq_dashboard"}  # Extras: `alerts`, `postgres` (by the dialect), `dashboard`.
    distributions = packages_distributions()

    undeclared = {
        name
        for name in outside_imports()
        if name not in optional and not {normal(value) for value in distributions.get(name, [name])} & declared_names
    }

    assert undeclared == set()


def test_what_a_package_page_shows_leads_to_no_file_beside_it() -> None:
    page = (ROOT / PROJECT["project"]["readme"]).read_text()

    assert [link for link in re.findall(r"\]\(([^)]*)\)", page) if not link.startswith("https://")] == []


def test_what_goes_into_the_image_and_to_a_platform_has_the_page_that_the_build_reads() -> None:
    page = PROJECT["project"]["readme"]

    for recipe in ("Dockerfile", ".dockerignore", "deploy/heroku/prepare.sh"):
        assert page in (ROOT / recipe).read_text(), recipe


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    (newest, *_) = re.findall(r"^## (.+)$", (ROOT / "docs" / "changelog.md").read_text(), re.MULTILINE)

    assert newest in {PROJECT["project"]["version"], "Unreleased"}
