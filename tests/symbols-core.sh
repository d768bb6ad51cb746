#!/bin/sh
# The core compiles without libc and needs nothing but the port.
exec sh "$(dirname "$0")/symbols.sh" core build/freestanding/quire-core.o
