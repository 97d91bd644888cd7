#!/usr/bin/env bash
# Makes the kernel headers of this machine fit for building Rust modules.
#
#   rust-metadata.sh [KERNEL-VERSION]          (default: the running kernel)
#
# A Rust module is compiled against the kernel's own crates: rust/*.rmeta and rust/*.so below
# the headers. Some distributions ship them (Arch in linux-headers, Ubuntu in linux-lib-rust-*)
# and this script then has nothing to do. Debian does not, but it ships the source of exactly
# that kernel: from it the same crates can be made again with the same compiler, without
# building a kernel. The result is compared with the symbols that the kernel exports before
# anything is installed, and nothing else is left behind.
set -euo pipefail
export LC_ALL=C

kernel="${1:-$(uname -r)}"
headers="/lib/modules/$kernel/build"

say() { printf 'rust-metadata: %s\n' "$*"; }
die() {
    printf 'rust-metadata: %s\n' "$*" >&2
    exit 1
}

[ -d "$headers" ] ||
    die "no headers for kernel $kernel: install the package linux-headers-$kernel"
headers="$(realpath "$headers")"
config="$headers/.config"
[ -r "$config" ] || config="/boot/config-$kernel"
[ -r "$config" ] || die "the configuration of kernel $kernel is neither in $headers nor in /boot"

grep -qx 'CONFIG_RUST=y' "$config" ||
    die "kernel $kernel was built without CONFIG_RUST; it cannot load a Rust module"

# Only the very compiler that built the kernel's crates can read them.
wanted="$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\(.*\)"$/\1/p' "$config")"
rustc="${RUSTC:-rustc}"
command -v "$rustc" >/dev/null ||
    die "rustc is not installed; kernel $kernel needs: $wanted"
found="$("$rustc" --version)"
[ "$found" = "$wanted" ] ||
    die "kernel $kernel was built with '$wanted', but $rustc is '$found'"

if [ -e "$headers/rust/libcore.rmeta" ] && [ -e "$headers/rust/libkernel.rmeta" ]; then
    say "the headers of $kernel have their Rust metadata"
    exit 0
fi

[ "$(id -u)" = 0 ] || die "the headers of $kernel have no Rust metadata; run me as root once"
command -v apt-get >/dev/null ||
    die "the headers of $kernel have no Rust metadata, and this is not a Debian system where it could be rebuilt"

missing=()
for need in bindgen:bindgen clang:clang gcc:gcc make:make flex:flex bison:bison bc:bc python3:python3 xz:xz-utils; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
for need in /usr/include/libelf.h:libelf-dev /usr/include/openssl/ssl.h:libssl-dev; do
    [ -e "${need%%:*}" ] || missing+=("${need##*:}")
done
[ -e "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ] ||
    missing+=(rust-src)
[ ${#missing[@]} = 0 ] || die "first install: ${missing[*]}"

# The source must be of the same package version as the headers, not just of the same upstream
# version: patches of the distribution change the crates.
# shellcheck disable=SC2016 # dpkg-query expands these
version="$(dpkg-query --show --showformat '${Version}' "linux-headers-$kernel" 2>/dev/null)" ||
    die "the headers of $kernel do not come from a Debian package; I do not know their source"
series="$(printf '%s\n' "$version" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/')"
source="linux-source-$series"
apt-cache show "$source=$version" >/dev/null 2>&1 ||
    die "apt has no $source in version $version, the one that belongs to kernel $kernel; run 'apt-get update', or update the kernel"

work="$(mktemp -d "${TMPDIR:-/var/tmp}/rust-metadata.XXXXXX")"
trap 'rm -rf "$work"' EXIT
# apt fetches as a user of its own, who must be able to write here.
chmod 755 "$work"
mkdir "$work/deb" "$work/src" "$work/build"
chown _apt "$work/deb" 2>/dev/null || true
log="$work/log"
run() {
    "$@" >>"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        die "failed: $*"
    }
}

say "fetching $source $version"
cd "$work/deb"
# Downloading takes no lock, so this also works while apt itself runs DKMS.
run apt-get download "$source=$version"
run dpkg-deb --extract "$work"/deb/*.deb "$work/deb"
# Of the big directories only headers, Kconfig and makefiles take part: leaving the C files
# out halves the time.
say "unpacking it"
run tar --extract --file "$work/deb/usr/src/$source.tar.xz" --directory "$work/src" \
    --strip-components 1 --wildcards --anchored \
    --exclude "$source/drivers/*.c" --exclude "$source/sound/*.c" --exclude "$source/fs/*.c" \
    --exclude "$source/net/*.c" --exclude "$source/Documentation/*.[ry]*" \
    --exclude "$source/tools/testing/*"
cd /
rm -rf "$work/deb"

say "compiling the kernel's crates with $found"
cc="$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\([^ "]*\).*/\1/p' "$config")"
command -v "$cc" >/dev/null || cc=gcc
cp "$config" "$work/build/.config"
make=(make -C "$work/src" O="$work/build" CC="$cc" RUSTC="$rustc")
run "${make[@]}" olddefconfig
grep -qx 'CONFIG_RUST=y' "$work/build/.config" ||
    die "the kernel's build finds no usable Rust toolchain here; 'make rustavailable' says: $("${make[@]}" rustavailable 2>&1 | tail -n 5)"
run "${make[@]}" -j"$(nproc)" prepare

# Every symbol that the new crates would link to must be one that this kernel exports. Symbol
# names contain a hash of the crate, so this fails for any other source, compiler or option.
symbols="$work/symbols"
cat "$work"/build/rust/exports_*_generated.h | grep -oE '\b_R[A-Za-z0-9_]+' | sort -u >"$symbols"
[ -s "$symbols" ] || die "the crates of $kernel export no symbol; this cannot be right"
unknown="$(cut -f 2 "$headers/Module.symvers" | sort -u | comm -23 "$symbols" -)"
[ -z "$unknown" ] ||
    die "the rebuilt crates do not match kernel $kernel; for example it has no symbol $(printf '%s\n' "$unknown" | head -n 1)"
say "all $(wc -l <"$symbols") Rust symbols are those of $kernel"

# Copied under another name first: half-copied metadata must never look like metadata.
new="$headers/rust.new"
rm -rf "$new"
mkdir "$new"
(cd "$work/build/rust" &&
    find . \( -name '*.rmeta' -o -name '*.so' -o -name '*.bc' \) -print0 |
    xargs -0 cp --parents --target-directory "$new")
if [ -e "$work/build/scripts/target.json" ]; then
    cp "$work/build/scripts/target.json" "$headers/scripts/target.json"
fi
if [ -d "$headers/rust" ]; then
    cp -a "$new/." "$headers/rust/"
    rm -rf "$new"
else
    mv "$new" "$headers/rust"
fi
say "the headers of $kernel have their Rust metadata now"
