"""Weights of DynEdge and of IceMix (DeepIce): imported layers compute what theirs do, and what is not theirs is refused or new.

The peers are built here as their papers describe them (arXiv:2209.03042, arXiv:2310.15674), freshly initialised and small.
"""

import collections
import math
import pickle

import pytest
import torch
from click.testing import CliRunner
from icereco_encoders.neighbours import nearest
from safetensors.torch import save_file
from torch import nn

from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint
from icereco.model.model import build_model
from icereco.model.peers.importing import PEERS, import_peer
from icereco.nn.length_groups import length_groups
from icereco.physics.sphere import direction_from_angles
from icereco.reconstruction.models import load_model
from icereco.testing.networks import call_encoder
from icereco.training.start import Start

COUNTS = [1, 7, 2, 40, 1, 0]
OFFSETS = torch.tensor([0, *COUNTS]).cumsum(0)
WIDTH, HEAD_SIZE = 32, 8


class PeerConvolution(nn.Module):
    """The sum of MLP([x, x' − x]) over neighbours."""

    def __init__(self, width_in, hidden, width):
        super().__init__()
        self.nn = nn.Sequential(
            nn.Linear(2 * width_in, hidden), nn.LeakyReLU(), nn.Linear(hidden, width), nn.LeakyReLU()
        )

    def forward(self, x, edges):
        own, other = x[edges.target], x[edges.source]
        return torch.zeros(len(x), self.nn[2].out_features).index_add(
            0, edges.target, self.nn(torch.cat([own, other - own], 1))
        )


class PeerDynEdge(nn.Module):
    """Convolutions over nearest neighbours, all read out together, and poolings of the event."""

    inputs = 9

    def __init__(self, width=16, hidden=24, first=12):
        super().__init__()
        sizes = [(self.inputs, first), *[(width, hidden)] * 3]
        self._conv_layers = nn.ModuleList(PeerConvolution(before, inside, width) for before, inside in sizes)
        everything = self.inputs + 4 * width
        self._post_processing = nn.Sequential(
            nn.Linear(everything, hidden), nn.LeakyReLU(), nn.Linear(hidden, width), nn.LeakyReLU()
        )
        self._readout = nn.Sequential(nn.Linear(4 * width, 8), nn.LeakyReLU())


class RelatedAttention(nn.Module):
    """Queries, keys and values apart, without biases; without an interval it is plain attention."""

    def __init__(self):
        super().__init__()
        for part in "qkv":
            setattr(self, f"proj_{part}", nn.Linear(WIDTH, WIDTH, bias=False))
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        heads = WIDTH // HEAD_SIZE
        q, k, v = (
            getattr(self, f"proj_{part}")(x).reshape(len(x), heads, HEAD_SIZE).transpose(0, 1)
            for part in "qkv"
        )
        scores = (q @ k.transpose(1, 2) / math.sqrt(HEAD_SIZE)).softmax(-1)
        return self.proj((scores @ v).transpose(0, 1).reshape(len(x), WIDTH))


class PlainAttention(nn.MultiheadAttention):
    def __init__(self):
        super().__init__(WIDTH, WIDTH // HEAD_SIZE, batch_first=True)

    def forward(self, x):
        return super().forward(x[None], x[None], x[None])[0][0]


class PeerBlock(nn.Module):
    """Norm first; with a factor for each channel of what is added in the second stage (LayerScale)."""

    def __init__(self, attention, names, *, scaled):
        super().__init__()
        self.norm1, self.norm2, self.attn = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), attention
        inner, outer = names
        self.mlp = nn.Sequential(
            collections.OrderedDict(
                {inner: nn.Linear(WIDTH, 4 * WIDTH), "act": nn.GELU(), outer: nn.Linear(4 * WIDTH, WIDTH)}
            )
        )
        if scaled:
            self.gamma_1, self.gamma_2 = (nn.Parameter(torch.ones(WIDTH)) for _ in range(2))
        self.scaled = scaled

    def forward(self, x):
        first, second = (self.gamma_1, self.gamma_2) if self.scaled else (1.0, 1.0)
        x = x + first * self.attn(self.norm1(x))
        return x + second * self.mlp(self.norm2(x))


