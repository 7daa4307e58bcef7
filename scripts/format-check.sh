#!/usr/bin/env bash
# Fails if `swift format` would change a Swift file, or a file breaks one of its rules.
set -euo pipefail
cd "$(dirname "$0")/.."
files=()
while IFS= read -r -d '' file; do files+=("$file"); done < <(git ls-files -z -co --exclude-standard -- '*.swift')
swift format lint --strict --parallel "${files[@]}" || {
    echo "format-check: run 'make format', and fix the rest by hand" >&2
    exit 1
}
echo "format-check: ${#files[@]} files are clean"
