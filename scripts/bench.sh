#!/usr/bin/env bash
# `make bench`: throughput and latency on this machine, in a release build.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need_python
# Where Debian puts servers; what is compared with our relay.
PATH=$PATH:/usr/sbin
need haproxy haproxy
need kamailio kamailio
build_module release
build_library release
python benches/run.py "$@"
