"""The peers: other people's classifiers with their defaults, one thread each."""

from importlib.metadata import version

import numpy as np
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

PACKAGES = ("scikit-learn", "lightgbm", "xgboost-cpu", "catboost")


class Peer:
    """A classifier by name; `make(seed)` is a fresh one."""

    def __init__(self, name, package, make, *, stands_holes):
        self.name = name
        self.package = package
        self.make = make
        self.stands_holes = stands_holes

    def made_by(self):
        """What its figures depend on beside rows, folds and seed."""
        return f"{self.package} {version(self.package)}: {self.make(0)!r}"

    def fit(self, codes, labels, seed):
        classifier = self.make(seed)
        if not self.stands_holes and np.isnan(codes).any():
            classifier = make_pipeline(KNNImputer(n_neighbors=3), classifier)
        return classifier.fit(codes, labels)


# Quick ones first. Where a default is not said, it is the package's own; the forests have 256 trees as ours may have.
PEERS = [
    Peer("logistic-regression", "scikit-learn", lambda _: LogisticRegression(max_iter=1000), stands_holes=False),
    Peer("decision-tree", "scikit-learn", lambda s: DecisionTreeClassifier(random_state=s), stands_holes=True),
    Peer("nearest-neighbours", "scikit-learn", lambda _: KNeighborsClassifier(), stands_holes=False),
    Peer("adaboost", "scikit-learn", lambda s: AdaBoostClassifier(random_state=s), stands_holes=False),
    Peer("lightgbm", "lightgbm", lambda s: LGBMClassifier(random_state=s, n_jobs=1, verbose=-1), stands_holes=True),
    Peer("xgboost", "xgboost-cpu", lambda s: XGBClassifier(random_state=s, n_jobs=1), stands_holes=True),
    Peer(
        "hist-gradient-boosting",
        "scikit-learn",
        lambda s: HistGradientBoostingClassifier(random_state=s),
        stands_holes=True,
    ),
    Peer("random-forest", "scikit-learn", lambda s: RandomForestClassifier(256, random_state=s), stands_holes=True),
    Peer("extra-trees", "scikit-learn", lambda s: ExtraTreesClassifier(256, random_state=s), stands_holes=True),
    Peer("gradient-boosting", "scikit-learn", lambda s: GradientBoostingClassifier(random_state=s), stands_holes=False),
    Peer(
        "catboost",
        "catboost",
        lambda s: CatBoostClassifier(random_seed=s, thread_count=1, verbose=False, allow_writing_files=False),
        stands_holes=True,
    ),
]

# The mean of the probabilities of these, which needs no fit of its own.
VOTE = "vote-of-boosters"
VOTERS = ("lightgbm", "xgboost", "catboost")
