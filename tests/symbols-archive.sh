#!/bin/sh
# The built archive exports only quire_*.
exec sh "$(dirname "$0")/symbols.sh" archive build/release/libquire.a
