# What a release is and whether it fits this host: install.sh and update.sh share it. Sourced, never run.
# shellcheck shell=bash disable=SC2154

# Keys whose signatures releases have to carry here, one a line as ssh-keygen writes them; nobody's signature is asked for
# while there is no such file.
release_key=$etc/release-key.pub
# What a signature is for, so that one that the same key has made for something else is not taken for it.
signature_namespace=postgres-gateway-release

# How a package that has a library is called: with apt, and with dnf.
package_of() {
    case $1 in
    libstdc++.so.6) echo libstdc++6 libstdc++ ;;
    libgcc_s.so.1) echo libgcc-s1 libgcc ;;
    libsqlite3.so.0) echo libsqlite3-0 sqlite-libs ;;
    libz.so.1) echo zlib1g zlib ;;
    *) echo "" "" ;;
    esac
}

# Refuses a host that the programs in a directory cannot run on. Reads their list of needs, and runs nothing of them.
check_requirements() {
    local kind name version path machine glibc missing=() apt=() dnf=() packages
    [ -f "$1/REQUIREMENTS" ] || return 0
    while read -r kind name version; do
        case $kind in
        architecture)
            machine=$(uname -m)
            [ "$machine" = "$name" ] ||
                cannot "this release is for $name, and this machine is $machine; get the tarball that ends in -linux-$machine. Nothing was changed."
            ;;
        glibc)
            glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p') || glibc=
            [ -n "$glibc" ] ||
                cannot "this release needs glibc $name or newer, and this system has another C library. Nothing was changed."
            [ "$(printf '%s\n%s\n' "$name" "$glibc" | sort -V | sed -n 1p)" = "$name" ] ||
                cannot "this release needs glibc $name or newer, and this system has $glibc; use Debian 12, Ubuntu 22.04, RHEL 10 or newer. Nothing was changed."
            ;;
        library)
            path=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | awk -v name="$name" '$1 == name && !found { print $NF; found = 1 }')
            if [ -z "$path" ] || { [ -n "$version" ] && ! grep -qaF "$version" "$path"; }; then
                missing+=("$name${version:+ with $version}")
                packages=$(package_of "$name")
                if [[ " ${apt[*]} " != *" ${packages% *} "* ]]; then
                    apt+=("${packages% *}")
                    dnf+=("${packages#* }")
                fi
            fi
            ;;
        esac
    done <"$1/REQUIREMENTS"
    [ ${#missing[@]} -gt 0 ] || return 0
    local text
    text=$(printf '%s, ' "${missing[@]}")
    cannot "missing on this system: ${text%, }; install: apt-get install ${apt[*]} (or: dnf install ${dnf[*]}). Nothing was changed."
}

# verify_release TARBALL NAME: that its checksum is right, and its signature where one is asked for. NAME is what the
# operator calls it; its .sha256 and .sig lie beside it. The tarball is a copy that nobody else can change meanwhile.
verify_release() {
    local wanted found signers answer
    [ -f "$2.sha256" ] || cannot "$2.sha256 does not exist; get it with the release, it proves that the file is whole"
    wanted=$(awk 'NR == 1 { print $1 }' "$2.sha256")
    found=$(sha256sum <"$1" | awk '{ print $1 }')
    [ "$wanted" = "$found" ] ||
        cannot "the checksum of $2 is $found, not $wanted as $2.sha256 says; get both again. Nothing was changed."
    [ -e "$release_key" ] || return 0
    command -v ssh-keygen >/dev/null ||
        cannot "$release_key asks for a signature, and ssh-keygen is missing; install: apt-get install openssh-client (or: dnf install openssh). Nothing was changed."
    [ -f "$2.sig" ] ||
        cannot "$2.sig does not exist, and $release_key asks for a signature; get it with the release. Nothing was changed."
    signers=$(mktemp "$lib/.signers.XXXXXX")
    sed -n 's/^[[:space:]]*\([^#[:space:]]\)/release \1/p' "$release_key" >"$signers"
    answer=$(ssh-keygen -Y verify -f "$signers" -I release -n "$signature_namespace" -s "$2.sig" <"$1" 2>&1) || {
        rm -f "$signers"
        cannot "the signature $2.sig is not one of $2 by a key in $release_key: ${answer//$'\n'/; }. Nothing was changed."
    }
    rm -f "$signers"
    say "the signature is good: ${answer//$'\n'/; }"
}

# What a program in a directory says of its version, run as the gateway's account.
version_of() {
    setpriv --reuid="$service" --regid="$service" --clear-groups --no-new-privs -- "$1" "${2:-version}" </dev/null 2>&1
}
