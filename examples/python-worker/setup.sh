#!/usr/bin/env bash
# Makes the worker's virtual environment and generates its stubs from the contracts. Does nothing when both are current.
# usage: setup.sh [FOLDER]   (target/python-worker unless told)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
folder="${1:-$root/target/python-worker}"
python="${PYTHON:-python3}"

"$python" -c 'import ensurepip, venv' 2>/dev/null || {
  echo "python3 with venv is missing; run: sudo apt-get install -y python3-venv" >&2
  exit 1
}

cd "$root/proto"
# What the stubs need: the worker's contract, and what it imports.
contracts=(
  trinity/orchestration/v1/worker.proto trinity/orchestration/v1/run.proto
  trinity/common/v1/json.proto trinity/common/v1/page.proto trinity/common/v1/policy.proto
  google/api/annotations.proto google/api/field_behavior.proto google/api/http.proto
)
version="$(cat "$here/requirements.txt" "$here/setup.sh" "${contracts[@]}" | sha256sum | cut -d' ' -f1)"
[ "$(cat "$folder/version" 2>/dev/null)" = "$version" ] && exit 0

echo "making the Python worker's environment in $folder"
mkdir -p "$folder"
rm -f "$folder/version"
[ -x "$folder/venv/bin/python" ] || "$python" -m venv --clear "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
rm -rf "$folder/stubs"
mkdir "$folder/stubs"
"$folder/venv/bin/python" -m grpc_tools.protoc -I . --python_out="$folder/stubs" --grpc_python_out="$folder/stubs" "${contracts[@]}"
echo "$version" > "$folder/version"
