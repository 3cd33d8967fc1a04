#!/bin/sh
# Builds libmsrp and installs header, shared and static library and pkg-config file.
#
#   bindings-c/install.sh [PREFIX]     PREFIX defaults to /usr/local
#
# DESTDIR is put before every path, for packagers.
set -eu

cd "$(dirname "$0")/.."
prefix=${1:-/usr/local}
case $prefix in
    /*) ;;
    *) echo "install.sh: PREFIX has to be absolute: $prefix" >&2 && exit 2 ;;
esac
root=${DESTDIR:-}$prefix
version=$(sed -n 's/^#define LIBMSRP_VERSION_STRING "\(.*\)"$/\1/p' include/libmsrp.h)
abi=$(sed -n 's/^#define LIBMSRP_ABI_VERSION \(.*\)$/\1/p' include/libmsrp.h)

cargo build --locked --profile release-c -p libmsrp
built=${CARGO_TARGET_DIR:-target}/release-c

install -d "$root/include" "$root/lib/pkgconfig"
install -m 644 include/libmsrp.h "$root/include/libmsrp.h"
install -m 755 "$built/libmsrp.so" "$root/lib/libmsrp.so.$version"
ln -sf "libmsrp.so.$version" "$root/lib/libmsrp.so.$abi"
ln -sf "libmsrp.so.$abi" "$root/lib/libmsrp.so"
install -m 644 "$built/libmsrp.a" "$root/lib/libmsrp.a"
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" bindings-c/libmsrp.pc.in >"$root/lib/pkgconfig/libmsrp.pc"
echo "installed libmsrp $version in $root"
