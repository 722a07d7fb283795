#!/bin/sh
# Make .venv with everything the repository needs, once; again only when the requirements change.
# Needs a Python 3.11 or newer and a package index; says what is missing otherwise.
set -eu
cd "$(dirname "$0")/../.."

usable() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

wanted=$(cksum <requirements-dev.txt)
if [ "$(cat .venv/complete 2>/dev/null)" = "$wanted" ] && usable .venv/bin/python; then exit 0; fi

python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
  if [ -n "$candidate" ] && usable "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "setup: needs Python 3.11, 3.12 or 3.13 (set PYTHON to one that is not on PATH)" >&2
  exit 1
fi

echo "setup: installing the Python packages into .venv (one to three minutes, once)" >&2
rm -rf .venv
if ! "$python" -m venv .venv; then
  echo "setup: this Python cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)" >&2
  exit 1
fi
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
  --require-hashes --only-binary :all: -r requirements-dev.txt; then
  echo "setup: the packages could not be installed; is a package index reachable?" >&2
  exit 1
fi
printf '%s' "$wanted" >.venv/complete
