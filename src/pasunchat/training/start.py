"""A training that begins from a trained classifier's weights instead of drawn ones."""

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError


def begin_from(classifier: Classifier, start: str) -> str:
    """Give the classifier the weights of a trained one, and return the digest of that.

    start: a run or a model that comes with pasunchat. Raises PasunchatError if its classes, network
    or size are not those of the classifier.
    """
    from pasunchat.classifiers.load import load  # imports a loader for every kind of model

    trained = load(start)
    wanted, network = classifier.info, trained.info.network_name
    if network is None:
        raise PasunchatError(
            f"start: {start} has a network from outside; expected a run of pasunchat train, or a "
            "model that comes with pasunchat"
        )
    if trained.classes != classifier.classes:
        raise PasunchatError(
            f"start: {start} tells apart {', '.join(trained.classes)}, but the dataset holds "
            f"{', '.join(classifier.classes)}; take a start of the same classes"
        )
    ours, theirs = classifier.network.state_dict(), trained.network.state_dict()
    fits = ours.keys() == theirs.keys() and all(
        ours[name].shape == theirs[name].shape for name in ours
    )
    if not fits:
        raise PasunchatError(
            f"start: {start} is {network} for pictures of {trained.size} pixels, whose weights do "
            f"not fit {wanted.network_name} for {wanted.size}; take the same network and --size "
            f"{trained.size}"
        )
    classifier.network.load_state_dict(theirs)
    return trained.digest()
