"""Runs Kulanz and one of the example shops beside each other: `python examples/run.py flask`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
PLANS = "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise"
SHOPS = {
    "flask": ("-m", "flask", "--app", str(HERE / "flask" / "shop.py"), "run", "--port"),
    "django": (str(HERE / "django" / "shop.py"), "runserver", "--noreload"),
}


def main() -> int:
    """Start both, wait for Ctrl-C or the end of one, end both; return 1 where one ended unasked."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    data_dir = options.data_dir or Path(f".kulanz-{options.shop}")
    kulanz_url, shop_url = f"http://127.0.0.1:{options.kulanz_port}", f"http://127.0.0.1:{options.port}"
    running = [_kulanz(options.kulanz_port, data_dir, f"{shop_url}/kulanz")]
    try:
        _wait_until_ready(kulanz_url, running[0])
        running.append(_shop(options.shop, options.port, kulanz_url, data_dir))
        print(
            f"The shop: {shop_url}\nPlay the customer: python examples/play.py bought --data-dir {data_dir}", flush=True
        )
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
    except KeyboardInterrupt:
        return 0
    else:
        return 1
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", choices=SHOPS)
    parser.add_argument("--port", type=int, default=5000, help="the shop's")
    parser.add_argument("--kulanz-port", type=int, default=8000)
    parser.add_argument("--data-dir", type=Path, help="of Kulanz (default: .kulanz-SHOP)")
    return parser.parse_args()


def _kulanz(port: int, data_dir: Path, callback_url: str) -> subprocess.Popen[bytes]:
    settings = {"CALLBACK_URL": callback_url, "KULANZ_PLANS": PLANS}
    command = (program("kulanz"), "up", "--port", str(port), "--data-dir", str(data_dir))
    return subprocess.Popen(command, env=os.environ | settings, start_new_session=True)


def _shop(shop: str, port: int, kulanz_url: str, data_dir: Path) -> subprocess.Popen[bytes]:
    """Start the shop with its settings: Kulanz's address, and two secrets that `kulanz up` made."""
    secrets = tomllib.loads((data_dir / "secrets.toml").read_text(encoding="utf-8"))
    settings = {
        "KULANZ_URL": kulanz_url,
        "KULANZ_TOKEN": secrets["API_TOKENS"].partition(":")[2],
        "KULANZ_CALLBACK_SECRET": secrets["CALLBACK_SECRET"],
    }
    return subprocess.Popen(
        (sys.executable, *SHOPS[shop], str(port)), env=os.environ | settings, start_new_session=True
    )


def _wait_until_ready(url: str, kulanz: subprocess.Popen[bytes]) -> None:
    while True:
        if kulanz.poll() is not None:
            sys.exit(f"kulanz up ended with {kulanz.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - our own http address
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)


def program(name: str) -> str:
    """Return the path of a program, first of all of one that is installed beside this Python."""
    beside = str(Path(sys.executable).parent)
    value = shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    return value or sys.exit(f"{name} is not installed: pip install .")


def _stop(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
