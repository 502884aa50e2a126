#!/bin/sh
# Puts together what a platform with Heroku's Python buildpack builds and runs: deploy/heroku/prepare.sh FOLDER
# The packages are those of requirements.lock, by version and hash; Kulanz itself is installed beside them.
set -eu
folder=${1:?usage: deploy/heroku/prepare.sh FOLDER}
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$folder/bin"
cd "$source"
cp -R app workers pyproject.toml setup.cfg PACKAGE.md LICENSE Procfile "$folder"
find "$folder/app" "$folder/workers" \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
cp requirements.lock "$folder/requirements.txt"
echo 3.11 >"$folder/.python-version"
cat >"$folder/bin/post_compile" <<'END'
#!/bin/sh
set -eu
pip install --quiet --no-deps .
END
chmod +x "$folder/bin/post_compile"
