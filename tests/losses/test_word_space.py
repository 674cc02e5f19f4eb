"""The losses of images among words, against loops over their formulas in numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.losses._word_space import (
    CONTEXT_LOSSES,
    IMAGE_WORD_LOSSES,
    ContextHinge,
    ContextNegativeSampling,
    CosineError,
    NegativeSampling,
    SquaredError,
    WordSigmoid,
    WordSoftmax,
)

N, N_NOISE, D = 5, 6, 3
MODES = ["none", "scale", "printed"]
by_seed = pytest.mark.parametrize("seed", range(4))
by_mode = pytest.mark.parametrize("mode", MODES)
by_energy = pytest.mark.parametrize("energy", ["dot", "cosine"])
MAKE = {
    "negative_sampling": lambda: NegativeSampling(3),
    "squared_error": SquaredError,
    "cosine": CosineError,
    "sigmoid": lambda: WordSigmoid(temperature=0.5, bias=-2.0),
    "softmax": WordSoftmax,
    "logistic": lambda: ContextNegativeSampling(3),
    **{
        f"hinge, {mode}, {energy}": lambda mode=mode, energy=energy: ContextHinge(
            1.5, 2.5, mode, energy
        )
        for mode in MODES
        for energy in ("dot", "cosine")
    },
}
by_loss = pytest.mark.parametrize("name", MAKE)
OF_CONTEXTS = [name for name in MAKE if name.split(",")[0] in CONTEXT_LOSSES]


def make_batch(seed):
    """Draw a batch in float64 whose masks have holes, and its targets."""
    rng = np.random.default_rng(seed)
    is_word = rng.random((N, 3)) < 0.6
    is_word[:, 0] = True
    is_context = rng.random((N, 4)) < 0.6
    is_context[:, 1] = True
    same = rng.random((N, N)) < 0.3
    np.fill_diagonal(same, True)
    noise_is_true = rng.random((N, N_NOISE)) < 0.3
    words = rng.normal(size=(N, 3, D))
    embedded = {
        "x": rng.normal(size=(N, D)),
        "y": (words * is_word[..., None]).sum(axis=1) / is_word.sum(axis=1)[:, None],
        "words": words,
        "noise": rng.normal(size=(N_NOISE, D)),
        "contexts": rng.normal(size=(N, 4, D)),
        "context_noise": rng.normal(size=(N_NOISE, D)),
    }
    masks = {"is_word": is_word, "is_context": is_context}
    return embedded, masks, {"same": same, "noise_is_true": noise_is_true}


def tensors(batch, *, grad=False):
    embedded, masks, targets = batch
    made = {
        name: torch.tensor(np.asarray(value, dtype=float), requires_grad=grad)
        for name, value in embedded.items()
    }
    made.update({name: torch.tensor(mask) for name, mask in masks.items()})
    return made, {name: torch.tensor(value) for name, value in targets.items()}


def compute(loss, batch):
    return loss.double()(*tensors(batch)).item()


def gradients(loss, batch):
    embedded, targets = tensors(batch, grad=True)
    value = loss.double()(embedded, targets)
    value.backward()
    return {
        name: np.zeros(part.shape) if part.grad is None else part.grad.numpy()
        for name, part in embedded.items()
        if part.is_floating_point()
    }


# --- Loops --------------------------------------------------------------------------


def log_sigmoid(a):
    return -math.log(1 + math.exp(-a))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def slow_negative_sampling(x, positives, noise, k):
    toward = mean(log_sigmoid(v @ x) for v in positives)
    away = mean(log_sigmoid(-v @ x) for v in noise) if len(noise) else 0
    return -toward - k * away


def slow_image_loss(name, batch):
    embedded, masks, targets = batch
    losses = []
    candidates = [*embedded["y"], *embedded["noise"]]
    true = np.hstack([targets["same"], targets["noise_is_true"]])
    for i, x in enumerate(embedded["x"]):
        y = embedded["y"][i]
        if name == "negative_sampling":
            own = embedded["words"][i][masks["is_word"][i]]
            others = embedded["noise"][~targets["noise_is_true"][i]]
            losses.append(slow_negative_sampling(x, own, others, 3))
        elif name == "squared_error":
            losses.append(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
        elif name == "cosine":
            losses.append(1 - cosine(x, y))
        elif name == "sigmoid":
            losses.append(-sum(
                log_sigmoid((1 if t else -1) * (2 * cosine(x, v) - 2))
                for v, t in zip(candidates, true[i], strict=True)
            ))  # fmt: skip
        else:
            exps = [math.exp(x @ v) for v in candidates]
            others = [e for e, t in zip(exps, true[i], strict=True) if not t]
            losses.append(-math.log(exps[i] / (exps[i] + sum(others))))
    return mean(losses)


def slow_hinge(batch, m, weight, mode, energy):
    embedded, masks, _ = batch
    similar = cosine if energy == "cosine" else lambda a, b: a @ b
    losses = []
    for i, x in enumerate(embedded["x"]):
        of_contexts = []
        for c in embedded["contexts"][i][masks["is_context"][i]]:
            for n in embedded["context_noise"]:
                plus, minus = similar(x, c), similar(x, n)
                of_contexts.append(
                    {
                        "none": max(0, m - plus + minus),
                        "scale": weight * max(0, m - plus + minus),
                        "printed": max(0, m - weight * plus + minus),
                    }[mode]
                )
        losses.append(mean(of_contexts) if of_contexts else 0)
    return mean(losses)


@by_seed
@pytest.mark.parametrize("name", list(IMAGE_WORD_LOSSES))
def test_losses_of_images_equal_loops_over_their_formulas(name, seed):
    batch = make_batch(seed)
    # A learned scale is a float32 parameter.
    value = compute(MAKE[name](), batch)
    assert value == pytest.approx(slow_image_loss(name, batch), rel=1e-6)


@by_seed
def test_the_logistic_loss_of_contexts_equals_loops(seed):
    batch = make_batch(seed)
    embedded, masks, _ = batch
    expected = mean(
        slow_negative_sampling(
            x,
            embedded["contexts"][i][masks["is_context"][i]],
            embedded["context_noise"],
            3,
        )
        for i, x in enumerate(embedded["x"])
    )
    value = compute(ContextNegativeSampling(3), batch)
    assert value == pytest.approx(expected, rel=1e-9)


@by_seed
@by_mode
@by_energy
def test_the_hinge_of_contexts_equals_loops(seed, mode, energy):
    batch = make_batch(seed)
    batch[1]["is_context"][2] = False  # an image without contexts costs nothing
    settings_ = (0.7, 1.8, mode, energy)
    value = compute(ContextHinge(*settings_), batch)
    assert value == pytest.approx(slow_hinge(batch, *settings_), rel=1e-9)
    assert value > 0


# --- Closed forms -------------------------------------------------------------------


def pair(x, y, **changed):
    """Return the batch of one image and one word, with one noise word."""
    x, y = np.array([x], dtype=float), np.array([y], dtype=float)
    noise = np.array([changed.pop("noise", [0.0] * x.shape[1])], dtype=float)
    embedded = {
        "x": x, "y": y, "words": y[:, None], "contexts": y[:, None],
        "noise": noise, "context_noise": noise,
    }  # fmt: skip
    masks = {"is_word": np.array([[True]]), "is_context": np.array([[True]])}
    targets = {"same": np.array([[True]]), "noise_is_true": np.array([[False]])}
    return embedded, masks, {**targets, **changed}


def test_negative_sampling_of_what_is_orthogonal():
    batch = pair([0.0, 0], [3.0, 4])
    assert compute(NegativeSampling(5), batch) == pytest.approx(6 * math.log(2))
    assert compute(ContextNegativeSampling(2), batch) == pytest.approx(3 * math.log(2))
    batch = pair([math.log(3)], [1.0], noise=[1.0])
    # The sigmoid of log 3 is 3/4, and that of -log 3 is 1/4.
    expected = -math.log(3 / 4) - 2 * math.log(1 / 4)
    assert compute(NegativeSampling(2), batch) == pytest.approx(expected)
    own = pair([0.0, 0], [3.0, 4], noise_is_true=np.array([[True]]))
    assert compute(NegativeSampling(5), own) == pytest.approx(math.log(2))


def test_squared_error_and_cosine():
    assert compute(SquaredError(), pair([1, 2], [4, 6])) == pytest.approx(25)
    for x, y, expected in [
        ([1, 0], [5, 0], 0), ([1, 0], [0, 2], 1), ([1, 1], [-3, -3], 2),
        ([0, 0], [1, 1], 1),
    ]:  # fmt: skip
        value = compute(CosineError(), pair(x, y))
        assert value == pytest.approx(expected, abs=1e-12)


def test_softmax_of_equal_products_is_the_log_of_their_number():
    equal = pair([1, 0], [2, 5], noise=[2, -7])
    assert compute(WordSoftmax(), equal) == pytest.approx(math.log(2))
    own = pair([1, 0], [2, 5], noise=[2, -7], noise_is_true=np.array([[True]]))
    assert compute(WordSoftmax(), own) == pytest.approx(0, abs=1e-12)
    # Products, not cosines: length counts.
    batch = pair([1, 0], [2, 0], noise=[-3, 0])
    assert compute(WordSoftmax(), batch) == pytest.approx(math.log(1 + math.exp(-5)))


def test_sigmoid_of_one_pair_and_one_noise_word():
    batch = pair([1, 0], [2, 0], noise=[0, 1])
    expected = -log_sigmoid(2 - 1) - log_sigmoid(-(0 - 1))
    value = compute(WordSigmoid(temperature=0.5, bias=-1.0), batch)
    assert value == pytest.approx(expected, rel=1e-6)


def test_hinges_of_one_context_and_one_noise_word():
    batch = pair([1, 0], [0.5, 3], noise=[0.25, 0])
    for mode, expected in [
        ("none", 1 - 0.5 + 0.25),
        ("scale", 3 * (1 - 0.5 + 0.25)),
        ("printed", 0),  # 1 - 3 * 0.5 + 0.25 is negative
    ]:
        hinge = ContextHinge(1.0, 3.0, mode)
        assert compute(hinge, batch) == pytest.approx(expected, abs=1e-12)


def test_a_weight_of_one_makes_the_modes_one():
    batch = make_batch(0)
    values = [compute(ContextHinge(1.0, 1.0, mode), batch) for mode in MODES]
    assert values[0] == values[1] == values[2]
    # And without one, the weight counts for nothing.
    assert compute(ContextHinge(1.0, 7.0, "none"), batch) == values[0]


# --- The collapse of the printed hinge ----------------------------------------------


def collapsed(vector):
    """Return a batch all of whose vectors are one."""
    embedded, masks, targets = make_batch(0)
    one = {name: np.broadcast_to(vector, v.shape) for name, v in embedded.items()}
    return one, masks, targets


@settings(max_examples=60)
@given(
    margin=st.floats(0.1, 5),
    weight=st.floats(1.1, 5),
    beyond=st.one_of(st.floats(1e-6, 3), st.floats(-0.99, -1e-6)),
    direction=st.lists(st.floats(-1, 1), min_size=D, max_size=D),
)
def test_the_printed_hinge_is_at_rest_where_all_vectors_are_one(
    margin, weight, beyond, direction
):
    direction = np.array(direction) + [2, 0, 0]
    squared = margin / (weight - 1) * (1 + beyond)
    batch = collapsed(direction * math.sqrt(squared / (direction @ direction)))
    printed = ContextHinge(margin, weight, "printed")
    value, moved = compute(printed, batch), gradients(printed, batch)
    if beyond > 0:
        assert value == 0
        assert not any(gradient.any() for gradient in moved.values())
    else:
        expected = margin - (weight - 1) * squared
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-12 * margin)
        assert moved["x"].any()
        assert moved["contexts"].any()
    for mode, expected in [("none", margin), ("scale", weight * margin)]:
        loss = ContextHinge(margin, weight, mode)
        assert compute(loss, batch) == pytest.approx(expected)
        # They pull the context towards the image, and push the noise away.
        moved = gradients(loss, batch)
        known = batch[1]["is_context"]
        assert (moved["contexts"][known] @ batch[0]["x"][0] < 0).all()
        assert (moved["context_noise"] @ batch[0]["x"][0] > 0).all()


def test_the_printed_hinge_is_at_rest_at_the_bound_itself():
    for margin, weight, vector in [(1.0, 2.0, [1, 0, 0]), (4.0, 2.0, [0, 2, 0])]:
        batch = collapsed(np.array(vector, dtype=float))
        printed = ContextHinge(margin, weight, "printed")
        assert compute(printed, batch) == 0
        moved = gradients(printed, batch)
        assert not any(gradient.any() for gradient in moved.values())


def test_with_cosines_the_bound_is_one():
    # The inner product of equal unit vectors: at rest from a weight of 1 + margin.
    batch = collapsed(np.array([0.1, 0.2, 0.2]))
    for weight, expected in [(2.5, 0.0), (1.9, 0.1)]:
        loss = ContextHinge(1.0, weight, "printed", "cosine")
        assert compute(loss, batch) == pytest.approx(expected, abs=1e-12)


# --- Masks --------------------------------------------------------------------------


@by_seed
@pytest.mark.parametrize("name", ["negative_sampling", "softmax", "sigmoid"])
def test_own_words_are_never_negatives(name, seed):
    """No word of an image is pushed away from it, by any loss with negatives."""
    embedded, masks, targets = make_batch(seed)
    for word in range(N_NOISE):
        only = np.zeros((N, N_NOISE), dtype=bool)
        only[:, word] = True  # it is every image's own
        batch = embedded, masks, {**targets, "noise_is_true": only}
        moved = gradients(MAKE[name](), batch)["noise"]
        if name == "sigmoid":  # a positive: one image alone pulls it nearer
            alone = {key: value[:1] for key, value in embedded.items()}
            alone["noise"] = embedded["noise"]
            one = (
                alone,
                {key: value[:1] for key, value in masks.items()},
                {"same": np.array([[True]]), "noise_is_true": only[:1]},
            )
            pull = gradients(MAKE[name](), one)["noise"][word]
            assert pull @ embedded["x"][0] < 0
        else:
            assert not moved[word].any()
        others = np.delete(moved, word, axis=0)
        assert others.any(axis=1).all()


@by_seed
def test_own_words_among_those_of_the_batch_are_no_negatives(seed):
    embedded, masks, targets = make_batch(seed)
    same = np.eye(N, dtype=bool)
    same[0, 3] = True
    batch = embedded, masks, {**targets, "same": same}
    changed = {**embedded, "y": embedded["y"].copy()}
    changed["y"][3] = np.random.default_rng(seed).normal(size=D)

    def first(some):
        """Return the loss of the first image alone, by what it adds to the mean."""
        x = tensors(batch)[0]["x"].requires_grad_()
        made, made_targets = tensors((some, *batch[1:]))
        WordSoftmax()({**made, "x": x}, made_targets).backward()
        return x.grad[0].numpy()

    np.testing.assert_array_equal(first(embedded), first(changed))


@by_loss
@by_seed
def test_what_is_masked_does_not_matter(name, seed):
    embedded, masks, targets = make_batch(seed)
    rng = np.random.default_rng(seed)
    other = {
        **embedded,
        "words": np.where(
            masks["is_word"][..., None], embedded["words"], rng.normal(size=(N, 3, D))
        ),
        "contexts": np.where(
            masks["is_context"][..., None],
            embedded["contexts"],
            rng.normal(size=(N, 4, D)),
        ),
    }
    loss = MAKE[name]()
    assert compute(loss, (embedded, masks, targets)) == compute(
        loss, (other, masks, targets)
    )
    moved = gradients(loss, (embedded, masks, targets))
    assert not moved["words"][~masks["is_word"]].any()
    assert not moved["contexts"][~masks["is_context"]].any()


def test_noise_that_is_all_an_images_own_costs_it_nothing():
    embedded, masks, targets = make_batch(0)
    targets["noise_is_true"][:] = True
    batch = embedded, masks, targets
    expected = mean(
        mean(-log_sigmoid(v @ x) for v in words[known])
        for x, words, known in zip(
            embedded["x"], embedded["words"], masks["is_word"], strict=True
        )
    )
    assert compute(NegativeSampling(), batch) == pytest.approx(expected)


@pytest.mark.parametrize("name", OF_CONTEXTS)
def test_an_image_without_contexts_costs_nothing_and_stays(name):
    """Skip-gram draws noise for each pair of words: without a pair there is none."""
    embedded, masks, targets = make_batch(0)
    masks["is_context"][1] = False
    batch = embedded, masks, targets
    moved = gradients(MAKE[name](), batch)
    assert not moved["x"][1].any()
    masks["is_context"][:] = False
    assert compute(MAKE[name](), batch) == 0
    assert not gradients(MAKE[name](), batch)["context_noise"].any()


# --- Gradients ----------------------------------------------------------------------


@by_loss
def test_gradients_equal_differences(name):
    made, targets = tensors(make_batch(1), grad=True)
    loss = MAKE[name]().double()
    names = [key for key, value in made.items() if value.is_floating_point()]

    def value(*parts):
        return loss({**made, **dict(zip(names, parts, strict=True))}, targets)

    assert torch.autograd.gradcheck(value, [made[key] for key in names])


@by_loss
def test_a_step_against_the_gradient_lowers_the_loss(name):
    batch = make_batch(2)
    loss = MAKE[name]()
    moved = gradients(loss, batch)
    nearer = {key: value - 1e-4 * moved[key] for key, value in batch[0].items()}
    assert compute(loss, (nearer, *batch[1:])) < compute(loss, batch)


@by_loss
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e3, 1e12])
def test_extreme_projections_have_finite_losses_and_gradients(name, scale):
    embedded, masks, targets = make_batch(0)
    batch = {**embedded, "x": scale * embedded["x"]}, masks, targets
    loss = MAKE[name]()
    made, made_targets = tensors(batch)
    made = {
        key: value.float().requires_grad_() if value.is_floating_point() else value
        for key, value in made.items()
    }
    value = loss(made, made_targets)
    value.backward()
    assert value.isfinite()
    assert all(v.grad is None or v.grad.isfinite().all() for v in made.values())


@by_loss
def test_zero_vectors_have_finite_gradients(name):
    embedded, masks, targets = make_batch(0)
    for key in embedded:
        zero = {**embedded, key: 0 * embedded[key]}
        moved = gradients(MAKE[name](), (zero, masks, targets))
        assert all(np.isfinite(gradient).all() for gradient in moved.values())


def test_scale_and_bias_of_the_sigmoid_are_learned():
    loss = WordSigmoid().double()
    loss(*tensors(make_batch(0))).backward()
    assert all(p.grad.abs() > 0 for p in loss.parameters())
    assert len(list(loss.parameters())) == 2


# --- Invariances --------------------------------------------------------------------


@settings(max_examples=30)
@given(
    name=st.sampled_from(list(MAKE)),
    order=st.permutations(range(N)),
    noise_order=st.permutations(range(N_NOISE)),
)
def test_the_order_of_images_and_of_noise_does_not_matter(name, order, noise_order):
    embedded, masks, targets = make_batch(3)
    by_image = ("x", "y", "words", "contexts")
    shuffled = {
        key: value[list(order if key in by_image else noise_order)]
        for key, value in embedded.items()
    }
    order_ = list(order)
    batch = (
        shuffled,
        {key: mask[order_] for key, mask in masks.items()},
        {
            "same": targets["same"][order_][:, order_],
            "noise_is_true": targets["noise_is_true"][order_][:, list(noise_order)],
        },
    )
    value = compute(MAKE[name](), batch)
    original = compute(MAKE[name](), (embedded, masks, targets))
    assert value == pytest.approx(original, rel=1e-12)


def test_all_losses_are_tested():
    tested = {name.split(",")[0] for name in MAKE}
    assert tested == set(IMAGE_WORD_LOSSES) | set(CONTEXT_LOSSES)
