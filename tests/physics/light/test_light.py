"""The light model: expected light and times of pairs of source and module, and their gradients."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from icereco.detector.detector import LIGHT_M_PER_NS, Detector, load_detector
from icereco.errors import IcerecoError
from icereco.physics.light.light import Expectation, LightModel

Pairs = tuple[Tensor, Tensor, Tensor]


def cascades(
    light: LightModel, brightness: Tensor, position: Tensor, travel: Tensor, module: Tensor
) -> Expectation:
    return light.cascades(brightness, position, travel, module)


def tracks(light: LightModel, length: Tensor, start: Tensor, travel: Tensor, module: Tensor) -> Expectation:
    line = light.line(start, travel, module)
    return light.tracks(line.share(length), line)


def parts(seen: Expectation) -> tuple[Tensor, ...]:
    delays = (getattr(part, field.name) for part in seen.delays() for field in fields(part))
    return (seen.photo_electrons, seen.time_ns, *delays)


SOURCES = pytest.mark.parametrize("source", [cascades, tracks])
Source = Callable[..., Expectation]


def sizes(pairs: Pairs) -> Tensor:
    """Brightness of cascades and length of tracks."""
    return torch.linspace(5.0, 400.0, len(pairs[0]), dtype=pairs[0].dtype)


class TestPhysics:
    def test_unscattered_light_of_tracks_comes_from_the_cherenkov_cone(self, light: LightModel):
        start, travel, module = torch.tensor(
            [[[0.0, 0.0, -100.0]], [[0.0, 0.0, 1.0]], [[0.0, 20.0, 0.0]]], dtype=torch.float64
        )
        line = light.line(start, travel, module)
        seen = light.tracks(torch.ones(1, dtype=torch.float64), line)
        # The shortest time over all points of emission is the Cherenkov one but for the group index.
        points = np.linspace(0, 100, 100_001)
        times = (points + np.hypot(100 - points, 20) * 1.3194) / LIGHT_M_PER_NS
        assert seen.time_ns.item() == pytest.approx(times.min(), abs=5.0)

    def test_unscattered_light_of_cascades_comes_at_the_group_velocity(
        self, light: LightModel, detector: Detector, pairs: Pairs
    ):
        seen = cascades(light, sizes(pairs), *pairs)
        distance = torch.linalg.vector_norm(pairs[2] - pairs[0], dim=1)
        speed = LIGHT_M_PER_NS / detector.medium.refractive_index_group
        torch.testing.assert_close(seen.time_ns, distance / speed)

    @SOURCES
    def test_in_a_medium_twice_as_dense_all_is_half_as_far(self, detector: Detector, source: Source):
        """Lengths count in scattering lengths alone: delays halve, and four times as much light passes a module."""
        scattering, absorption = detector.medium.lengths_m()
        lengths = {
            "scattering_length_m": np.full_like(scattering, 30.0),
            "absorption_length_m": np.full_like(absorption, 90.0),
        }
        once, half = (
            LightModel(
                replace(
                    detector, medium=replace(detector.medium, **{k: v * part for k, v in lengths.items()})
                )
            )
            for part in (1.0, 0.5)
        )
        travel = torch.tensor([[0.0, 0.6, 0.8]], dtype=torch.float64)
        module = torch.tensor([[60.0, 20.0, -40.0]], dtype=torch.float64)
        size = torch.full((1,), 400.0, dtype=torch.float64)
        whole = source(once, size, 0.0 * module, travel, module)
        dense = source(half, 0.5 * size, 0.0 * module, travel, 0.5 * module)
        for near, far in zip(dense.delays(), whole.delays(), strict=True):
            torch.testing.assert_close(near.share, far.share)
            torch.testing.assert_close(near.shape, far.shape)
            torch.testing.assert_close(2.0 * near.scale_ns, far.scale_ns)
        torch.testing.assert_close(2.0 * dense.time_ns, whole.time_ns)
        if source is cascades:
            torch.testing.assert_close(0.5 * dense.photo_electrons, whole.photo_electrons)

    def test_light_is_proportional_to_brightness(self, light: LightModel, pairs: Pairs):
        single, double = (cascades(light, factor * sizes(pairs), *pairs) for factor in (1.0, 2.0))
        torch.testing.assert_close(double.photo_electrons, 2.0 * single.photo_electrons)

    def test_pieces_of_a_track_shine_together_as_the_whole(self, light: LightModel, pairs: Pairs):
        start, travel, module = pairs
        whole = light.line(start, travel, module).share(torch.full((200,), 90.0, dtype=torch.float64))
        pieces = [
            light.line(start + 0.3 * piece * travel, travel, module).share(
                torch.full((200,), 0.3, dtype=torch.float64)
            )
            for piece in range(300)
        ]
        torch.testing.assert_close(torch.stack(pieces).sum(0), whole)

    def test_a_track_shines_between_its_ends(self, light: LightModel):
        along = torch.tensor([-300.0, -100.0, 200.0, 500.0, 700.0], dtype=torch.float64)
        start = torch.zeros(5, 3, dtype=torch.float64)
        travel = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64).expand(5, 3)
        line = light.line(start, travel, torch.stack([0 * along + 10.0, 0 * along, along], dim=1))
        share = line.share(torch.full((5,), 400.0, dtype=torch.float64))
        assert share[2] == pytest.approx(1.0)
        assert (share[[0, 1, 3, 4]] < 1e-2).all()
        assert share[0] < share[1]
        assert share[4] < share[3]

    @SOURCES
    def test_awkward_places_get_sensible_light(self, light: LightModel, awkward: Pairs, source: Source):
        seen = source(light, sizes(awkward), *awkward)
        for values in parts(seen):
            assert values.isfinite().all()
        assert (seen.photo_electrons >= 0).all()
        for part in seen.delays():
            assert (part.share >= 0).all()
            assert (part.shape > 0).all()
            assert (part.scale_ns > 0).all()
        torch.testing.assert_close(sum(part.share for part in seen.delays()), torch.ones_like(seen.time_ns))


class TestGradients:
    @SOURCES
    def test_are_right(self, light: LightModel, pairs: Pairs, source: Source):
        arguments = [one[:60].clone().requires_grad_() for one in (sizes(pairs), *pairs)]
        assert gradcheck(lambda *each: parts(source(light, *each)), arguments, eps=1e-7, atol=1e-4)

    @SOURCES
    def test_are_right_in_awkward_places(self, light: LightModel, awkward: Pairs, source: Source):
        def seen(size: Tensor, position: Tensor, travel: Tensor) -> tuple[Tensor, ...]:
            unit = torch.nn.functional.normalize(travel)  # ahead of a cascade no cosine above 1 is known
            return parts(source(light, size, position, unit, awkward[2]))

        arguments = [one.clone().requires_grad_() for one in (sizes(awkward), *awkward[:2])]
        assert gradcheck(seen, arguments, eps=1e-7, atol=1e-3)

    @SOURCES
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_are_finite_in_awkward_places(
        self, detector: Detector, awkward: Pairs, source: Source, dtype: torch.dtype
    ):
        light = LightModel(detector).to(dtype)
        arguments = [one.to(dtype).requires_grad_() for one in (sizes(awkward), *awkward)]
        for values in parts(source(light, *arguments)):
            for gradient in torch.autograd.grad(
                values.sum(), arguments, retain_graph=True, allow_unused=True
            ):
                assert gradient is None or gradient.isfinite().all()

    def test_forward_mode_gives_the_same(self, light: LightModel, pairs: Pairs):
        """Fits with few parameters and many modules take Jacobians forwards."""

        def photo_electrons(position: Tensor) -> Tensor:
            return light.cascades(sizes(pairs), position.expand(200, 3), pairs[1], pairs[2]).photo_electrons

        position = torch.tensor([12.0, 34.0, -56.0], dtype=torch.float64)
        torch.testing.assert_close(
            torch.func.jacfwd(photo_electrons)(position), torch.func.jacrev(photo_electrons)(position)
        )


class TestTensors:
    @SOURCES
    def test_single_precision_agrees_with_double(
        self, detector: Detector, light: LightModel, pairs: Pairs, source: Source
    ):
        single = source(LightModel(detector).float(), *(one.float() for one in (sizes(pairs), *pairs)))
        double = source(light, *(one.float().double() for one in (sizes(pairs), *pairs)))
        for values, exact in zip(parts(single), parts(double), strict=True):
            assert values.dtype == torch.float32
            torch.testing.assert_close(values.double(), exact, rtol=5e-4, atol=1e-3)

    @SOURCES
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_a_pair_does_not_depend_on_its_company(
        self, detector: Detector, pairs: Pairs, source: Source, dtype: torch.dtype
    ):
        light = LightModel(detector).to(dtype)
        arguments = [one.to(dtype) for one in (sizes(pairs), *pairs)]
        together = parts(source(light, *arguments))
        for chosen in (slice(7, 8), slice(31, 48), slice(100, 200)):
            some = parts(source(light, *(one[chosen] for one in arguments)))
            for values, alone in zip(together, some, strict=True):
                assert torch.equal(values[chosen], alone)

    @SOURCES
    def test_no_pairs_see_nothing(self, light: LightModel, pairs: Pairs, source: Source):
        seen = source(light, *(one[:0] for one in (sizes(pairs), *pairs)))
        assert all(values.shape == (0,) for values in parts(seen))

    @SOURCES
    def test_everything_happens_on_the_device_of_the_model(
        self, detector: Detector, pairs: Pairs, source: Source
    ):
        light = LightModel(detector).to("meta")
        seen = source(light, *(one.to("meta") for one in (sizes(pairs), *pairs)))
        assert all(values.device.type == "meta" for values in parts(seen))


@pytest.mark.parametrize("name", ["scattering_length_m", "absorption_length_m"])
@pytest.mark.parametrize("length_m", [None, np.inf])
def test_a_medium_without_scattering_or_absorption_is_refused(
    detector: Detector, name: str, length_m: float | None
):
    lengths = None if length_m is None else np.full_like(detector.medium.z_m, length_m)
    clear = replace(detector, medium=replace(detector.medium, **{name: lengths}))
    with pytest.raises(IcerecoError, match=rf"'icecube86' gives no {name} in \[medium\]"):
        LightModel(clear)


def test_water_that_scatters_is_a_medium_like_any_other():
    light = LightModel(load_detector("orca"))
    position = torch.zeros(1, 3, dtype=torch.float64)
    module = torch.tensor([[0.0, 0.0, 30.0]], dtype=torch.float64)
    seen = light.cascades(torch.ones(1, dtype=torch.float64), position, module / 30.0, module)
    assert seen.photo_electrons.item() > 0
