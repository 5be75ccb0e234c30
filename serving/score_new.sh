#!/usr/bin/env bash
# Score every study folder below INBOX that has no scores below OUTBOX yet. Safe to run again and again: scores
# appear under their final name only when complete, and what a kill left unfinished goes on. A study that is
# refused does not stop the others. The exit code is the worst one: 0 all scored, 1 rows were set aside
# somewhere, 2 a study could not be scored; 130 or 143 and no further study when told to stop.
#
#   serving/score_new.sh MODEL INBOX OUTBOX      MODEL: a bundle folder, or models:/metarisk@champion
set -uo pipefail
model=${1:?MODEL} inbox=${2:?INBOX} outbox=${3:?OUTBOX}
mkdir -p "$outbox" || exit 2
worst=0
for study in "$inbox"/*/; do
  [ -d "$study" ] || continue
  name=$(basename "$study")
  [ -d "$outbox/$name" ] && continue
  metarisk score "$model" "$study" --out "$outbox/$name"
  code=$?
  [ "$code" -ge 128 ] && exit "$code"
  [ "$code" -gt "$worst" ] && worst=$code
done
exit "$worst"
