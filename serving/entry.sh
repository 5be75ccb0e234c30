#!/bin/sh
# What the image starts: the command line, or the door `score_new.sh`. numba takes machine code only from a
# folder that it may write to, so what the build compiled is put into one first.
set -eu
mkdir -p "$NUMBA_CACHE_DIR"
cp -R -n -p /opt/metarisk/numba/. "$NUMBA_CACHE_DIR" || echo "entry.sh: numba compiles anew" >&2
case "${1:-}" in
  score_new.sh) exec "$@" ;;
  *) exec metarisk "$@" ;;
esac
