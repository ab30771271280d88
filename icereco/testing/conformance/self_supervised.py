"""What a loss that needs no truth promises: it hides a part of each event, and predicts it from the outputs for the rest."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icereco.events.batch import EventBatch
from icereco.events.tensors import TensorBatch, to_tensors
from icereco.testing.conformance import samples
from icereco.testing.conformance.subject import Subject, require, require_close

_SCALES = (0.0, 1e-3, 1.0, 30.0, 300.0)
_DRAW = 7


def _parts(loss: Any, batch: EventBatch) -> tuple[TensorBatch, TensorBatch]:
    visible, hidden = (to_tensors(part, torch.device("cpu")) for part in loss.hide(batch, _DRAW))
    return visible, hidden


def _outputs(loss: Any, count: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    numbers: Tensor = torch.randn(count, loss.output_count, generator=generator, dtype=torch.float64)
    return (scale * numbers).to(dtype)


def _doms(batch: EventBatch) -> list[tuple[int, int, tuple[float, ...]]]:
    """Row of the event, sensor and times of every DOM."""
    ends = zip(batch.pulse_offsets[:-1], batch.pulse_offsets[1:], strict=True)
    times = [tuple(batch.time_ns[start:end].tolist()) for start, end in ends]
    return list(zip(batch.event_of_dom.tolist(), batch.sensor_id.tolist(), times, strict=True))


def estimates_nothing(subject: Subject) -> None:
    """It has no targets, and decodes directions that are NaN."""
    loss = subject.build()
    require(loss.targets == (), f"its targets are {loss.targets!r}, but it needs no truth")
    direction = loss.decode(_outputs(loss, 3)).direction
    require(
        direction is not None and direction.shape == (3, 3) and bool(direction.isnan().all()),
        "it decodes directions that are not NaN, though it does not know them",
    )


def divides_the_doms(subject: Subject) -> None:
    """Each DOM with its pulses is either visible or hidden; an event with DOMs keeps some, and of many some are hidden."""
    loss, batch = subject.build(), samples.events()
    visible, hidden = loss.hide(batch, _DRAW)
    require(
        sorted(_doms(visible) + _doms(hidden)) == sorted(_doms(batch)),
        "the visible and the hidden DOMs are not together those of the events",
    )
    require((visible.dom_count > 0).all(), "all DOMs of an event are hidden")
    many = batch.dom_count > 5
    require((hidden.dom_count[many] > 0).all(), "nothing is hidden of an event with more than five DOMs")


def draws_differ(subject: Subject) -> None:
    """The same draw hides the same DOMs, another draw hides others."""
    loss, batch = subject.build(), samples.events()
    first, again, other = (_doms(loss.hide(batch, draw)[1]) for draw in (_DRAW, _DRAW, _DRAW + 1))
    require(first == again, "the same draw hid other DOMs")
    require(first != other, "another draw hid the same DOMs")


def events_do_not_leak(subject: Subject) -> None:
    """What is hidden of an event, and its loss, depend on nothing but the event, its outputs and the draw."""
    loss, batch = subject.build(), samples.events()
    outputs = _outputs(loss, len(batch))
    together = loss.of_hidden(outputs, *_parts(loss, batch))
    require(
        together.shape == (len(batch),), f"{len(batch)} events gave values of shape {tuple(together.shape)}"
    )
    for row in range(len(batch)):
        alone = batch[row : row + 1]
        require(
            _doms(loss.hide(alone, _DRAW)[1]) == _doms(loss.hide(batch, _DRAW)[1][row : row + 1]),
            "other DOMs of an event are hidden when it is alone",
        )
        value = loss.of_hidden(outputs[row : row + 1], *_parts(loss, alone))
        require_close(
            value, together[row : row + 1], "the loss of an event alone differs from that in a batch"
        )


def nothing_hidden_costs_nothing(subject: Subject) -> None:
    """An event of which nothing is hidden has loss 0, also one without pulses."""
    loss, batch = subject.build(), samples.events()
    none = to_tensors(batch[:0], torch.device("cpu"))
    empty = TensorBatch(torch.zeros(3, dtype=torch.int64), *(getattr(none, name) for name in _REST))
    values = loss.of_hidden(_outputs(loss, 2), empty, empty)
    require(bool((values == 0).all()), f"events of which nothing is hidden have losses {values.tolist()}")


_REST = ("sensor_id", "position_m", "pulse_offsets", "time_ns", "charge_pe", "auxiliary")


def finite_everywhere(subject: Subject) -> None:
    """Finite values and gradients for outputs of any size, and for times from −10⁹ to 10⁹ ns and charges from 0 to 10⁶ p.e."""
    loss, batch = subject.build(), samples.events()
    for scale in _SCALES:
        for extreme in (False, True):
            visible, hidden = _parts(loss, _extreme(batch) if extreme else batch)
            outputs = _outputs(loss, len(batch), scale).requires_grad_()
            values = loss.of_hidden(outputs, visible, hidden)
            where = f"for outputs of size {scale:g}{' and extreme pulses' if extreme else ''}"
            require(values.isfinite().all(), f"the loss is not finite {where}")
            (gradient,) = torch.autograd.grad(values.sum(), outputs)
            require(gradient.isfinite().all(), f"the gradient is not finite {where}")


def _extreme(batch: EventBatch) -> EventBatch:
    pulses = len(batch.time_ns)
    return replace(
        batch,
        time_ns=np.linspace(-1e9, 1e9, pulses),
        charge_pe=np.geomspace(1e-3, 1e6, pulses).astype(np.float32) * (np.arange(pulses) % 3 > 0),
    )


def gradient_is_right(subject: Subject) -> None:
    """The gradient is that of finite differences, in float64."""
    loss = subject.build().double()
    visible, hidden = _parts(loss, samples.events())
    outputs = _outputs(loss, len(samples.events()), dtype=torch.float64).requires_grad_()
    right = torch.autograd.gradcheck(
        lambda one: loss.of_hidden(one, visible, hidden),
        (outputs,),
        eps=1e-6,
        atol=1e-5,
        raise_exception=False,
        fast_mode=True,
    )
    require(right, "the gradient is not that of finite differences")


def half_precision(subject: Subject) -> None:
    """Outputs in bfloat16 give a loss in float32."""
    loss, batch = subject.build(), samples.events()
    values = loss.of_hidden(_outputs(loss, len(batch)).bfloat16(), *_parts(loss, batch))
    require(values.dtype == torch.float32, f"bfloat16 outputs gave a loss in {values.dtype}")


PROMISES = (
    estimates_nothing,
    divides_the_doms,
    draws_differ,
    events_do_not_leak,
    nothing_hidden_costs_nothing,
    finite_everywhere,
    gradient_is_right,
    half_precision,
)
