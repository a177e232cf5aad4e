#!/usr/bin/env python3
"""One piece of scikit-learn's and pandas' work, in a process of its own, for scripts/peers/bench.py to measure.

Usage: bench_work.py WORK [--rounds 3] ARGUMENT...

Prints the least CPU seconds of the rounds as JSON where the piece is timed from within, the seconds by part for
`protocol`, and nothing for what is timed as a whole process.
"""

import argparse
import json
import os
import pickle
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

FEATURES = 30


def peer_data(file):
    import pandas as pd

    frame = pd.read_csv(file)
    return frame.iloc[:, :FEATURES], (frame["Result"] == -1).to_numpy().astype(int)


def peer_fit(name, file, seed):
    """A function that fits, to be timed."""
    from sklearn import ensemble

    values, labels = peer_data(file)
    made = {
        "forest": lambda: ensemble.RandomForestClassifier(256, random_state=seed),
        "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=256, max_depth=4, random_state=seed),
        "adaboost": lambda: ensemble.AdaBoostClassifier(n_estimators=128, random_state=seed),
    }[name]
    return lambda: made().fit(values.to_numpy(), labels)


def peer_impute(file, seed):
    import numpy as np
    from sklearn.impute import KNNImputer

    values, _ = peer_data(file)
    holed = values.to_numpy().astype(float)
    holed[np.random.default_rng(seed).random(holed.shape) < 0.05] = np.nan
    return lambda: KNNImputer(n_neighbors=3).fit_transform(holed)


def peer_score(file, pickled):
    values, _ = peer_data(file)
    rows = values.drop_duplicates().to_numpy()
    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)
    return lambda: forest.predict_proba(rows)


def peer_load(pickled):
    import sklearn.ensemble  # noqa: F401 - what the first load would import

    content = Path(pickled).read_bytes()
    return lambda: pickle.loads(content)


def peer_html(file, pickled):
    import pandas as pd

    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)

    def work():
        frame = pd.read_csv(file)
        frame["predicted_column"] = forest.predict(frame.iloc[:, :FEATURES].to_numpy())
        return frame.to_html(classes="table table-striped")

    return work


def peer_csv(file, pickled, out):
    """The whole of it, imports and all, is timed from outside."""
    import pandas as pd

    with open(pickled, "rb") as stream:
        forest = pickle.load(stream)
    frame = pd.read_csv(file)
    codes = frame.select_dtypes("number").iloc[:, :FEATURES].to_numpy()
    frame["probability"] = forest.predict_proba(codes)[:, 1]
    frame["predicted_column"] = (frame["probability"] < 0.5).astype(float)
    frame.to_csv(out, index=False)


def peer_model(file, seed, pickled):
    with open(pickled, "wb") as stream:
        pickle.dump(peer_fit("forest", file, seed)(), stream, protocol=pickle.HIGHEST_PROTOCOL)


def peer_protocol(file, seed, quick):
    """CPU seconds by part of the predecessor's protocol."""
    import predecessor

    laps = predecessor.Laps()
    options = argparse.Namespace(file=file, seed=seed, quick=quick)
    predecessor.run_protocol(options, laps, None)
    return laps.seconds


def run_peer(work, arguments, rounds):
    """Does one piece of the peer's work in this process, and prints its seconds where it is timed from within."""
    timed = {
        "forest": lambda: peer_fit("forest", arguments[0], int(arguments[1])),
        "boosting": lambda: peer_fit("boosting", arguments[0], int(arguments[1])),
        "adaboost": lambda: peer_fit("adaboost", arguments[0], int(arguments[1])),
        "impute": lambda: peer_impute(arguments[0], int(arguments[1])),
        "score": lambda: peer_score(*arguments),
        "load": lambda: peer_load(*arguments),
        "html": lambda: peer_html(*arguments),
    }
    if work == "csv":
        peer_csv(*arguments)
    elif work == "protocol":
        print(json.dumps(peer_protocol(arguments[0], int(arguments[1]), arguments[2] == "quick")))
    elif work == "model":
        peer_model(arguments[0], int(arguments[1]), arguments[2])
    else:
        piece = timed[work]()
        seconds = []
        for _ in range(rounds):
            begun = time.process_time()
            piece()
            seconds.append(time.process_time() - begun)
        print(json.dumps(min(seconds)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT")
    options = parser.parse_args()
    run_peer(options.work, options.arguments, options.rounds)


if __name__ == "__main__":
    main()
