"""The code keeps its directions: what may be loaded, read and started, and by whom."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "workers")

IMPORT_EVERYTHING = """
import importlib, json, sys, threading
from pathlib import Path

root, modules = Path(sys.argv[1]), sys.argv[2:]
ours = tuple(str(root / package) for package in ("app", "workers"))
watched = {"open", "socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.fork", "os.posix_spawn"}
seen = []


def done_by_us():
    # The innermost frame that is ours or the import system's decides: another package's own import is not our deed.
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "importlib" in name:
            return False
        if name.startswith(ours):
            return True
        frame = frame.f_back
    return False


def watch(event, args):
    if event in watched and done_by_us():
        seen.append(f"{event} {args[0]!r}")


sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
print(json.dumps({"deeds": seen, "threads": [thread.name for thread in threading.enumerate()]}))
"""


def in_a_fresh_interpreter(code: str, *arguments: str) -> object:
    """What the code prints as JSON, run where nothing is loaded yet."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_roots(path: Path) -> Iterator[str]:
    """The full names that a file imports; a relative import stays inside its package and is left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module


def test_importing_the_policy_loads_no_framework() -> None:
    heavy = ["alembic", "click", "cryptography", "flask", "redis", "requests", "rq", "sqlalchemy"]
    code = f"import json, sys, kulanz.policy; print(json.dumps(sorted(set({heavy!r}) & set(sys.modules))))"

    loaded = in_a_fresh_interpreter(code)

    assert loaded == []


def test_the_policy_imports_the_standard_library_msgspec_and_itself_only() -> None:
    allowed = {*sys.stdlib_module_names, "msgspec"}

    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("app/kulanz/policy")
        for name in imported_roots(path)
        if name.partition(".")[0] not in allowed and name != "kulanz.errors" and not name.startswith("kulanz.policy")
    }

    assert strangers == set()


def test_the_policy_reads_no_clock_no_environment_and_no_chance() -> None:
    banned = {"os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid"}

    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("app/kulanz/policy")
        for name in imported_roots(path)
        if name.partition(".")[0] in banned
    }
    clocks = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("app/kulanz/policy")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    }

    assert strangers | clocks == set()


def test_only_the_configuration_reads_the_environment() -> None:
    readers = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(*PACKAGES)
        if path != ROOT / "app/kulanz/config/__init__.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb", "putenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {n.name for n in node.names} & {"environ", "getenv"}
        )
    }

    assert readers == set()


def test_importing_any_module_connects_reads_and_starts_nothing() -> None:
    started_by_a_tool = {"kulanz.store.migrations.env"}  # Alembic runs this file; it is no module of ours to import.
    modules = [
        name
        for name in map(module_name, sources(*PACKAGES))
        if not name.endswith("__main__") and name not in started_by_a_tool
    ]

    report = in_a_fresh_interpreter(IMPORT_EVERYTHING, str(ROOT), *modules)

    assert report == {"deeds": [], "threads": ["MainThread"]}
