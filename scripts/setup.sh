#!/bin/sh
# Which environment does this checkout run in? Makes .venv and installs exactly what requirements/NAME.txt pins.
#
#   scripts/setup.sh base|dev|bench
#
# PYTHON names the interpreter to use; USE_UV=no leaves uv alone where it is installed.
set -eu
cd "$(dirname "$0")/.."
name=$1
minimum="3, 11"
venv_python=.venv/bin/python

is_suitable() { "$1" -c "import sys; sys.exit(sys.version_info < ($minimum))" 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if is_suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

python=$(find_python)
if [ "${USE_UV:-yes}" != no ] && command -v uv >/dev/null 2>&1; then
    # uv writes no .pyc by itself: without them every command starts three times slower.
    export UV_COMPILE_BYTECODE=1
    is_suitable "$venv_python" || uv venv --quiet --clear --python "${python:->=3.11}" .venv
    uv pip install --quiet --python "$venv_python" --require-hashes -r "requirements/$name.txt"
    uv pip install --quiet --python "$venv_python" --no-deps --no-build-isolation -e .
else
    [ -n "$python" ] || fail "no Python 3.11 or newer was found" \
        "install one, or name it: make PYTHON=/path/to/python3.11"
    if ! is_suitable "$venv_python" || ! "$venv_python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear .venv >/dev/null || fail "'$python -m venv' does not work here" \
            "Debian and Ubuntu: apt-get install python3-venv; or install uv"
    fi
    pip() { "$venv_python" -m pip --quiet --disable-pip-version-check "$@"; }
    pip install --require-hashes -r "requirements/$name.txt"
    pip install --no-deps --no-build-isolation -e .
fi
touch ".venv/.ready-$name"
