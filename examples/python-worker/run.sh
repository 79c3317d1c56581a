#!/usr/bin/env bash
# Starts the worker in its environment; settings are in README.md.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${TRINITY_PYTHON_FOLDER:-$(cd "$here/../.." && pwd)/target/python-worker}"
[ -f "$folder/version" ] || { echo "run $here/setup.sh first" >&2; exit 1; }
export PYTHONPATH="$here:$folder/stubs"
exec "$folder/venv/bin/python" -m trinity_worker
