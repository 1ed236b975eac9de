#!/usr/bin/env python3
"""Makes the tiny models of tests/fixtures/onnx: a table of 16 rows of 8 values as a graph, in the shapes of
common exports, and a table of word vectors with the vectors that model2vec computes from it. Also makes the graphs in
crates/onnx/assets.

    pip install onnx tokenizers numpy model2vec safetensors && tests/onnx/tiny.py tests/fixtures/onnx
"""
import json, pathlib, sys
import numpy, onnx, tokenizers
from onnx import TensorProto, helper, numpy_helper

WORDS = ["[PAD]", "[UNK]", "connection", "pool", "parse", "header", "file", "index", "search", "model"]
WORDS += ["batch", "vector", "token", "queue", "thread", "memory"]
TABLE = numpy.random.default_rng(7).normal(size=(len(WORDS), 8)).astype(numpy.float32)


class Graph:
    """Returns the rows of the table, with zeros for padding. Each variation describes its difference."""

    def __init__(self, rows="batch", row_tokens="sequence", kind=TensorProto.INT64, table=TABLE):
        self.shape = [rows, row_tokens]
        self.kind = kind
        self.inputs = [self.input(name, kind, self.shape) for name in ("input_ids", "attention_mask")]
        self.constants = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(numpy.array([2]), "last")]
        self.nodes = [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"], axis=0),
            # The mask is used as in a real model: padding does not count.
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
            helper.make_node("Mul", ["rows", "wide"], ["masked"]),
        ]
        self.outputs = []

    @staticmethod
    def input(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(numpy.array(values), name))
        return name

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def model(self, of="masked", kind=TensorProto.FLOAT):
        name = "last_hidden_state"
        self.add("Identity", [of], name)
        given = [helper.make_tensor_value_info(name, kind, self.shape + [8])]
        made = helper.make_graph(self.nodes, "tiny", self.inputs, given + self.outputs, self.constants)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def half():
    """Returns 16-bit floats."""
    graph = Graph()
    return graph.model(graph.add("Cast", ["masked"], "halves", to=TensorProto.FLOAT16), TensorProto.FLOAT16)


def infinite():
    """Returns NaN for padding: zero divided by zero."""
    graph = Graph()
    return graph.model(graph.add("Div", ["masked", "wide"], "shares"))


def cached():
    """Exported for generation: takes the cached keys and values of earlier tokens, and positions, which it adds
    to the first of the eight values."""
    graph = Graph()
    graph.inputs.append(graph.input("position_ids", TensorProto.INT64, graph.shape))
    graph.add("Cast", ["position_ids"], "positions", to=TensorProto.FLOAT)
    graph.add("Unsqueeze", ["positions", "last"], "deep")
    first = numpy.eye(1, 8, dtype=numpy.float32)[0]
    graph.add("Mul", ["deep", graph.constant("first", first)], "added")
    graph.add("Add", ["masked", "added"], "placed")
    graph.add("Reshape", ["placed", graph.constant("heads", numpy.array([0, 0, 2, 4]))], "headed")
    graph.add("Transpose", ["headed"], "kept", perm=[0, 2, 1, 3])
    for name in ("key", "value"):
        past = [graph.shape[0], 2, "past", 4]
        graph.inputs.append(graph.input(f"past_key_values.0.{name}", TensorProto.FLOAT, past))
        graph.add("Concat", [f"past_key_values.0.{name}", "kept"], f"present.0.{name}", axis=2)
        shape = [graph.shape[0], 2, "total", 4]
        graph.outputs.append(helper.make_tensor_value_info(f"present.0.{name}", TensorProto.FLOAT, shape))
    return graph.model("placed")


def hungry():
    """Allocates more memory than any machine has for each row beyond the fourth."""
    graph = Graph()
    graph.add("Shape", ["input_ids"], "shape")
    graph.add("Gather", ["shape", graph.constant("zero", [0])], "count", axis=0)
    graph.add("Sub", ["count", graph.constant("four", [4])], "over")
    graph.add("Max", ["over", "zero"], "many")
    graph.add("Concat", ["many", graph.constant("much", [1 << 44])], "size", axis=0)
    graph.add("ConstantOfShape", ["size"], "huge")
    graph.add("ReduceSum", ["huge"], "nothing", keepdims=0)
    return graph.model(graph.add("Add", ["masked", "nothing"], "sum"))


