"""A normalizing flow on the sphere as a loss: densities of any shape, as for IceCube's events in arXiv:2604.19846."""

from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.flow import Boost, Flow, Layer, Stretch, Turn, Twist
from icereco_losses.flow_posterior import FlowPosterior
from icereco_losses.options import SphericalFlowOptions
from icereco_losses.sphere import full_precision, unit
from icereco_losses.spline import count, spline

__all__ = ["SphericalFlowLoss"]

_LARGEST = 1e4
"""Outputs beyond it count as it: peaks of 0.006°, sharper than any telescope's, which float32 can still compute."""

_PROFILE, _SHAPE = 0.03, 0.02
"""How far an output moves the logarithms of the profile, and of the further splines: a step of training moves the peak
first. Shapes that grow as fast put their own peaks on the truth, and the peak stays where it was."""

_TURN = 0.1
"""How far an output turns an axis, about as many half turns."""

_STEEP_PROFILE, _STEEP_SHAPE = 3.0, 1.0
"""Bounds on the logarithms of splines. The profile must make a Gaussian of the tails of a Cauchy density; shapes need less."""


class SphericalFlowLoss(nn.Module):
    """Outputs are the numbers of a chain of maps of the sphere; zero is the density without knowledge.

    From the data to the base: a boost along the first three outputs u, whose peak is at u/|u| with σ ~ 1/|u|; a spline
    of the opening angle to u/|u|, the radial profile, which fades out as |u| goes to 0; then, in each layer, a rotation,
    and splines of the height and of the azimuth around its axis.
    """

    targets: tuple[Target, ...] = ("direction",)

    def __init__(self, options: SphericalFlowOptions) -> None:
        super().__init__()
        self.options = options
        profile, azimuths = count(options.bins), 2 * (count(options.bins) - 1)
        self.sizes = [3, profile, *options.layers * [3, profile, azimuths]]
        self.output_count = sum(self.sizes)

    def forward(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per steradian, at least float32. No knowledge is log 4π."""
        outputs = full_precision(outputs)
        return -self.flow(outputs).log_density(truth.direction.to(outputs.dtype)[:, None])[:, 0]

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """Directions with their densities; the directions move with the outputs as the points of the flow do."""
        outputs = full_precision(outputs)
        posterior = FlowPosterior(outputs.detach().double(), self.flow)
        base = posterior.mode_base if self.options.decode == "mode" else posterior.base
        value = posterior.mode if self.options.decode == "mode" else posterior.centre
        direction = outputs.new_tensor(value)
        if outputs.requires_grad:
            points, _ = self.flow(outputs).from_base(base.to(outputs))
            moving = unit(points.mean(1))
            direction = direction + moving - moving.detach()
        return Estimates(direction=direction, posterior=posterior)

    def flow(self, outputs: Float[Tensor, "event output"]) -> Flow:
        """The densities of outputs, in their precision."""
        velocity, profile, *rest = outputs.clamp(-_LARGEST, _LARGEST).split(self.sizes, -1)
        squared = velocity.square().sum(-1, keepdim=True)
        profile = _PROFILE * profile * squared / (1 + squared)
        zenith = velocity.new_tensor([0.0, 0.0, 1.0]).expand_as(velocity)
        layers: list[Layer] = [
            Boost(velocity),
            Stretch(unit(velocity), spline(profile[:, None], _STEEP_PROFILE)),
        ]
        for turn, heights, azimuths in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            layers += [
                Turn(_TURN * turn),
                Stretch(zenith, spline(_SHAPE * heights[:, None], _STEEP_SHAPE)),
                Twist(_SHAPE * azimuths.unflatten(-1, (2, -1)), _STEEP_SHAPE),
            ]
        return Flow(layers)
