"""How several processes share the batches of a step: each gets as many, and the step holds as many events as with one."""

from icereco.errors import IcerecoError
from icereco.profiles.train_options import TrainOptions
from icereco.training.ranks import Ranks

__all__ = ["changes_to_share", "require_shares"]

_LIMITS = ("events_per_batch", "doms_per_batch", "pulses_per_batch")


def changes_to_share(options: TrainOptions, processes: int) -> list[str]:
    """Changes of a profile with which so many processes can share each step: more batches, and smaller ones.

    >>> from icereco.profiles.train_options import TrainOptions
    >>> changes_to_share(TrainOptions(events_per_batch=64), 2)[:2]
    ['train.batches_per_step=2', 'train.events_per_batch=32']
    >>> changes_to_share(TrainOptions(batches_per_step=4), 2)
    []
    """
    if options.batches_per_step % processes == 0:
        return []
    limits = [f"train.{name}={-(-getattr(options, name) // processes)}" for name in _LIMITS]
    return [f"train.batches_per_step={options.batches_per_step * processes}", *limits]


def require_shares(options: TrainOptions, ranks: Ranks) -> None:
    """Check that each process gets as many batches of a step.

    Raises:
        IcerecoError: it does not.
    """
    batches = options.batches_per_step
    if batches % ranks.count:
        fitting = [str(count) for count in range(1, batches + 1) if batches % count == 0]
        raise IcerecoError(
            f"{ranks.count} processes cannot share the {batches} batches of a step (train.batches_per_step); "
            f"of a run that has begun it stays as it is: --processes {' or '.join(fitting)}"
        )
