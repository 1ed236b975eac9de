#!/usr/bin/env python3
"""Would references of one hop, the history of git, or trees rank the places of a bug report better?

usage: one_hop_report.py MEASURED ASSETS [NAME ...]

MEASURED is written by one_hop.py; ASSETS is crates/search/assets/ranker.txt; NAME are the rows to print. Prints, for the
program and for each ranking, the share of issues with all files among the first 1 / 5 / 10 and, for Python, all functions
among the first 5 / 10, and the change from weights learned anew with its 95 % interval (paired bootstrap over the issues).
A ranking never learns from the issue's repository. Needs numpy, and lightgbm for the trees.
"""
import collections, math, os, pickle, re, sys
import numpy as np
from one_hop import HISTORY, HOPS

PARTS = 3

# Learning

def read_labels(assets):
    """The labels of features as --explain prints them, their columns, and the program's weights of a report's parts."""
    weights, labels = {}, {}
    for line in open(assets):
        columns = line.split()
        if len(columns) == 6 and not line.startswith("#"):
            weights[columns[0]] = [float(value) for value in columns[3:]]
    for kind, name in [("", "features.rs"), ("chunk.", "chunk_features.rs")]:
        source = open(os.path.join(os.path.dirname(assets), "..", "src", "rank", name)).read()
        labels.update({label: kind + feature for feature, label in re.findall(r'^\s+(\w+) = "([^"]+)",', source, re.M)})
    return labels, weights

def vector(terms, labels, weights, names):
    """The features of an explanation. A term is of the part whose weight explains its share."""
    values = np.zeros((PARTS, len(names)), np.float32)
    for term in terms:
        name = labels.get(term["name"])
        if name in names and term["value"]:
            weight = term["share"] / term["value"]
            part = min(range(PARTS), key=lambda part: abs(weights[name][part] - weight) if weights[name][part] else 1e9)
            values[part, names.index(name)] = term["value"]
    return values.reshape(-1)

def prepare(one, labels, weights):
    of_file = [name for name in weights if name[0].isupper()]
    of_chunk = [name for name in weights if name.startswith("chunk.")]
    one["features"] = np.array([vector(terms, labels, weights, of_file) for terms in one["explained"]])
    one["score"] = np.array([sum(term["share"] for term in terms if term["name"] in labels) for terms in one["explained"]])
    one["targets"] = np.array([path in one["gold"] for path in one["files"]])
    one["of_file"] = [[at for at, place in enumerate(one["places"]) if place[0] == file] for file in range(len(one["files"]))]
    one["chunks"] = np.array([vector(place[3], labels, weights, of_chunk) for place in one["places"]])
    one["near"] = np.array([place[4] for place in one["places"]])
    one["is_python"] = bool(one["gold_functions"])
    sign = lambda names: np.tile([np.sign(weights[name][0] or weights[name][1] or weights[name][2]) for name in names], PARTS)
    return sign(of_file), sign(of_chunk)

def learn(data, sign, rounds, decay=0.002, step=0.03):
    """Weights by pairwise logistic loss, weighted by the change of nDCG@10, as train_places.py learns them."""
    data = [one for one in data if 0 < one[1].sum() < len(one[1])]
    variance = np.mean([features.var(0) for features, _ in data], axis=0)
    used = variance > 1e-12
    scale, sign = 1 / np.sqrt(variance[used]), sign[used]
    longest, most = max(len(right) for _, right in data), max(int(right.sum()) for _, right in data)
    features = np.zeros((len(data), longest, int(used.sum())), np.float32)
    is_row, is_wrong = np.zeros((2, len(data), longest), bool)
    right_at, is_right, ideal = np.zeros((len(data), most), int), np.zeros((len(data), most, 1), bool), np.ones((len(data), 1, 1))
    for number, (rows, right) in enumerate(data):
        features[number, :len(rows)], is_row[number, :len(rows)], is_wrong[number, :len(rows)] = rows[:, used] * scale, True, ~right
        at = np.flatnonzero(right)
        right_at[number, :len(at)], is_right[number, :len(at)] = at, True
        ideal[number] = sum(1 / math.log2(place + 2) for place in range(min(10, len(at))))
    flat, line = features.reshape(-1, features.shape[2]), np.arange(len(data))[:, None]
    weights, squares = np.zeros(flat.shape[1], np.float32), np.full(flat.shape[1], 1e-8)
    for number in range(rounds):
        scores = np.where(is_row, (flat @ weights).reshape(len(data), longest), -1e9)
        ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        discount = 1 / np.log2(ranks + 2.0)
        worth = np.abs(discount[line, right_at][:, :, None] - discount[:, None, :]) / ideal
        moves = worth / (1 + np.exp(np.clip(scores[line, right_at][:, :, None] - scores[:, None, :], -30, 30))) * is_right * is_wrong[:, None, :]
        move = -moves.sum(1)
        np.add.at(move, (np.broadcast_to(line, right_at.shape), right_at), moves.sum(2))
        gradient = -(move.reshape(-1).astype(np.float32) @ flat) / len(data) + decay * weights
        squares = squares * 0.95 + gradient * gradient * 0.05
        weights = (weights - step * (1 - number / rounds) * gradient / np.sqrt(squares)).astype(np.float32)
        weights[(sign * weights) < 0] = 0
    learned = np.zeros(len(used))
    learned[used] = weights * scale
    return learned

