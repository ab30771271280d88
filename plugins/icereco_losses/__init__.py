"""What training minimises: losses of the direction, energy, vertex, kind and inelasticity."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_losses"]


@hookimpl
def icereco_losses() -> Iterable[Component]:
    """Declare the losses of this package."""
    return [*_of_directions(), *_of_other_targets(), *_others()]


def _of_directions() -> list[Component]:
    return [
        Component(
            "angular",
            "icereco_losses.angular:AngularLoss",
            "icereco_losses.options:AngularOptions",
            "opening angle between prediction and truth, stable at 0 and 180 degrees",
            waives=("is-a-density",),
        ),
        Component(
            "vmf",
            "icereco_losses.vmf:VonMisesFisherLoss",
            "icereco_losses.options:VonMisesFisherOptions",
            "negative log density of a von Mises-Fisher distribution: a direction and how sure it is",
        ),
        Component(
            "kent",
            "icereco_losses.kent:KentLoss",
            "icereco_losses.options:KentOptions",
            "negative log density of an ellipse on the sphere (Kent 1982, five-parameter Fisher-Bingham)",
        ),
        Component(
            "cosine",
            "icereco_losses.cosine:CosineLoss",
            "icereco_losses.options:CosineOptions",
            "one minus the cosine of the opening angle (GraphNeT and many others)",
            waives=("is-a-density",),
        ),
        Component(
            "vmf-mixture",
            "icereco_losses.vmf_mixture:VonMisesFisherMixtureLoss",
            "icereco_losses.options:VonMisesFisherMixtureOptions",
            "negative log density of a mixture of von Mises-Fisher distributions (iceaggr, K = 3)",
        ),
        Component(
            "sphere-bins",
            "icereco_losses.sphere_bins:SphereBinsLoss",
            "icereco_losses.options:SphereBinsOptions",
            "which cell of the sphere, with smoothed labels (third place on Kaggle), on HEALPix cells of equal area",
            waives=("is-a-density",),
        ),
        Component(
            "spherical-flow",
            "icereco_losses.spherical_flow:SphericalFlowLoss",
            "icereco_losses.options:SphericalFlowOptions",
            "negative log density of a normalizing flow on the sphere: any shape (Rezende et al., arXiv:2002.02428)",
        ),
    ]


def _of_other_targets() -> list[Component]:
    return [
        Component(
            "log-energy",
            "icereco_losses.log_energy:LogEnergyLoss",
            "icereco_losses.options:LogEnergyOptions",
            "energy: a Gaussian of its logarithm with a learned width (Nix and Weigend 1994); for [losses.energy]",
        ),
        Component(
            "energy-quantiles",
            "icereco_losses.energy_quantiles:EnergyQuantilesLoss",
            "icereco_losses.options:EnergyQuantilesOptions",
            "energy: quantiles of its logarithm, of any shape (Koenker and Bassett 1978); for [losses.energy]",
            waives=("is-a-density",),
        ),
        Component(
            "vertex",
            "icereco_losses.vertex:VertexLoss",
            "icereco_losses.options:VertexOptions",
            "vertex: a Gaussian with full covariance, robust against outliers (Huber 1964); for [losses.vertex]",
        ),
        Component(
            "kind",
            "icereco_losses.kind:KindLoss",
            "icereco_losses.options:KindOptions",
            "through-going track, starting track or cascade: a probability for each; for [losses.kind]",
        ),
        Component(
            "inelasticity",
            "icereco_losses.inelasticity:InelasticityLoss",
            "icereco_losses.options:InelasticityOptions",
            "inelasticity: a Beta density of the hadrons' part of the energy; for [losses.inelasticity]",
        ),
    ]


def _others() -> list[Component]:
    """A combination, and a loss without truth."""
    return [
        Component(
            "masked-modules",
            "icereco_losses.masked_modules:MaskedModulesLoss",
            "icereco_losses.options:MaskedModulesOptions",
            "no truth needed: charge and first time of modules that are hidden from the model, for pre-training",
        ),
        Component(
            "weighted-sum",
            "icereco_losses.weighted_sum:WeightedSumLoss",
            "icereco_losses.options:WeightedSumOptions",
            "several losses, weighted; the first decodes (iceaggr: vmf + 0.5 angular)",
            waives=("is-a-density",),
        ),
    ]