def external(folder):
    """Stores its table in a file beside the model."""
    path = folder / "external.onnx"
    onnx.save_model(
        Graph().model(), path, save_as_external_data=True, location="external.onnx_data", size_threshold=100
    )


def product():
    """Not a text model: a product of two matrices, with which `codescry doctor` tests devices."""
    shape = [2, 2]
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    swap = numpy_helper.from_array(numpy.array([[0, 1], [1, 0]], dtype=numpy.float32), "swap")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "swap"], ["y"])], "product", [given], [made], [swap])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def pool(kind):
    """Not a text model: computes the weighted sum of the token vectors of each row. Values with weight zero are
    excluded, because infinity times zero is NaN."""
    shape = ["rows", "tokens"]
    given = helper.make_tensor_value_info("hidden", kind, shape + ["width"])
    shares = helper.make_tensor_value_info("shares", TensorProto.FLOAT, shape)
    made = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["rows", "width"])
    constants = [
        numpy_helper.from_array(numpy.array(value, dtype=number), name)
        for name, value, number in (("nothing", 0, numpy.float32), ("one", [1], numpy.int64), ("two", [2], numpy.int64))
    ]
    nodes = [
        helper.make_node("Cast", ["hidden"], ["whole"], to=TensorProto.FLOAT),
        helper.make_node("Greater", ["shares", "nothing"], ["counts"]),
        helper.make_node("Unsqueeze", ["counts", "two"], ["column"]),
        helper.make_node("Where", ["column", "whole", "nothing"], ["counted"]),
        helper.make_node("Unsqueeze", ["shares", "one"], ["row"]),
        helper.make_node("MatMul", ["row", "counted"], ["sum"]),
        helper.make_node("Squeeze", ["sum", "one"], ["pooled"]),
    ]
    graph = helper.make_graph(nodes, "pool", [given, shares], [made], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def tokenizer(words):
    vocabulary = {word: at for at, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made.to_str()


def model2vec(folder):
    """Writes the vectors that Python's model2vec computes for texts. One text exceeds its limit of 512 tokens."""
    from model2vec import StaticModel

    made = tokenizers.Tokenizer.from_str(tokenizer(WORDS))
    model = StaticModel(TABLE, made, normalize=True)
    texts = ["connection pool", "Parse, the header!", "", "unheard of", "pool " * 600 + "thread " * 600, "model " * 3]
    vectors = [[round(float(value), 6) for value in vector] for vector in model.encode(texts)]
    (folder / "model2vec.json").write_text(json.dumps({"texts": texts, "vectors": vectors}) + "\n")
    from safetensors.numpy import save_file

    save_file({"embeddings": TABLE}, folder / "model2vec.safetensors")


def main(folder):
    made = {
        "dynamic": Graph().model(),
        "fixed": Graph(2, 8).model(),
        "narrow": Graph(kind=TensorProto.INT32).model(),
        "half": half(),
        "infinite": infinite(),
        "cached": cached(),
        "hungry": hungry(),
    }
    for name, model in made.items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    external(folder)
    assets = pathlib.Path(__file__).parents[2] / "crates/onnx/assets"
    for name, model in {
        "product": product(),
        "pool_fp32": pool(TensorProto.FLOAT),
        "pool_fp16": pool(TensorProto.FLOAT16),
    }.items():
        (assets / f"{name}.onnx").write_bytes(model.SerializeToString())
    (folder / "tokenizer.json").write_text(tokenizer(WORDS))
    (folder / "tokenizer-of-another.json").write_text(tokenizer(WORDS + [f"word{at}" for at in range(100)]))
    model2vec(folder)


main(pathlib.Path(sys.argv[1]))
