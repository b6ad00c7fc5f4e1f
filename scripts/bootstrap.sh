#!/usr/bin/env bash
# Make the virtual environment, and install the core and every backend under backends/ into it, with what their tests need.
# Usage: scripts/bootstrap.sh [FOLDER]. Needs only Python 3.11-3.13 with its venv module.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

usable='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "$usable" 2>/dev/null; then command -v "$candidate"; return; fi
    done
    return 1
}

if ! "$venv/bin/python" -c "$usable" 2>/dev/null; then
    python=$(find_python) || fail "no Python 3.11, 3.12 or 3.13 with the venv module was found" \
        "(on Debian or Ubuntu: apt install python3-venv). Name one with PYTHON=/path/to/python."
    printf 'set-up: %s in %s\n' "$("$python" --version)" "$venv"
    "$python" -m venv --clear "$venv"
fi
python=$venv/bin/python

# uv installs in seconds what takes pip minutes. Its wheel is kept, so that a new clone can be set up offline.
if ! "$python" -c 'import uv' 2>/dev/null; then
    wheels=${XDG_CACHE_HOME:-$HOME/.cache}/qgd/wheels
    offline=("$python" -m pip install --quiet --no-deps --no-index --find-links "$wheels" -c constraints.txt uv)
    if ! "${offline[@]}" 2>/dev/null; then
        "$python" -m pip download --quiet --no-deps --dest "$wheels" -c constraints.txt uv \
            || fail "pip could not get uv; check the network or pip's configuration."
        "${offline[@]}"
    fi
fi

# uv does not read pip's configuration, so hand it over. Plain torch brings gigabytes of CUDA: keep to
# the CPU build unless the user chose another or a local wheel of torch is at hand.
eval "$("$python" scripts/pip_settings.py)"

targets=(-e '.[learn,report,dev]')
for project in backends/*/pyproject.toml; do
    [ -e "$project" ] && targets+=(-e "$(dirname "$project")[dev]")
done
# Compiled here once: else every process compiles what it imports, where PYTHONDONTWRITEBYTECODE is set for good.
install=("$python" -m uv pip install --quiet --compile-bytecode --python "$python" -c constraints.txt
    --build-constraints constraints.txt "${targets[@]}")

# Versions are pinned, so the cache alone gives the same result; the network is asked only for what it lacks.
"${install[@]}" --offline 2>/dev/null || "${install[@]}" \
    || fail "the packages could not be installed; the reason stands above."
printf 'set-up: done\n'
