#!/usr/bin/env bash
# Packs programs that were built: scripts/package.sh FOLDER VERSION DIRECTORY
#
# FOLDER has postgres-gateway and frost. Writes DIRECTORY/postgres-gateway-VERSION-linux-ARCH.tar.gz and its
# .sha256. `make release` is what makes a release; this is the part of it that tests need too.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64; }
programs=$1
version=$2
directory=$3
refuse() { printf 'package: %s\n' "$*" >&2; exit 1; }

name=postgres-gateway-$version-linux-$(uname -m)
mkdir -p "$directory"
root=$(mktemp -d "$directory/.package.XXXXXX")
trap 'rm -rf "$root"' EXIT
mkdir -m 0755 "$root/$name"
for program in postgres-gateway frost; do
    [ -x "$programs/$program" ] || refuse "there is no program $programs/$program; run: scripts/build-release.sh"
    install -m 0755 "$programs/$program" "$root/$name/$program"
    # A script, as tests use, has nothing to strip.
    [ "$(head -c 4 "$programs/$program" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || continue
    # Linked to glibc, the C++ runtime, SQLite and zlib alone (the HTTP client asks for zlib, which dpkg and rpm need
    # as well); anything else would be missing on a host.
    unknown=$(ldd "$programs/$program" | awk '{ print $1 }' |
        grep -vE '^(linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|sqlite3|z)|/lib64/ld-linux|/lib/ld-linux)[-.]' || true)
    [ -z "$unknown" ] || refuse "$program needs libraries that a host may not have: $unknown"
    strip "$root/$name/$program"
done
install -m 0755 scripts/{install,update,uninstall,certificate-deploy-hook,frost-servers}.sh "$root/$name/"
install -m 0644 scripts/postgres-gateway{.service,.environment,-common.sh,-release.sh} README.md "$root/$name/"
install -m 0644 scripts/frost{.service,.environment,-servers.service} scripts/install-with-frost.sh "$root/$name/"
# What an installed Frost needs beside it, and what a release says of itself.
for file in scripts/{install-for-frost,copy-caddy-certificates}.sh; do
    [ ! -f "$file" ] || install -m 0755 "$file" "$root/$name/"
done
for file in scripts/postgres-gateway-frost{.,-}* LICENSE {ARCHITECTURE,CHANGELOG,CONTRIBUTING,PHASES,SECURITY}.md; do
    [ ! -f "$file" ] || install -m 0644 "$file" "$root/$name/"
done
# With every page and picture that one of them links to: scripts/tarball_test.py looks for links that lead nowhere.
for folder in docs docs/decisions docs/images monitoring; do
    mkdir -m 0755 "$root/$name/$folder"
    find "$folder" -maxdepth 1 -type f -exec install -m 0644 -t "$root/$name/$folder" {} +
done
chmod 0755 "$root/$name/monitoring/dashboard.py"
mkdir -m 0755 "$root/$name/Compat"
install -m 0644 Compat/RESULTS.md "$root/$name/Compat/"
# Beside them, the pages about tests that the pages above link to.
for file in Compat/Suites/{README.md,RESULTS.md,expected.json,requirements.txt} Fuzz/README.md Soak/*.md; do
    install -D -m 0644 "$file" "$root/$name/$file"
done
printf '%s\n' "$version" >"$root/$name/VERSION"
# What a host has to have, as the programs themselves say: install.sh compares before it runs them. Of the versions of a
# library's symbols the newest of each kind.
{
    echo "architecture $(uname -m)"
    for program in postgres-gateway frost; do objdump -p "$root/$name/$program" 2>/dev/null || true; done |
        awk '/^  NEEDED/ { print "library", $2 }
            /required from/ { from = substr($3, 1, length($3) - 1) }
            $4 ~ /^GLIBC_[0-9.]+$/ { print "glibc", substr($4, 7) }
            $4 ~ /^(GLIBCXX|CXXABI|GCC)_[0-9.]+$/ { print "library", from, $4 }' |
        sed -E '/^library (libc|libm|ld-linux[^ ]*)[.]so/d' | sort -Vu |
        awk '{ kind = $3; sub(/_.*/, "", kind); newest[$1 == "glibc" ? $1 : $2 " " kind] = $0 }
            END { for (key in newest) print newest[key] }' | sort
} >"$root/$name/REQUIREMENTS"
# What the programs are made of: packages cannot be pinned to commits, which differ between machines.
scripts/sources.py list >"$root/$name/SOURCES"
tar -C "$root" --owner=0 --group=0 --sort=name -czf "$directory/$name.tar.gz" "$name"
(cd "$directory" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf '%s\n' "$directory/$name.tar.gz"
