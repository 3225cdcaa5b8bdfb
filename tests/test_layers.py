"""The layers: `assets -> resources -> deid_platform`, and nothing the other way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("deid_platform", "resources", "assets")
KEY_OWNER = "deid_platform.identity"


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every module of the three layers, by dotted name; a package has its own name."""
    files = sorted(file for layer in LAYERS for file in (ROOT / layer).rglob("*.py"))
    return {dotted(file): ast.parse(file.read_bytes()) for file in files}


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(node: ast.AST) -> Iterator[str]:
    """What a statement or a call imports, by dotted names; names of a package that are no modules among them."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), names=names):
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(module)), *_]):
            if name in ("__import__", "import_module"):
                yield module


def everywhere(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) for name in imported(node)}


def when_loaded(node: ast.AST) -> Iterator[str]:
    """What loading a module imports: not what its functions import when called, nor what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield from imported(child)
        yield from when_loaded(child)


def package(name: str) -> str:
    return name.partition(".")[0]


def users_of(library: str) -> set[str]:
    return {name for name, tree in modules().items() if library in map(package, everywhere(tree))}


def of_layer(layer: str) -> Iterator[tuple[str, str]]:
    for name, tree in modules().items():
        if package(name) == layer:
            yield from ((name, found) for found in everywhere(tree))


@pytest.mark.parametrize(("layer", "above"), [("deid_platform", {"resources", "assets"}), ("resources", {"assets"})])
def test_no_layer_knows_one_above_it(layer: str, above: set[str]) -> None:
    assert not [(name, found) for name, found in of_layer(layer) if package(found) in above]


def test_the_engine_does_without_dagster() -> None:
    assert not [(name, found) for name, found in of_layer("deid_platform") if package(found).startswith("dagster")]


def test_no_layer_knows_the_tests_the_benchmarks_or_the_scripts() -> None:
    inner = {"tests", "benchmarks", "scripts"}
    assert not [(name, found) for layer in LAYERS for name, found in of_layer(layer) if package(found) in inner]


def test_no_module_needs_itself_to_be_loaded() -> None:
    known = modules()
    graph = TopologicalSorter({name: {nearest(found) for found in when_loaded(tree)} for name, tree in known.items()})
    graph.prepare()  # raises CycleError, which names the modules of a cycle


def nearest(name: str) -> str:
    """The module that an imported name is, or lies in; the name itself where it is none of ours."""
    return name if name in modules() or "." not in name else nearest(name.rpartition(".")[0])


def test_one_module_computes_keyed_digests() -> None:
    assert users_of("hmac") == {KEY_OWNER}
    keyed = [(name, call) for name, tree in modules().items() for call in calls(tree) if "key" in keywords(call)]
    assert not [name for name, call in keyed if ast.unparse(call.func).startswith(("hashlib.", "blake2"))]


def test_no_other_module_reads_the_key_of_an_identity() -> None:
    readers = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "key" and named_identity(node.value)
    }
    assert readers <= {KEY_OWNER}


def named_identity(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2].removeprefix("_") in ("identity", "Identity")


def calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def keywords(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


def test_slow_libraries_are_loaded_when_first_used() -> None:
    slow = {"great_expectations", "distributed", "onnxruntime", "torch"}
    loaded = ((name, set(map(package, when_loaded(tree)))) for name, tree in modules().items() if not of_training(name))
    assert not [(name, found & slow) for name, found in loaded if found & slow]


def test_nothing_that_runs_needs_what_trains() -> None:
    users = {name for name, tree in modules().items() if any(map(of_training, everywhere(tree)))}
    assert not [name for name in users if not of_training(name)]


def of_training(name: str) -> bool:
    return name.startswith("deid_platform.training")


@pytest.mark.parametrize(
    "text",
    [
        "import assets.raw as a",
        "from assets import raw",
        "def f():\n    from assets.raw import x",
        "if TYPE_CHECKING:\n    import assets",
        "import importlib\nimportlib.import_module('assets.raw')",
    ],
)
def test_every_way_to_import_is_seen(text: str) -> None:
    assert "assets" in map(package, everywhere(ast.parse(text)))


def test_imports_of_functions_and_of_type_checkers_do_not_count_as_loading() -> None:
    loading = "import a\nclass C:\n    import b\ntry:\n    import c\nfinally: ...\n"
    not_loading = "def f():\n    import d\nif TYPE_CHECKING:\n    import e\n"
    assert set(when_loaded(ast.parse(loading + not_loading))) == {"a", "b", "c"}
