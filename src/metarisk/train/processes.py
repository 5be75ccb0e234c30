"""Several processes that train together: who this one is, what it shares, and what happens when one is gone.

Every process runs the same code over the same cohort. Members are shared out over teams of processes; inside
a team each process takes a share of every minibatch and the gradients are added up. Processes meet only in
the functions here, which name the loss of another process in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from metarisk.errors import ConfigError, ResourceError
from metarisk.models.memory import is_out_of_memory

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

LONGEST_WAIT_S = 1800.0


class Team(NamedTuple):
    """Processes that share a member.

    Attributes
    ----------
    rank, size
        This process among them, from 0, and how many they are.
    group
        How they talk; None where one works alone.
    """

    rank: int = 0
    size: int = 1
    group: ProcessGroup | None = None


class Teams(NamedTuple):
    """All teams of a job.

    Attributes
    ----------
    number
        How many teams there are; member m is the work of team m mod number.
    mine
        Number of this process's team.
    team
        That team.
    """

    number: int = 1
    mine: int = 0
    team: Team = Team()

    def leader(self, member: int) -> int:
        """Rank, among all processes, of the first process of the team that fits a member."""
        return member % self.number * self.team.size


@contextmanager
def joined(launched: Mapping[str, str], wait_s: float = LONGEST_WAIT_S) -> Iterator[None]:
    """Work with the processes that a launcher started, for the length of the block.

    Parameters
    ----------
    launched
        What the launcher says in the environment, as torchrun does: ``WORLD_SIZE``, ``RANK``,
        ``LOCAL_RANK``, ``MASTER_ADDR`` and ``MASTER_PORT``. Without a world of several, nothing happens.
    wait_s
        Longest that a process waits for another.

    Raises
    ------
    ResourceError
        If the others do not come.
    """
    if int(launched.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    import torch.distributed as dist

    if torch.cuda.is_available():
        torch.cuda.set_device(int(launched.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _told_of_loss():
        dist.init_process_group(backend, timeout=timedelta(seconds=wait_s))
    try:
        yield
    finally:
        dist.destroy_process_group()


def world() -> tuple[int, int]:
    """Rank of this process and how many there are; (0, 1) where it works alone."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def is_first() -> bool:
    """Whether this process is the one that writes results."""
    return world()[0] == 0


def wait_for_all() -> None:
    """Go on when every process is here; raises `ResourceError` if one is gone."""
    import torch.distributed as dist

    if world()[1] > 1:
        with _told_of_loss():
            dist.all_reduce(torch.zeros(1))


def make_teams(processes_per_member: int) -> Teams:
    """Split all processes into teams of a size; every process must ask at the same time.

    Raises
    ------
    ConfigError
        If they do not come out even.
    """
    import torch.distributed as dist

    rank, size = world()
    if size % processes_per_member:
        raise ConfigError(
            f"training.processes_per_member is {processes_per_member} and {size} processes were started",
            expected=f"a multiple of {processes_per_member}",
            do="Start the job with torchrun and as many processes, or change the key.",
        )
    if size == 1:
        return Teams()
    if processes_per_member == 1:
        return Teams(size, rank)
    count = size // processes_per_member
    with _told_of_loss():
        groups = [
            dist.new_group(list(range(first, first + processes_per_member)))
            for first in range(0, size, processes_per_member)
        ]
    mine, place = divmod(rank, processes_per_member)
    return Teams(count, mine, Team(place, processes_per_member, groups[mine]))


def add_up(tensors: Sequence[Tensor], team: Team) -> None:
    """Replace each tensor by its sum over the team, in place; raises `ResourceError` if one is gone."""
    if team.size == 1:
        return
    import torch.distributed as dist

    together = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with _told_of_loss():
        dist.all_reduce(together, group=team.group)
    for tensor, total in zip(
        tensors, torch.split(together, [tensor.numel() for tensor in tensors]), strict=True
    ):
        tensor.copy_(total.view_as(tensor))


def send_to_all(tensors: Sequence[Tensor], source: int) -> None:
    """Fill the tensors of every process, in place, with those of one; raises as `add_up`."""
    if world()[1] == 1:
        return
    import torch.distributed as dist

    with _told_of_loss():
        for tensor in tensors:
            dist.broadcast(tensor, src=source)


@contextmanager
def _told_of_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise ResourceError(
            "another process of this job is gone or does not answer",
            expected="every process that was started to stay to the end",
            do="Its own log says why; start the job again with --resume, finished epochs are kept.",
        ) from error
