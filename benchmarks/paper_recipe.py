"""The recipe of Synnaeve, Versteegh and Dupoux (2014), as `CosCosEmbedder` has it."""

from sklearn_crossmodal import CosCosEmbedder


def paper_recipe(random_state, **params):
    """Return the estimator of the Notes of `CosCosEmbedder`, without early stopping."""
    return CosCosEmbedder(
        n_components=200,
        negatives="sampled",
        reduction="sum",
        x_hidden_layer_sizes=(),
        x_output_activation="relu",
        x_dropout=0.0,
        y_hidden_layer_sizes=(1024, 1024, 1024),
        y_output_activation="relu",
        y_dropout=0.0,
        init="glorot_x4",
        optimizer="adadelta",
        lr=1.0,
        lr_schedule="constant",
        net_params={"optimizer__rho": 0.95},
        weight_decay=2e-4,
        max_norm=6.0,
        batch_size=1,
        random_state=random_state,
        **params,
    )
