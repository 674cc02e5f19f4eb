"""Scenes: several things seen and their names heard, in no order."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from ..utils._ids import id_list
from ._base import check_integer


def make_scenes(
    fragments: ArrayLike,
    tokens: ArrayLike,
    fragment_types: ArrayLike,
    token_types: ArrayLike,
    *,
    speakers: ArrayLike | None = None,
    n_scenes: int = 1000,
    n_objects: int = 4,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Make scenes for cross-situational learning from things and their names.

    A scene shows `n_objects` things of different types, a fragment of each, and one
    speaker names them, in another order. A single scene doesn't say which name is
    whose; only what occurs together across scenes does [1]_.

    Parameters
    ----------
    fragments : array-like of shape (n_fragments, n_x_features)
        What is seen: image features, for instance.
    tokens : array-like of shape (n_tokens, n_y_features)
        What is heard: features of spoken words.
    fragment_types, token_types : array-like of shape (n_fragments,), (n_tokens,)
        What each is, or names. Types with no fragment or no token are left out.
    speakers : array-like of shape (n_tokens,), default=None
        Who says each token; one of them names all things of a scene. None: anyone.
    n_scenes : int, default=1000
        Number of scenes.
    n_objects : int, default=4
        Number of things in a scene.
    random_state : int, RandomState instance or None, default=None
        Draws the scenes.

    Returns
    -------
    scenes : :class:`~sklearn.utils.Bunch`
        With one entry for each scene:

        data : ndarray of shape (n_scenes, n_objects, n_x_features)
            The fragments, as bags.
        words : ndarray of shape (n_scenes, n_objects, n_y_features)
            The tokens, as bags, in another order.
        fragment_types, types : ndarray of shape (n_scenes, n_objects)
            The type of each fragment, and of each token.
        fragment_index, token_index : ndarray of shape (n_scenes, n_objects), int
            Which fragment, and which token, it is.

    Raises
    ------
    ValueError
        If types or speakers don't match the items, or no speaker has tokens of
        `n_objects` types.

    References
    ----------
    .. [1] C. Yu and L. B. Smith (2007). "Rapid word learning under uncertainty via
       cross-situational statistics". Psychological Science 18, 414-420.

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import make_scenes
    >>> seen, heard = [[1.0], [2.0], [3.0]], [[10.0], [20.0], [30.0], [30.5]]
    >>> types, names = ["cat", "dog", "cow"], ["cat", "dog", "cow", "cow"]
    >>> scenes = make_scenes(
    ...     seen, heard, types, names, n_scenes=2, n_objects=2, random_state=0)
    >>> scenes.data.shape, scenes.words.shape
    ((2, 2, 1), (2, 2, 1))
    >>> [sorted(scene) for scene in scenes.types.tolist()]
    [['cow', 'dog'], ['cat', 'dog']]
    """
    check_integer("n_scenes", n_scenes, 1)
    check_integer("n_objects", n_objects, 1)
    fragments, tokens = np.asarray(fragments), np.asarray(tokens)
    seen = np.array(
        id_list(fragment_types, len(fragments), "fragment_types", "fragments")
    )
    heard = np.array(id_list(token_types, len(tokens), "token_types", "tokens"))
    by_speaker = _tokens_by_speaker(heard, speakers, np.unique(seen), n_objects)
    fragments_of = {type_: np.flatnonzero(seen == type_) for type_ in np.unique(seen)}
    rng = check_random_state(random_state)
    fragment_index = np.empty((n_scenes, n_objects), dtype=np.int64)
    token_index = np.empty_like(fragment_index)
    for scene in range(n_scenes):
        vocabulary = by_speaker[rng.randint(len(by_speaker))]
        types = rng.permutation(list(vocabulary))[:n_objects]
        fragment_index[scene] = [rng.choice(fragments_of[type_]) for type_ in types]
        names = [rng.choice(vocabulary[type_]) for type_ in types]
        token_index[scene] = rng.permutation(names)
    return Bunch(
        data=fragments[fragment_index],
        words=tokens[token_index],
        fragment_types=seen[fragment_index],
        types=heard[token_index],
        fragment_index=fragment_index,
        token_index=token_index,
    )


def _tokens_by_speaker(heard, speakers, types, n_objects):
    """Return, for each speaker with enough to say, the tokens of each type."""
    if speakers is None:
        speakers = np.zeros(len(heard))
    speakers = np.array(id_list(speakers, len(heard), "speakers", "tokens"))
    vocabularies = []
    for speaker in np.unique(speakers):
        said = {
            type_: np.flatnonzero((heard == type_) & (speakers == speaker))
            for type_ in types
        }
        said = {type_: indices for type_, indices in said.items() if len(indices)}
        if len(said) >= n_objects:
            vocabularies.append(said)
    if not vocabularies:
        raise ValueError(
            f"No speaker has tokens of n_objects={n_objects} types that have a "
            f"fragment; there are {len(types)} types of fragments. Give fewer objects."
        )
    return vocabularies
