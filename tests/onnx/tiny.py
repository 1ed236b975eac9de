#!/usr/bin/env python3
"""Makes the tiny models of tests/fixtures/onnx: a table of 16 rows of 8 values as a graph.

    pip install onnx tokenizers numpy && tests/onnx/tiny.py tests/fixtures/onnx
"""
import pathlib, sys
import numpy, onnx, tokenizers
from onnx import TensorProto, helper, numpy_helper

WORDS = ["[PAD]", "[UNK]", "connection", "pool", "parse", "header", "file", "index", "search", "model"]
WORDS += ["batch", "vector", "token", "queue", "thread", "memory"]


def graph(rows, row_tokens, output="last_hidden_state"):
    table = numpy.random.default_rng(7).normal(size=(len(WORDS), 8)).astype(numpy.float32)
    shape = [rows, row_tokens]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    given = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape + [8])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"], axis=0),
        # The mask is used as a real model uses it: what is padding does not count.
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["rows", "wide"], [output]),
    ]
    constants = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(numpy.array([2]), "last")]
    made = helper.make_graph(nodes, "tiny", inputs, [given], constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tokenizer(words):
    vocabulary = {word: at for at, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made.to_str()


folder = pathlib.Path(sys.argv[1])
(folder / "dynamic.onnx").write_bytes(graph("batch", "sequence"))
(folder / "fixed.onnx").write_bytes(graph(2, 8))
(folder / "tokenizer.json").write_text(tokenizer(WORDS))
(folder / "tokenizer-of-another.json").write_text(tokenizer(WORDS + [f"word{at}" for at in range(100)]))
