"What a type checker and a reader see of HH: the methods that other notebooks add, and a user's script, right and wrong"
import ast, inspect, json, os, re, shutil, subprocess, sys, textwrap
from pathlib import Path
import pytest
import hh_nbdev.features, hh_nbdev.load  # noqa: F401  # all that adds methods has been imported
from hh_nbdev import HH

ROOT = Path(__file__).parent.parent

def declared():
    "The methods declared in HH for other modules: name to syntax tree"
    module = ast.parse(inspect.getsource(hh_nbdev.load))
    hh = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == 'HH')
    block = next(node for node in hh.body if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING')
    return {node.name: node for node in block.body}

def method_of(name):
    "The function behind a method, class method or property of HH"
    value = getattr(HH, name)
    return getattr(value, '__func__', None) or getattr(value, 'fget', None) or value

def added():
    "The methods that other modules add to HH: name to function"
    modules = {name: str(getattr(method_of(name), '__module__', '')) for name in vars(HH)}
    return {name: method_of(name) for name, module in modules.items()
            if module.startswith('hh_nbdev.') and module != hh_nbdev.load.__name__}

def signature(node):
    "Parameters with their types and defaults, and what is returned, as text; `self` and `cls` without a type"
    node.args.args[0].annotation = None
    return f'{ast.unparse(node.args)} -> {ast.unparse(node.returns)}'

def test_each_method_that_another_module_adds_is_declared_in_the_class():
    assert {*declared()} == {*added()}

@pytest.mark.parametrize('name', sorted(declared()))
def test_a_declaration_equals_the_signature_of_the_method(name):
    "A default of `...` stands for a value that only the other module has"
    declaration, method = declared()[name], ast.parse(textwrap.dedent(inspect.getsource(added()[name]))).body[0]
    assert len(declaration.args.defaults) == len(method.args.defaults)
    for i, default in enumerate(declaration.args.defaults):
        if ast.unparse(default) == '...': method.args.defaults[i] = default
    assert signature(declaration) == signature(method)
    assert bool(declaration.decorator_list) == inspect.ismethod(getattr(HH, name))  # @classmethod

def test_the_table_below_the_class_names_the_notebook_of_each_method():
    cells = [''.join(cell['source']) for cell in json.loads((ROOT/'nbs/03_load.ipynb').read_text())['cells']]
    table = next(cell for cell in cells if '| methods | defined in |' in cell)
    told = {name: page for names, page in re.findall(r'^\| (`.*`) \| .*?(\w+)\.ipynb', table, re.M) for name in re.findall(r'`(\w+)`', names)}
    pages = {name: re.search(r'nbs/(\w+)\.ipynb', inspect.getsource(sys.modules[method.__module__]))[1] for name, method in added().items()}
    assert told == pages

SCRIPT = '''
from hh_nbdev import HH, iter_hh, load_hh

hh = load_hh('sample', split='train', on_bad='skip')
{}
'''
RIGHT = [
    "train, val = hh.split(val=10)\ntrain.to_jsonl('train.jsonl')\nprint(val.report.kept + len(val))",
    "back: HH = HH.from_jsonl('train.jsonl')",
    'print(hh[0].chosen.upper(), hh[:3].helpful[-1].line + 1)',
    "lengths = [len(pair.rejected) for pair in iter_hh(split='test', sources=['helpful-base'], exclude={'empty'})]",
    'hh.filter(lambda pair: pair.flags).sample(3, seed=1).to_trl()',
]
WRONG = [
    'hh.splitt()',
    "load_hh(split='val')",
    "hh.split(val='10')",
    'print(hh[0].choosen)',
    "load_hh(on_bad='ignore')",
]

@pytest.mark.parametrize('checker', ['mypy', 'pyright'])
def test_a_users_script_is_checked(tmp_path, checker):
    "From a folder outside the clone, as whoever installed the package runs it"
    command = [sys.executable, '-m', 'mypy', '--config-file='] if checker == 'mypy' else ['pyright', '--pythonpath', sys.executable]
    if checker == 'pyright' and not (shutil.which('node') and shutil.which('pyright')): pytest.skip('pyright or node is not installed')
    for i, line in enumerate(RIGHT): (tmp_path/f'right_{i}.py').write_text(SCRIPT.format(line))
    for i, line in enumerate(WRONG): (tmp_path/f'wrong_{i}.py').write_text(SCRIPT.format(line))
    quiet = dict(PYRIGHT_PYTHON_IGNORE_WARNINGS='1')  # pyright asks no server whether it is the newest
    run = subprocess.run([*command, *sorted(tmp_path.glob('*.py'))], cwd=tmp_path, env=os.environ | quiet, capture_output=True, text=True)
    errors = re.findall(r'(\w+)\.py:(\d+).* error', run.stdout)
    assert sorted(set(errors)) == [(f'wrong_{i}', '5') for i in range(len(WRONG))], run.stdout + run.stderr
