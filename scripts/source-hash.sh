#!/usr/bin/env bash
# Names the source tree: a hash of every file that the programs and the gate are made from.
#
# Committed or not, what counts is what is there. The gate writes it into its report, and a release
# is made only of a tree whose gate passed. Documents and suites do not change the name. What the
# dependencies were resolved to does, although git does not keep it.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f Package.resolved ] || swift package resolve >&2
{
    git ls-files -co --exclude-standard -- Package.swift Sources Spike Compat Tests/TestSupport 'scripts/postgres-gateway*' scripts/*install.sh scripts/update.sh scripts/package.sh ':!*.md'
    echo Package.resolved
} |
    LC_ALL=C sort | while IFS= read -r file; do
        [ -f "$file" ] && printf '%s %s\n' "$(sha256sum <"$file" | cut -c1-64)" "$file"
    done | sha256sum | cut -c1-64