class PeerDeepIce(nn.Module):
    """Blocks over tokens, a summary token, blocks over both, and an affine map to a direction times its concentration."""

    def __init__(self, names=("fc1", "fc2"), related=3, plain=2):
        super().__init__()
        self.rel_pos = nn.ModuleDict({"proj": nn.Linear(HEAD_SIZE, HEAD_SIZE)})
        self.extractor = nn.ModuleDict({"proj": nn.Linear(6 * 16, WIDTH)})
        self.sandwich = nn.ModuleList(
            PeerBlock(RelatedAttention(), names, scaled=False) for _ in range(related)
        )
        self.cls_token = nn.Linear(WIDTH, 1, bias=False)
        self.blocks = nn.ModuleList(PeerBlock(PlainAttention(), names, scaled=True) for _ in range(plain))
        self.proj_out = nn.Linear(WIDTH, 3)

    def forward(self, tokens):
        """The event's vector of one event's tokens."""
        for block in self.sandwich:
            tokens = block(tokens)
        tokens = torch.cat([self.cls_token.weight, tokens])
        for block in self.blocks:
            tokens = block(tokens)
        return tokens[0]


def drawn(peer):
    """A peer with values in what begins as zeros or ones, too."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return peer.eval()


@pytest.fixture(scope="module")
def dynedge():
    torch.manual_seed(3)
    return drawn(PeerDynEdge())


@pytest.fixture(scope="module")
def icemix():
    torch.manual_seed(3)
    return drawn(PeerDeepIce())


def saved(tmp_path, weights):
    path = tmp_path / "peer.pth"
    torch.save(weights, path)
    return path


def imported(tmp_path, weights, peer, **options):
    return import_peer(saved(tmp_path, weights), peer, **options)


def refused(tmp_path, weights, peer):
    with pytest.raises(IcerecoError) as raised:
        imported(tmp_path, weights, peer)
    return str(raised.value)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def tokens(width=WIDTH):
    return torch.randn(sum(COUNTS), width, generator=torch.Generator().manual_seed(5))


# DynEdge


@torch.no_grad()
def test_convolutions_are_those_of_dynedge(tmp_path, dynedge):
    encoder = imported(tmp_path, dynedge.state_dict(), "dynedge").model.encoder
    x = tokens(16)
    edges = nearest(x[:, :3], length_groups(OFFSETS), 8)
    assert len(encoder.layers) == 4
    for number in (1, 2, 3):
        close(encoder.layers[number](x, edges), dynedge._conv_layers[number](x, edges))


@torch.no_grad()
def test_the_network_of_nodes_sees_all_convolutions_as_dynedge(tmp_path, dynedge):
    encoder = imported(tmp_path, dynedge.state_dict(), "dynedge").model.encoder
    outputs, ours = tokens(4 * 16), encoder.dom[0].in_features - 4 * 16
    theirs = dynedge._post_processing(torch.cat([torch.zeros(len(outputs), dynedge.inputs), outputs], 1))
    close(encoder.dom(torch.cat([torch.zeros(len(outputs), ours), outputs], 1)), theirs)


def test_a_first_convolution_of_other_inputs_and_the_readout_are_named(tmp_path, dynedge):
    result = imported(tmp_path, dynedge.state_dict(), "dynedge")
    assert result.left.keys() == {"_conv_layers.0", "_readout"}
    assert {"encoder.layers.0.own.weight", "encoder.event.0.weight", "head.out.weight"} <= set(result.new)


def test_names_of_graphnets_model_and_of_the_paper_are_the_same_layers(tmp_path, dynedge):
    plain = dynedge.state_dict()
    wrapped = {f"_gnn.{name}": value for name, value in plain.items()}
    early = {}
    for name, value in plain.items():
        if name.startswith("_conv_layers."):
            _, number, rest = name.split(".", 2)
            early[f"conv_add{int(number) + 1}.{rest}"] = value
    early |= {f"nn1.{part}": plain[f"_post_processing.0.{part}"] for part in ("weight", "bias")}
    expected = imported(tmp_path, plain, "dynedge").model.encoder.state_dict()
    for weights in ({"state_dict": wrapped, "epoch": 3}, early):
        actual = imported(tmp_path, weights, "dynedge").model.encoder.state_dict()
        for name in ("layers.2.own.weight", "layers.3.edge.bias", "dom.0.bias"):
            assert torch.equal(actual[name], expected[name])


def test_dynedge_with_norms_is_refused(tmp_path, dynedge):
    weights = dynedge.state_dict() | {"_conv_layers.1.nn.1.weight": torch.ones(24)}
    assert "has norms between the layers of its convolutions" in refused(tmp_path, weights, "dynedge")


# IceMix


@torch.no_grad()
@pytest.mark.parametrize("names", [("fc1", "fc2"), ("input_projection", "output_projection")])
def test_both_stages_are_those_of_icemix(tmp_path, names):
    torch.manual_seed(6)
    peer = drawn(PeerDeepIce(names))
    model = imported(tmp_path, peer.state_dict(), "icemix").model.eval()
    x = tokens()
    _without_positions(model.encoder)
    ours = call_encoder(model.encoder, x, torch.randn(len(x), 3), OFFSETS)
    close(ours, torch.stack([peer(one) for one in x.split(COUNTS)]))


def _without_positions(encoder):
    for part in encoder.position[2].parameters():
        part.zero_()


@torch.no_grad()
@pytest.mark.parametrize(
    ("peer", "order"),
    [("icemix", ("sin", "cos")), ("deepice", ("cos", "sin"))],
)
def test_directions_are_to_where_the_neutrino_came_from(tmp_path, icemix, peer, order):
    azimuth, zenith = torch.tensor([0.3, 2.0, 4.0, 6.0]), torch.tensor([0.1, 1.0, 2.0, 3.0])
    trig = {"sin": azimuth.sin(), "cos": azimuth.cos()}
    wanted = torch.stack([trig[order[0]] * zenith.sin(), trig[order[1]] * zenith.sin(), zenith.cos()], 1)
    vectors = tokens()[:4]
    weights = icemix.state_dict()
    weights["proj_out.weight"] = (
        20 * (torch.linalg.pinv(vectors) @ wanted).T
    )  # a head that is right about four events
    weights["proj_out.bias"] = torch.zeros(3)
    outputs = imported(tmp_path, weights, peer).model.head(vectors)
    truth = torch.from_numpy(direction_from_angles(azimuth.numpy(), zenith.numpy())).float()
    close(torch.nn.functional.normalize(outputs), truth)


@torch.no_grad()
def test_the_head_is_affine_as_theirs(tmp_path, icemix):
    weights = {
        f"_tasks.0._affine.{name.removeprefix('proj_out.')}"
        if name.startswith("proj_out.")
        else f"_gnn.{name}": value
        for name, value in icemix.state_dict().items()
    }
    head = imported(tmp_path, weights, "deepice").model.head
    close(head(tokens()), icemix.proj_out(tokens()))


def test_a_head_can_be_left_out(tmp_path, icemix):
    result = imported(tmp_path, icemix.state_dict(), "icemix", head=False)
    assert "head.out.weight" in result.new
    assert "proj_out" in result.left


def test_what_icemix_does_with_pulses_and_intervals_is_named(tmp_path, icemix):
    result = imported(tmp_path, icemix.state_dict(), "icemix")
    assert result.left.keys() == {"extractor", "rel_pos"}
    assert {"encoder.layers.0.bias", "encoder.position.0.weight"} <= set(result.new)


def test_a_training_begins_with_imported_weights_alone(tmp_path, icemix, dynedge):
    for weights, peer, heads in ((icemix, "icemix", {"direction"}), (dynedge, "dynedge", set())):
        result = imported(tmp_path, weights.state_dict(), peer)
        result.save(tmp_path / f"{peer}.safetensors")
        start = Start.find(str(tmp_path / f"{peer}.safetensors"), tmp_path)
        detector = load_detector(result.profile.detector)
        model = build_model(result.profile, detector, seed=9)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert start.load_into(model, result.profile, detector).heads == heads
        after = model.state_dict()
        loaded = (*result.imported, *result.neutral)
        assert all(torch.equal(after[name], result.model.state_dict()[name]) for name in loaded)
        assert all(torch.equal(after[name], before[name]) for name in result.new)
        assert start.record()["imported"]["from"] == peer


def test_an_imported_model_estimates_nothing_before_it_is_trained(tmp_path, icemix):
    path = tmp_path / "icemix.safetensors"
    imported(tmp_path, icemix.state_dict(), "icemix").save(path)
    with pytest.raises(IcerecoError, match=r"estimates nothing yet; train it: icereco train --from .*icemix"):
        load_model(path)


def test_the_command_says_what_is_imported_and_what_is_new(tmp_path, dynedge):
    path, output = saved(tmp_path, dynedge.state_dict()), tmp_path / "dynedge.safetensors"
    command = ["models", "import", str(path), "--from", "dynedge", "-o", str(output)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "imported  encoder.dom, encoder.layers.1, encoder.layers.2, encoder.layers.3\n" in result.stdout
    assert "new       aggregator, encoder.event, encoder.layers.0, head\n" in result.stdout
    assert f"next: icereco train --from {output}" in result.stdout
    again = CliRunner().invoke(main, command)
    assert (again.exit_code, "already exists" in again.stderr) == (2, True)
    elsewhere = CliRunner().invoke(main, [*command[:-1], str(tmp_path / "dynedge.pth")])
    assert (elsewhere.exit_code, "give -o" in elsewhere.stderr) == (2, True)


# What is refused


def test_a_shape_that_does_not_fit_is_named_with_the_expected_one(tmp_path, icemix):
    weights = icemix.state_dict()
    weights["blocks.1.mlp.fc1.weight"] = torch.zeros(2 * WIDTH, WIDTH)
    message = refused(tmp_path, {f"module.{name}": value for name, value in weights.items()}, "icemix")
    assert f"module.blocks.1.mlp.fc1.weight has the shape [{2 * WIDTH}, {WIDTH}]" in message
    assert f"[{4 * WIDTH}, {WIDTH}]" in message


def test_layers_without_a_tensor_are_refused(tmp_path, icemix):
    weights = icemix.state_dict()
    del weights["sandwich.1.norm2.bias"]
    assert "there is no tensor sandwich.1.norm2.bias" in refused(tmp_path, weights, "icemix")


def test_weights_of_the_other_peer_are_refused(tmp_path, icemix, dynedge):
    assert "give --from deepice or --from icemix" in refused(tmp_path, icemix.state_dict(), "dynedge")
    assert "give --from dynedge" in refused(tmp_path, dynedge.state_dict(), "icemix")


def test_weights_of_no_peer_are_refused(tmp_path):
    weights = nn.Linear(2, 3).state_dict()
    for peer in PEERS:
        assert f"does not hold the weights of {peer}: there is no tensor" in refused(tmp_path, weights, peer)


def test_nothing_that_is_not_a_number_is_imported(tmp_path, dynedge):
    weights = dynedge.state_dict()
    weights["_conv_layers.2.nn.0.bias"] = torch.full((24,), math.nan)
    assert "_conv_layers.2.nn.0.bias holds values that are not finite" in refused(
        tmp_path, weights, "dynedge"
    )


def test_safetensors_are_read(tmp_path, dynedge):
    path = tmp_path / "peer.safetensors"
    save_file(dynedge.state_dict(), path)
    assert (
        import_peer(path, "dynedge").imported == imported(tmp_path, dynedge.state_dict(), "dynedge").imported
    )


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_pickle_is_never_run(tmp_path, by_torch):
    witness, path = tmp_path / "witness", tmp_path / "planted.pth"
    content = {"state_dict": Planted(witness)}
    if by_torch:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(
        IcerecoError, match="is a pickle that needs code to be opened, which icereco never runs"
    ):
        import_peer(path, "dynedge")
    assert not witness.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"event_id,azimuth\n1,2\n", "damaged or no state dict"),
        (b"", "damaged or no state dict"),
        (b"PK\x03\x04 and no archive", "damaged or no state dict"),
        (8 * b"\x01" + b"{ no header", "damaged or no state dict"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content, said):
    path = tmp_path / "peer.pth"
    path.write_bytes(content)
    with pytest.raises(IcerecoError, match=said):
        import_peer(path, "dynedge")


def test_a_file_without_tensors_by_name_is_refused(tmp_path):
    assert "holds no tensors by name" in refused(tmp_path, {"epoch": 3}, "dynedge")
    assert "holds a Tensor, not a state dict" in refused(tmp_path, torch.ones(3), "dynedge")


def test_the_nearest_peer_is_suggested(tmp_path, icemix):
    assert "did you mean 'icemix'? (allowed: deepice, dynedge, icemix)" in refused(
        tmp_path, icemix.state_dict(), "icemx"
    )


def test_a_checkpoint_of_an_import_is_read_as_any_other(tmp_path, dynedge):
    result = imported(tmp_path, dynedge.state_dict(), "dynedge")
    result.save(tmp_path / "ours.safetensors")
    options = load_checkpoint(tmp_path / "ours.safetensors").profile.role("encoder").options
    assert (options.activation, options.aggregation, options.hidden) == ("leaky-relu", "sum", 24)
