#!/usr/bin/env bash
# Writes requirements.lock and requirements-test.lock from pyproject.toml: exact versions with hashes, and nothing
# of the machine or the index they were made with.
#   scripts/lock.sh              keeps what is locked, adds and drops what pyproject.toml says
#   scripts/lock.sh --upgrade    takes the newest of everything
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
    local output=$1
    shift
    .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --all-build-deps --no-build-isolation --output-file "$output" "$@" pyproject.toml
}

# The larger one first; the smaller one then takes its versions from it.
compile requirements-test.lock --extra test "$@"
compile requirements.lock --extra demo --extra box --constraint requirements-test.lock "$@"
for lock in requirements.lock requirements-test.lock; do
    { echo "# Made by \`make lock\` from pyproject.toml. Do not edit."; grep -v '^#' "$lock" | sed '/^$/d'; } >"$lock.new"
    mv "$lock.new" "$lock"
done
