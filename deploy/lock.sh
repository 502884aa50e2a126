#!/bin/sh
# Writes requirements.lock: every package that an installation with its extras needs, with version and hash.
# It needs uv (pip install '.[lowest]'). `deploy/lock.sh --upgrade` takes the newest versions that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."
exec "${UV:-uv}" pip compile pyproject.toml --extra up --extra dashboard --extra postgres \
    --universal --python-version 3.11 --generate-hashes --no-annotate --quiet \
    --custom-compile-command deploy/lock.sh --output-file requirements.lock "$@"
