"""The two transformers: every kernel gives the same numbers, nothing leaks, nothing is cut."""

import pytest
import torch
from icereco_aggregators.attention import AttentionAggregator
from icereco_aggregators.options import AttentionOptions
from icereco_encoders.attention import AttentionEncoder
from icereco_encoders.options import TransformerOptions
from torch import Tensor

from icereco.nn import kernels
from icereco.nn.ragged import Sequences
from icereco.nn.transformer import Transformer

LENGTHS = {
    "one DOM with one pulse": [1],
    "typical": [1] * 78 + [2] * 9 + [3] * 7 + [5, 4, 8, 9] + [40, 17],
    "a DOM without pulses among others": [3, 0, 1, 0, 2],
    "longer than a packed row": [1, 700, 2, 513, 512, 511],
    "longest first": [300, 20, 7, 1],
}


def offsets_of(lengths: list[int]) -> Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)


def random_qkv(lengths: list[int], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sum(lengths), 3, 2, 8, generator=generator)


@pytest.mark.parametrize("kernel", ["compiled", "bucketed", "packed", "flex"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_kernels_agree_with_the_loop(kernel, lengths):
    sequences = Sequences.from_offsets(offsets_of(lengths))
    qkv = random_qkv(lengths)
    expected = kernels.reference(qkv, sequences)
    with torch.no_grad():
        torch.testing.assert_close(kernels.attend(kernel, qkv, sequences), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["compiled", "bucketed", "packed"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_kernels_have_the_gradient_of_the_loop(kernel, lengths):
    sequences = Sequences.from_offsets(offsets_of(lengths))

    def gradient(name: str) -> Tensor:
        qkv = random_qkv(lengths).requires_grad_()
        kernels.attend(name, qkv, sequences).sin().sum().backward()
        return qkv.grad

    torch.testing.assert_close(gradient(kernel), gradient("reference"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lengths", [[1, 1], [3, 0, 5, 1, 3], [257, 4]])
def test_bucketed_attention_has_the_gradient_of_small_differences(lengths):
    sequences = Sequences.from_offsets(offsets_of(lengths))
    qkv = random_qkv(lengths)[:, :, :1, :2].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda it: kernels.bucketed(it, sequences), qkv, fast_mode=True)


def test_the_last_layer_gives_the_last_tokens_of_a_full_one_and_their_gradients():
    lengths = [4, 1, 300, 4]
    sequences = Sequences.from_offsets(offsets_of(lengths))
    torch.manual_seed(6)
    model = Transformer(16, layers=2, heads=2, dropout=0.0, kernel="auto")
    tokens = torch.randn(sum(lengths), 16)

    def outcome(last_only: bool) -> tuple[Tensor, ...]:
        entering = tokens.clone().requires_grad_()
        given = model(entering, sequences, last_only)
        last = given if last_only else given[sequences.offsets[1:] - 1]
        return last, *torch.autograd.grad(last.sin().sum(), [entering, *model.parameters()])

    for ours, full in zip(outcome(True), outcome(False), strict=True):
        torch.testing.assert_close(ours, full, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["compiled", "bucketed", "packed"])
def test_rows_after_the_tokens_give_zeros_and_get_no_gradient(kernel):
    lengths = [3, 1, 20]
    sequences = Sequences.from_offsets(offsets_of(lengths))
    qkv = random_qkv([*lengths, 5])

    def outcome(rows: Tensor) -> tuple[Tensor, Tensor]:
        given = rows.clone().requires_grad_()
        attended = kernels.attend(kernel, given, sequences)
        attended.sin().sum().backward()
        return attended.detach(), given.grad

    for more, exactly in zip(outcome(qkv), outcome(qkv[: sum(lengths)]), strict=True):
        assert torch.equal(more[: len(exactly)], exactly)
        assert not more[len(exactly) :].any()


def test_flex_says_that_it_cannot_train_on_a_cpu():
    sequences = Sequences.from_offsets(offsets_of([3, 2]))
    with pytest.raises(RuntimeError, match="no backward on the CPU"):
        kernels.flex(random_qkv([3, 2]).requires_grad_(), sequences)


@pytest.mark.slow
def test_compiled_flex_agrees_on_the_cpu():
    lengths = LENGTHS["typical"]
    sequences = Sequences.from_offsets(offsets_of(lengths))
    qkv = random_qkv(lengths)
    total = kernels.padded_total(len(qkv))
    query, key, value = torch.nn.functional.pad(qkv, (0, 0) * 3 + (0, total - len(qkv))).permute(1, 2, 0, 3)[
        :, None
    ]
    with torch.no_grad():
        compiled = torch.compile(kernels.flex_attention, dynamic=False)
        attended = compiled(query, key, value, block_mask=kernels.document_block_mask(sequences, total))
    expected = kernels.reference(qkv, sequences)
    torch.testing.assert_close(attended[0].transpose(0, 1)[: len(qkv)], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lengths", [[1] * 300, [100, 200, 5, 128, 128], [1000, 3]])
def test_block_mask_covers_every_pair_of_a_document_and_skips_the_rest(lengths):
    sequences = Sequences.from_offsets(offsets_of(lengths))
    total = kernels.padded_total(sum(lengths))
    dense = kernels.document_block_mask(sequences, total).to_dense()[0, 0].bool()
    document = torch.full((total,), -1)
    document[: sum(lengths)] = torch.arange(len(lengths)).repeat_interleave(sequences.offsets.diff())
    pairs = document[:, None] == document[None, :]
    blocks = total // kernels.BLOCK
    needed = pairs.view(blocks, kernels.BLOCK, blocks, kernels.BLOCK).any(3).any(1)
    assert (dense | ~needed).all()
    assert dense.sum() <= needed.sum() + 2 * blocks


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_flex_trains_on_cuda_with_the_gradient_of_the_loop(lengths):
    sequences = Sequences.from_offsets(offsets_of(lengths).cuda())

    def gradient(name: str) -> Tensor:
        qkv = random_qkv(lengths).repeat(1, 1, 1, 2).cuda().requires_grad_()
        kernels.attend(name, qkv, sequences).sin().sum().backward()
        return qkv.grad

    torch.testing.assert_close(gradient("flex"), gradient("reference"), atol=1e-3, rtol=1e-3)


def aggregator(kernel: str = "auto") -> AttentionAggregator:
    torch.manual_seed(3)
    return AttentionAggregator(AttentionOptions(width=16, layers=2, heads=2, kernel=kernel), 5)


@pytest.mark.parametrize("kernel", ["compiled", "bucketed", "packed", "flex"])
def test_a_checkpoint_of_one_kernel_runs_with_any_other(kernel):
    lengths = LENGTHS["typical"]
    features = torch.randn(sum(lengths), 5)
    other = aggregator(kernel)
    other.load_state_dict(aggregator("reference").state_dict())
    with torch.no_grad():
        expected = aggregator("reference")(features, offsets_of(lengths))
        torch.testing.assert_close(other(features, offsets_of(lengths)), expected, atol=1e-5, rtol=1e-5)


def test_twenty_thousand_pulses_on_one_dom_are_all_used():
    features = torch.randn(20_003, 5)
    model, offsets = aggregator(), offsets_of([20_000, 3])
    with torch.no_grad():
        whole = model(features, offsets)
        features[19_999] += 100.0
        changed = model(features, offsets)
    assert torch.isfinite(whole).all()
    assert not torch.equal(whole[0], changed[0])
    assert torch.equal(whole[1], changed[1])


def encoder() -> AttentionEncoder:
    torch.manual_seed(4)
    return AttentionEncoder(TransformerOptions(layers=2, heads=2), 16)


def random_doms(counts: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    total = sum(counts)
    return (
        torch.randn(total, 16, generator=generator),
        torch.randn(total, 3, generator=generator),
        offsets_of(counts),
    )


def test_events_never_see_each_other():
    vectors, positions, offsets = random_doms([3, 7, 1, 40])
    model = encoder()
    with torch.no_grad():
        before = model(vectors, positions, offsets)
        vectors[3:10] = 9.0
        after = model(vectors, positions, offsets)
    assert not torch.allclose(before[1], after[1])
    others = [0, 2, 3]
    torch.testing.assert_close(before[others], after[others], atol=0, rtol=0)


def test_the_company_of_an_event_changes_nothing():
    counts = [3, 7, 1, 40]
    vectors, positions, offsets = random_doms(counts)
    model = encoder()
    with torch.no_grad():
        together = model(vectors, positions, offsets)
        for event, count in enumerate(counts):
            rows = slice(int(offsets[event]), int(offsets[event + 1]))
            alone = model(vectors[rows], positions[rows], offsets_of([count]))
            torch.testing.assert_close(alone[0], together[event], atol=1e-5, rtol=1e-5)


def test_the_order_of_doms_does_not_matter():
    vectors, positions, offsets = random_doms([50])
    shuffled = torch.randperm(50, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        before = encoder()(vectors, positions, offsets)
        after = encoder()(vectors[shuffled], positions[shuffled], offsets)
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("doms", [0, 1, 5160])
def test_an_event_of_any_number_of_doms_works(doms):
    with torch.no_grad():
        attended = encoder()(*random_doms([2, doms]))
    assert attended.shape == (2, 16)
    assert torch.isfinite(attended).all()


def test_recomputing_activations_changes_no_gradient(monkeypatch):
    lengths = LENGTHS["typical"]
    features = torch.randn(sum(lengths), 5)

    def gradients() -> list[Tensor]:
        model = aggregator()
        model(features, offsets_of(lengths)).square().sum().backward()
        return [parameter.grad for parameter in model.parameters()]

    kept = gradients()
    monkeypatch.setattr("icereco.nn.transformer.RECOMPUTE_ABOVE", 10)
    for first, second in zip(kept, gradients(), strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)