class Ranking:
    """A ranking by the program's features and further columns; `trees` instead of a weighted sum of the files' features."""

    def __init__(self, hops=(), history=(), trees=False, chunk_hops=False):
        self.hops, self.history, self.trees, self.chunk_hops = [*hops], [*history], trees, chunk_hops

    def file_features(self, one):
        return np.hstack([one["features"], one["hops"][:, self.hops], one["history"][:, self.history]])

    def chunk_features(self, one):
        return np.hstack([one["chunks"], one["near"] * self.chunk_hops])

    def fit(self, train, signs):
        file_sign = np.concatenate([signs[0], np.ones(len(self.hops) + len(self.history))])
        if self.trees:
            import lightgbm
            some = [one for one in train if one["targets"].any()]
            options = dict(objective="lambdarank", num_leaves=7, learning_rate=0.05, min_data_in_leaf=30, feature_fraction=0.4, bagging_fraction=0.8,
                           bagging_freq=1, lambda_l2=5, verbose=-1, num_threads=1, lambdarank_truncation_level=15)
            rows = np.vstack([self.file_features(one) for one in some])
            data = lambda: lightgbm.Dataset(rows, np.concatenate([one["targets"] for one in some]).astype(int), group=[len(one["files"]) for one in some])
            models = [lightgbm.train(dict(options, seed=seed), data(), 120) for seed in range(3)]
            score = lambda one: sum(model.predict(self.file_features(one)) for model in models) / len(models)
        else:
            weights = learn([(self.file_features(one), one["targets"]) for one in train], file_sign, 300)
            score = lambda one: self.file_features(one) @ weights
        data = []
        for one in train:
            if one["is_python"]:
                scores, rows = score(one), self.chunk_features(one)
                chosen = [at for file in np.argsort(-scores, kind="stable")[:20] for at in one["of_file"][file]]
                right = np.array([any(is_same_function(name, one) for name in functions_at(one, at)) for at in chosen])
                data.append((np.hstack([scores[[one["places"][at][0] for at in chosen], None], rows[chosen]]), right))
        chunks = learn(data, np.concatenate([[1], signs[1], np.ones(len(HOPS))]), 150)
        self.score, self.chunk_weights = score, chunks[1:] / max(chunks[0], 1e-6)

    def rank(self, one, cost=0.6, slope=0.3, share=0.05):
        scores, own, ranked = self.score(one), self.chunk_features(one) @ self.chunk_weights, []
        for file in np.argsort(-scores, kind="stable")[:20]:
            places = sorted(one["of_file"][file], key=lambda at: -own[at])
            for depth, at in enumerate(places):
                lost = cost * depth + slope * (own[places[0]] - own[at]) if depth else 0
                ranked.append((scores[file] + share * own[places[0]] - lost, at))
        return [at for _, at in sorted(ranked, key=lambda pair: -pair[0])[:20]]

def functions_at(one, at):
    file, first, last = one["places"][at][:3]
    for name, start, end in one["functions"].get(one["files"][file], ()):
        if first >= start and last <= end or (min(end, last) - max(start, first) + 1) * 2 >= end - start + 1:
            yield f"{one['files'][file]}:{name}"

def short_name(name):
    path, _, function = name.partition(":")
    return path + ":" + ".".join(function.split(".")[-2:])

def is_same_function(name, one):
    return name in {short_name(gold) for gold in one["gold_functions"]}

# Reporting

def outcome(one, places):
    """Whether all files are among the first 1, 5 and 10, and all functions among the first 5 and 10."""
    files = list(dict.fromkeys(one["files"][one["places"][at][0]] for at in places))
    functions = list(dict.fromkeys(name for at in places for name in functions_at(one, at)))
    wanted = {short_name(name) for name in one["gold_functions"]}
    right = [set(one["gold"]) <= set(files[:count]) for count in (1, 5, 10)]
    return np.array(right + ([wanted <= set(functions[:count]) for count in (5, 10)] if wanted else []), float)

def cross_validate(issues, signs, make):
    counts = collections.Counter(one["clone"] for one in issues)
    large = sorted((clone for clone in counts if counts[clone] >= 12), key=lambda clone: -counts[clone])
    small = sorted(clone for clone in counts if counts[clone] < 12)
    outcomes = {}
    for group in filter(None, [*([clone] for clone in large[:4]), *(large[4 + at::3] for at in range(3)), *(small[at::3] for at in range(3))]):
        ranking = make()
        ranking.fit([one for one in issues if one["clone"] not in group], signs)
        outcomes.update({one["id"]: outcome(one, ranking.rank(one)) for one in issues if one["clone"] in group})
    return outcomes

