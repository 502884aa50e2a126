"""A web process of the tests' own, as `kulanz web` runs it.

`python -m tests.web.serving PORT FOLDER DATABASE_URL [PROCESSES [LINGER [SPOOL]]]`
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from kulanz.config import ApiToken, Settings
from kulanz.web import create_app, server

USUAL = ("1", "1", "0")


def main(port: str, data_dir: str, database_url: str, *options: str) -> None:
    processes, linger, spool = (*options, *USUAL[len(options) :])
    settings = Settings(
        port=int(port),
        data_dir=Path(data_dir),
        database_url=database_url,
        lemonsqueezy_webhook_secrets=("a-secret-of-the-shop", "the-secret-before"),
        lemonsqueezy_mode="any",
        spool=int(spool),
        encryption_keys=(b"k" * 32,),
        api_tokens=(ApiToken(name="writer", token="w-secret", read_only=False),),
    )
    serve = partial(server.serve, partial(create_app, settings), host="127.0.0.1", port=settings.port)
    serve(processes=int(processes), linger=float(linger))


if __name__ == "__main__":
    main(*sys.argv[1:])
