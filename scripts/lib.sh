# Sourced by the other scripts: where things are, what is needed, and how to get it.
# Nothing is installed outside the tree but Debian packages, and those only as root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=$ROOT/.venv
TOOLS=$ROOT/build/tools
CARGO_DENY_VERSION=0.20.2
CARGO_FUZZ_VERSION=0.13.2
# For fuzzing and Miri: a toolchain of rustup, by its name.
NIGHTLY=${NIGHTLY:-nightly}
MIN_PYTHON="3.11"

# One interpreter for every cargo run: pyo3's build scripts run again when it changes.
export PYO3_PYTHON=$VENV/bin/python
export PATH=$VENV/bin:$TOOLS/bin:$PATH
export PIP_DISABLE_PIP_VERSION_CHECK=1
# The scripts' own tools write nothing beside the sources.
export PYTHONDONTWRITEBYTECODE=1

say() { printf '== %s\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# need PACKAGE COMMAND...: the commands are there, or their Debian package is installed, or we stop.
need() {
    local package=$1 command missing=
    shift
    for command in "$@"; do
        have "$command" || missing="$missing $command"
    done
    [ -z "$missing" ] && return
    install_debian "$package" "missing:$missing"
    for command in "$@"; do
        have "$command" || die "$command is still missing after installing $package"
    done
}

# need_library PACKAGE NAME: the library that pkg-config knows by this name, likewise.
need_library() {
    need pkg-config pkg-config
    pkg-config --exists "$2" && return
    install_debian "$1" "missing: the library $2"
    pkg-config --exists "$2" || die "pkg-config does not know $2 after installing $1"
}

# The SIP stacks whose SDP is compared with ours.
need_sip_stacks() {
    need_library libsofia-sip-ua-dev sofia-sip-ua
    need_library libre-dev libre
}

# The relay that ours and our clients are tried with.
need_kamailio() {
    # Where Debian puts servers.
    PATH=$PATH:/usr/sbin
    need kamailio kamailio
    local modules=(/usr/lib/*/kamailio/modules/tls.so)
    [ -e "${modules[0]}" ] || install_debian kamailio-tls-modules "missing: TLS for Kamailio"
}

install_debian() {
    local package=$1 why=$2
    if ! have apt-get; then
        die "$why. Install what Debian calls '$package', then run this again"
    fi
    if [ "$(id -u)" != 0 ]; then
        die "$why. Run: sudo apt-get install $package"
    fi
    say "installing Debian package $package ($why)"
    if [ -z "${APT_UPDATED:-}" ]; then
        apt-get update -qq </dev/null
        APT_UPDATED=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
        </dev/null >/dev/null || die "apt-get install $package failed"
}

need_rust() {
    have cargo || die "missing: cargo. Install a Rust toolchain (https://www.rust-lang.org/tools/install), then run this again"
    local least found
    least=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    found=$(rustc --version | awk '{ print $2 }')
    [ "$(printf '%s\n%s\n' "$least" "${found%%-*}" | sort -V | head -n 1)" = "$least" ] ||
        die "rustc $found is too old, $least is needed. Run: rustup update stable"
    need gcc cc
}

# need_component COMMAND COMPONENT: a part of the Rust toolchain.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 || die "missing: cargo $1. Run: rustup component add $2"
}

need_c() {
    need gcc cc
    need g++ c++
}

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if have "$name" && "$name" -c "import sys; sys.exit(sys.version_info < (${MIN_PYTHON/./, }))" 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# The virtual environment with the pinned tools; does nothing when it is already as it should be.
need_python() {
    local stamp=$VENV/.requirements wanted python
    wanted=$(sha256sum <scripts/requirements.txt)
    if [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if ! python=$(PATH=${PATH#"$VENV/bin:"} find_python); then
        install_debian python3 "missing: Python $MIN_PYTHON or later"
        python=$(find_python) || die "no Python $MIN_PYTHON or later; install one, then run this again"
    fi
    say "making .venv with $("$python" --version)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        install_debian python3-venv "missing: the venv module of $python"
    "$python" -m venv --clear "$VENV" </dev/null
    "$VENV/bin/python" -m pip install --quiet --no-deps --requirement scripts/requirements.txt </dev/null
    printf '%s\n' "$wanted" >"$stamp"
}

need_cargo_deny() {
    local found
    found=$("$TOOLS/bin/cargo-deny" --version 2>/dev/null || true)
    [ "$found" = "cargo-deny $CARGO_DENY_VERSION" ] && return
    say "building cargo-deny $CARGO_DENY_VERSION into build/tools"
    cargo install --quiet --locked --debug --no-default-features --root "$TOOLS" \
        --target-dir build/tools-target "cargo-deny@$CARGO_DENY_VERSION" </dev/null
    rm -rf build/tools-target
}

# need_nightly COMPONENT...: the nightly toolchain and parts of it, which only rustup can get.
need_nightly() {
    cargo "+$NIGHTLY" --version >/dev/null 2>&1 ||
        die "missing: a nightly toolchain. Run: rustup toolchain install $NIGHTLY"
    local component
    for component in "$@"; do
        # What is there already may not be asked for: that may need a network.
        rustup component list --installed --toolchain "$NIGHTLY" 2>/dev/null | grep -q "^$component" && continue
        rustup component add "$component" --toolchain "$NIGHTLY" </dev/null ||
            return 1
    done
}

need_cargo_fuzz() {
    need_nightly || exit 1
    local found
    found=$("$TOOLS/bin/cargo-fuzz" --version 2>/dev/null || true)
    [ "$found" = "cargo-fuzz $CARGO_FUZZ_VERSION" ] && return
    say "building cargo-fuzz $CARGO_FUZZ_VERSION into build/tools"
    cargo install --quiet --locked --debug --root "$TOOLS" --target-dir build/tools-target \
        "cargo-fuzz@$CARGO_FUZZ_VERSION" </dev/null
    rm -rf build/tools-target
}

# build_library [release]: libmsrp. All default members are built in one go, because the features of
# what they share differ from package to package, and would be compiled anew for each.
build_library() {
    cargo build --locked --quiet ${1:+--"$1"} </dev/null
}

# A digest of everything the Python module is built from.
module_fingerprint() {
    {
        printf '%s\n' "$1"
        rustc --version
        "$VENV/bin/python" --version
        find Cargo.toml Cargo.lock pyproject.toml README.md msrp-rs/Cargo.toml msrp-rs/src msrp-cli/Cargo.toml \
            msrp-cli/src bindings-py/Cargo.toml bindings-py/src -type f -print0 |
            sort -z | xargs -0 sha256sum
    } | sha256sum
}

# build_module [dev|release]: the Python module, in the virtual environment, as an editable install.
build_module() {
    local profile=${1:-dev} stamp=$VENV/.module wanted flag=
    need_rust
    need_python
    wanted=$(module_fingerprint "$profile")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && python -c 'import msrp._msrp' 2>/dev/null; then
        return
    fi
    [ "$profile" = release ] && flag=--release
    say "building the Python module ($profile)"
    rm -f "$stamp"
    VIRTUAL_ENV=$VENV maturin develop --quiet $flag </dev/null || return
    printf '%s\n' "$wanted" >"$stamp"
}

# step NAME COMMAND...: runs it quietly; its output is shown only when it fails. finish sums up.
STEPS_PASSED=0
STEPS_FAILED=()
step() {
    local name=$1 log started=$SECONDS
    shift
    mkdir -p build/log
    log=build/log/${name//[^a-zA-Z0-9]/-}.txt
    if ("$@") >"$log" 2>&1 </dev/null; then
        printf 'ok    %-28s %4ss\n' "$name" $((SECONDS - started))
        STEPS_PASSED=$((STEPS_PASSED + 1))
    else
        printf 'FAIL  %-28s %4ss\n' "$name" $((SECONDS - started))
        sed 's/^/      /' "$log"
        STEPS_FAILED+=("$name")
    fi
}

finish() {
    printf '%s: %s passed, %s failed\n' "$1" "$STEPS_PASSED" "${#STEPS_FAILED[@]}"
    [ ${#STEPS_FAILED[@]} = 0 ] || die "failed: ${STEPS_FAILED[*]}"
}