def show(label, issues, outcomes, base=None):
    random = np.random.default_rng(1)
    for kind, chosen in [("Python", [one for one in issues if one["is_python"]]), ("others", [one for one in issues if not one["is_python"]])]:
        values, by_clone = np.array([outcomes[one["id"]] for one in chosen]), collections.defaultdict(list)
        for one in chosen:
            by_clone[one["clone"]].append(outcomes[one["id"]])
        join = lambda numbers: " / ".join(f"{100 * number:.1f}" for number in numbers)
        text = f"{join(values.mean(0))}; over {len(by_clone)} repositories {join(np.mean([np.mean(each, axis=0) for each in by_clone.values()], axis=0))}"
        if base:
            change = values - np.array([base[one["id"]] for one in chosen])
            drawn = change[random.integers(0, len(change), (4000, len(change)))].mean(1)
            spans = zip(change.mean(0), np.quantile(drawn, 0.025, axis=0), np.quantile(drawn, 0.975, axis=0))
            text += "; change " + ", ".join(f"{100 * mean:+.1f} [{100 * low:+.1f} {100 * high:+.1f}]" for mean, low, high in spans)
        print(f"{label}, {kind} ({len(chosen)}): {text}", flush=True)

def report(path, assets, chosen):
    labels, weights = read_labels(assets)
    issues = [one for one in pickle.load(open(path, "rb")).values() if one["files"]]
    signs = [prepare(one, labels, weights) for one in issues][0]
    columns = lambda *starts: [column for column in range(2 * len(HOPS)) if HOPS[column // 2].startswith(starts)]
    all_hops, all_history = range(2 * len(HOPS)), range(len(HISTORY))
    rankings = {"weights learned anew": {}, "one hop": dict(hops=all_hops, chunk_hops=True), "one hop from names": dict(hops=columns("named.")),
                "one hop from first places": dict(hops=columns("first.")), "uses": dict(hops=columns("named.uses", "first.uses")),
                "bases and subclasses": dict(hops=columns("named.bases", "named.subclasses", "first.bases", "first.subclasses")),
                "users": dict(hops=columns("named.users", "first.users")), "recency": dict(history=[0, 1, 2]), "changed together": dict(history=[3]),
                "messages": dict(history=[4, 5]), "history": dict(history=all_history), "one hop and history": dict(hops=all_hops, chunk_hops=True, history=all_history),
                "trees": dict(trees=True), "trees, one hop": dict(trees=True, hops=all_hops, chunk_hops=True), "trees, messages": dict(trees=True, history=[4, 5]),
                "trees, history": dict(trees=True, history=all_history), "trees, all": dict(trees=True, hops=all_hops, chunk_hops=True, history=all_history)}
    found = [set(one["gold"]) <= set(one["files"]) for one in issues]
    print(f"{len(issues)} issues; all files among the candidates of {100 * np.mean(found):.1f} %")
    show("the program", issues, {one["id"]: outcome(one, range(min(20, len(one["places"])))) for one in issues})
    base = None
    for label, options in rankings.items():
        if base is None or not chosen or label in chosen:
            outcomes = cross_validate(issues, signs, lambda: Ranking(**options))
            show(label, issues, outcomes, base)
            base = base or outcomes
    show_mixtures(issues)

def show_mixtures(issues):
    """Without learning: the program's score of a file plus a constant times one value, and where files below the first five rank by it."""
    columns = {name: ("hops", 2 * at + 1) for at, name in enumerate(HOPS)} | {name: ("history", at) for at, name in enumerate(HISTORY)}
    def right(one, scores):
        files = [one["files"][at] for at in np.argsort(-scores, kind="stable")]
        return [set(one["gold"]) <= set(files[:count]) for count in (1, 5, 10)]
    for kind in ("Python", "others"):
        chosen = [one for one in issues if one["is_python"] == (kind == "Python")]
        base = np.array([right(one, one["score"]) for one in chosen], float)
        low = [(one, at) for one in chosen for at in np.flatnonzero(one["targets"]) if (one["score"] > one["score"][at]).sum() >= 5]
        print(f"{kind}: the program's score of files alone {np.round(100 * base.mean(0), 1)}; {len(low)} files of fixes below the first five")
        for name, (table, column) in columns.items():
            known = [(one[table][:, column], at) for one, at in low if one[table][at, column] > 0]
            high = sum((values > values[at]).sum() < 5 for values, at in known)
            changes = [np.array([right(one, one["score"] + factor * one[table][:, column]) for one in chosen], float).mean(0) - base.mean(0) for factor in (0.3, 0.6, 1.2)]
            shown = "; ".join(" ".join(f"{100 * value:+.1f}" for value in change) for change in changes)
            print(f"  {name}: {len(known)} have a value, {high} are among the first five by it; added 0.3, 0.6, 1.2 times: {shown}")

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    report(sys.argv[1], sys.argv[2], sys.argv[3:])
