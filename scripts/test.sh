#!/usr/bin/env bash
# Everything that must hold: ruff, mypy --strict, import-linter, pytest. pytest's summary is the last line.
#   scripts/test.sh              all of it
#   scripts/test.sh --checks     without pytest (and without the services it needs)
# As root on Debian it installs what the tests need; otherwise it names what is missing and stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PATH=$PATH:/usr/sbin:/sbin # mosquitto lives there on Debian

has_command() { command -v "$1" >/dev/null; }
has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
has_pip() { "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || "${PYTHON:-python3}" -m pip --version >/dev/null 2>&1; }

# Prints the Debian packages that are missing, one a line.
missing_packages() {
    has_command mosquitto || echo mosquitto
    has_command chromium || echo chromium
    has_command socat || echo socat
    has_command victoria-metrics || echo victoria-metrics
    has_package fonts-noto-cjk || compgen -G '/usr/share/fonts/*/noto*/*CJK*' >/dev/null || echo fonts-noto-cjk
    has_pip || echo python3-venv
}

# Debian starts servers as soon as they are installed. The tests start their own; stop those we brought.
stop_installed() {
    if [ -d /run/systemd/system ]; then
        systemctl disable --now "$1.service" || true
    elif [ -x "/etc/init.d/$1" ]; then
        "/etc/init.d/$1" stop || true
    fi
}

install_packages() {
    echo "installing: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    # RUNLEVEL=1 keeps invoke-rc.d from starting services where there is no systemd.
    RUNLEVEL=1 apt-get -qq install -y --no-install-recommends "$@"
    local server
    for server in mosquitto victoria-metrics; do
        case " $* " in *" $server "*) stop_installed "$server" ;; esac
    done
}

provide_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} = 0 ]; then return; fi
    if [ "$(id -u)" = 0 ] && has_command apt-get; then
        install_packages "${missing[@]}"
    else
        printf 'missing: %s\n' "${missing[@]}" >&2
        printf 'make test needs them. Install them with:\n    sudo apt-get install %s\n' "${missing[*]}" >&2
        exit 1
    fi
}

failed=()
check() {
    echo "== $*"
    .venv/bin/"$@" || failed+=("$1 $2")
}

run_checks() {
    check ruff check --no-fix .
    check ruff format --check .
    check mypy --strict
    check lint-imports --no-logo
    if [ ${#failed[@]} != 0 ]; then printf 'FAILED: %s\n' "${failed[@]}" >&2; fi
}

if [ "${1:-}" != --checks ]; then provide_packages; fi
scripts/venv.sh test
run_checks
if [ "${1:-}" = --checks ]; then exit $((${#failed[@]} != 0)); fi
echo "== pytest"
outcome=0
.venv/bin/python -m pytest -q --timeout=120 || outcome=$?
if [ "$outcome" = 0 ] && [ ${#failed[@]} != 0 ]; then outcome=1; fi
exit "$outcome"
