#!/usr/bin/env bash
# Makes .venv from a lock file, or does nothing when it is already right.
#   scripts/venv.sh demo    what Satomori needs to run       (requirements.lock)
#   scripts/venv.sh test    the same and all developer tools (requirements-test.lock)
# PYTHON=... chooses the interpreter. Needs no root and no installed pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kind=${1:?demo or test}
venv=$PWD/.venv
stamp=$venv/.satomori-setup
log=$venv/setup.log

lock_of() { if [ "$1" = test ]; then echo requirements-test.lock; else echo requirements.lock; fi; }

# What a finished .venv of this kind is known by. The path belongs to it: scripts in .venv/bin carry it.
key_of() { printf '%s %s %s\n' "$1" "$(cat "$(lock_of "$1")" pyproject.toml | sha256sum | cut -c1-64)" "$PWD"; }

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_ready() {
    [ -x "$venv/bin/python" ] && [ -f "$stamp" ] || return 1
    local made
    made=$(cat "$stamp")
    [ "$made" = "$(key_of "$kind")" ] || [ "$made" = "$(key_of test)" ]
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 以上が見つかりません。次を実行するか、PYTHON=... で指定してください。" \
        "No Python 3.11 or newer found${PYTHON:+ at PYTHON=$PYTHON}. Name one with PYTHON=..., or run:" \
        "    sudo apt-get install python3 python3-venv"
}

# The pip wheel that comes with Python (on Debian: with python3-venv). Running it as it lies there saves the
# seconds that unpacking it into every new environment costs.
bundled_pip() {
    "$1" - <<'PY' 2>/dev/null
import ensurepip, pathlib, sysconfig
places = [sysconfig.get_config_var("WHEEL_PKG_DIR"), pathlib.Path(ensurepip.__file__).parent / "_bundled"]
wheels = [wheel for place in places if place for wheel in sorted(pathlib.Path(place).glob("pip-*.whl"))]
print(wheels[-1])
PY
}

# Sets the array `pip`: a command that installs into .venv.
choose_pip() {
    local wheel
    if wheel=$(bundled_pip "$python"); then
        pip=("$venv/bin/python" "$wheel/pip")
    elif "$python" -m pip --python "$python" --version >/dev/null 2>&1; then
        pip=("$python" -m pip --python "$venv/bin/python")
    else
        fail "Python の venv 部品がありません。次を実行してから、もう一度お試しください。" \
            "This Python cannot make virtual environments yet. Run this once, then try again:" \
            "    sudo apt-get install python3-venv"
    fi
}

make_environment() {
    local moved=
    if [ -f "$stamp" ] && [ "$(cut -d' ' -f3- "$stamp")" != "$PWD" ]; then moved=yes; fi
    if [ -n "$moved" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        say "[1/3] 仮想環境をつくります / making the virtual environment (.venv)"
        "$python" -m venv --without-pip --clear "$venv"
    else
        say "[1/3] 仮想環境を更新します / updating the virtual environment (.venv)"
    fi
    rm -f "$stamp"
}

# Reads pip's lines, shows how far it is: one moving line on a terminal, one line in ten otherwise.
show_progress() {
    local total=$1 seen=0 line
    while IFS= read -r line; do
        case $line in
            Collecting*|"Requirement already satisfied"*)
                seen=$((seen + 1))
                if [ -t 1 ]; then printf '\r      %3d / %d' "$seen" "$total"
                elif [ $((seen % 10)) = 0 ]; then say "      $seen / $total"; fi ;;
            "Installing collected"*)
                if [ -t 1 ]; then printf '\r'; fi
                say "      並べています / unpacking" ;;
        esac
    done
}

run_pip() {
    if ! "${pip[@]}" --disable-pip-version-check --no-input install --no-compile --no-deps "$@" 2>&1 |
        tee -a "$log" | show_progress "$total"; then
        tail -n 15 "$log" >&2
        fail "" "取り寄せに失敗しました。ネットワークを確かめて、もう一度お試しください（続きから始まります）。" \
            "Installing failed. Check the network and run the same command again; it goes on where it stopped." \
            "The whole record: .venv/setup.log"
    fi
}

install_packages() {
    local lock total
    lock=$(lock_of "$kind")
    total=$(grep -c '^[a-zA-Z]' "$lock")
    : >"$log"
    say "[2/3] 部品 $total 個を取り寄せます（初回は 1 分ほど）/ fetching $total packages (about a minute, first time only)"
    run_pip --require-hashes -r "$lock"
    say "[3/3] 里守りを組み込みます / installing Satomori itself"
    run_pip --no-build-isolation --editable .
    rm -rf satomori.egg-info # left over by the build; seen from the checkout it would name us twice
}

if is_ready; then exit 0; fi
python=$(find_python)
choose_pip
make_environment
install_packages
key_of "$kind" >"$stamp"
say "      できました / done"
