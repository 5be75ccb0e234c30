#!/usr/bin/env bash
# Several processes, or GPUs, of this machine; a job that was cut off goes on from its checkpoints in OUT.
#
#   training/torchrun.sh PROCESSES CONFIG OUT [OPTION ...]      options are those of `metarisk train`
#
# Processes share the ensemble's members. With `training.processes_per_member: 2` in CONFIG, two share each
# member's minibatches. The bundle and the run are written by the first.
set -euo pipefail
processes=${1:?PROCESSES} config=${2:?CONFIG} out=${3:?OUT}
shift 3
exec ${DRY_RUN:+echo} torchrun --standalone --nproc-per-node "$processes" --max-restarts 0 \
  -m metarisk train "$config" --out "$out" --resume "$@"
