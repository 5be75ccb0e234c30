#!/usr/bin/env bash
# Score every study folder below INBOX that has no scores below OUTBOX yet. Safe to run again and again: scores
# appear under their final name only when complete. A study that is refused does not stop the others; the exit
# code is 1 if there was one.
#
#   serving/score_new.sh MODEL INBOX OUTBOX      MODEL: a bundle folder, or models:/metarisk@champion
set -uo pipefail
model=${1:?MODEL} inbox=${2:?INBOX} outbox=${3:?OUTBOX}
mkdir -p "$outbox"
refused=0
for study in "$inbox"/*/; do
  [ -d "$study" ] || continue
  name=$(basename "$study")
  [ -d "$outbox/$name" ] && continue
  metarisk score "$model" "$study" --out "$outbox/$name" || refused=1
done
exit "$refused"
