#!/usr/bin/env bash
# Breaks the gateway on purpose, one place at a time, and prints which test noticed: scripts/mutants.sh --help
exec python3 "$(dirname "$0")/mutants/mutants.py" "$@"
