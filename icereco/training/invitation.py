"""What the first process of a training sends to the others, so that they train the same model on the same events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from icereco.errors import IcerecoError
from icereco.training.ranks import Ranks
from icereco.training.resume_state import Position

__all__ = ["Invitation"]


@dataclass(frozen=True, slots=True, eq=False)
class Invitation:
    """A training that is about to begin or to go on.

    Attributes:
        profile: the resolved profile as TOML, and its name.
        data_sets: as `DataChoice.record` writes them; none for simulated events.
        fingerprint: of the prepared events.
        state: weights and optimizer, as `icereco.training.resume_state.state_tensors` gives them.
        position: where the training is.
        shard: whether the processes divide the weights.
    """

    profile: tuple[str, str]
    data_sets: Sequence[Mapping[str, Any]]
    fingerprint: object
    state: Mapping[str, Tensor]
    position: Position
    shard: bool

    def send(self, ranks: Ranks) -> None:
        """Wait until every other process has it and has found the same events.

        Raises:
            IcerecoError: a process has other events.
        """
        ranks.of_leader(self)
        self._require_one_fingerprint(ranks, self.fingerprint)

    @classmethod
    def received(cls, ranks: Ranks) -> Self | None:
        """Wait for the first process to send it, however long it prepares its events; None if there is nothing to train."""
        return ranks.of_leader(None)

    def confirm(self, ranks: Ranks, fingerprint: object) -> None:
        """Say which events this process has found.

        Raises:
            IcerecoError: a process has other events.
        """
        self._require_one_fingerprint(ranks, fingerprint)

    @staticmethod
    def _require_one_fingerprint(ranks: Ranks, own: object) -> None:
        found = ranks.gathered(own)
        if different := [number for number, one in enumerate(found) if one != found[0]]:
            raise IcerecoError(
                f"process {different[0]} of {ranks.count} reads other events than the first: the same path must hold "
                "the same files on all machines"
            )
