"The habits of the house: notebooks and modules, docs and commands"
import ast, configparser, importlib, inspect, json, pydoc, re, subprocess, sys, textwrap
from pathlib import Path

import hh_nbdev
import pytest
from fastcore.docments import docments
from hh_nbdev import HH, Review
from preview import sidebar

ROOT = Path(__file__).parent.parent
# JupyterLab calls a new notebook Untitled: it is not ours yet
OURS = [path for path in (ROOT/'nbs').glob('*.ipynb') if not path.name.startswith('Untitled')]
NOTEBOOKS = sorted(OURS)
MODULES = sorted(path for path in (ROOT/'hh_nbdev').glob('*.py') if not path.stem.startswith('_'))

each_notebook = pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
each_module = pytest.mark.parametrize('path', MODULES, ids=lambda path: path.stem)

def cells_of(path): return json.loads(path.read_text(encoding='utf-8'))['cells']

def sources(path, kind):
    "The sources of a notebook's cells of one kind"
    return [''.join(cell['source']) for cell in cells_of(path) if cell['cell_type'] == kind]

def outputs(path): return [output for cell in cells_of(path) for output in cell.get('outputs', [])]

def test_notebooks_are_numbered_without_gaps():
    numbers = [path.stem[:2] for path in NOTEBOOKS if path.stem != 'index']
    assert numbers == [f'{i:02}' for i in range(len(numbers))]

@each_module
def test_each_module_has_a_notebook_that_exports_there(path):
    name = re.search(r'File to edit: \.\./nbs/(.+)\.ipynb', path.read_text(encoding='utf-8'))[1]
    assert f'#| default_exp {path.stem}' in '\n'.join(sources(ROOT/'nbs'/f'{name}.ipynb', 'code'))

@each_notebook
def test_a_notebook_opens_with_a_title_and_a_promise(path):
    "In a cell of their own: nbdev makes the page's title and description of it, and drops the rest of that cell"
    title, promise, *rest = [line for line in sources(path, 'markdown')[0].split('\n') if line]
    assert title.startswith('# ') and promise.startswith('> ') and not rest

def test_the_sidebar_holds_every_page():
    pages = [path.name for path in [*NOTEBOOKS, *(ROOT/'nbs').glob('*.md')]]
    assert sorted(page for _, page in sidebar()) == sorted(pages)

def test_the_sidebar_goes_from_essays_to_the_project():
    sections = [section for section, _ in sidebar()]
    assert [*dict.fromkeys(sections)] == ['', 'Essays', 'Tutorials', 'Reference', 'Project']

@each_notebook
def test_a_page_that_shows_rows_warns_first(path):
    if any('#| exec_doc' in source for source in sources(path, 'code')):
        assert sources(path, 'markdown')[1].startswith('**Content warning.**')

@each_notebook
def test_cells_that_show_rows_keep_no_output(path):
    kept = [i for i, cell in enumerate(cells_of(path))
            if '#| exec_doc' in ''.join(cell['source']) and cell['outputs']]
    assert not kept, f'{path.name}: cells {kept} (from 0) keep rows of the dataset: clear their outputs, then save'

@each_notebook
def test_a_plot_has_a_text_for_who_cannot_see_it(path):
    for i, cell in enumerate(cells_of(path)):
        if any('image/png' in output.get('data', {}) for output in cell.get('outputs', [])):
            told = '#| fig-alt: ' in ''.join(cell['source'])
            assert told, f'{path.name}: cell {i} shows a plot; say what is in it after #| fig-alt:'

@each_notebook
def test_imports_stand_in_cells_of_their_own(path):
    "A cell that mixes imports with other code runs when the docs are built"
    for source in sources(path, 'code'):
        if not source.startswith('#| export'): continue
        kinds = {isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(source).body}
        assert len(kinds) <= 1, source

@each_notebook
def test_the_page_needs_nothing_optional(path):
    "Where a notebook exports something, nbdev runs each cell with an import: use `optional_import` there"
    code = sources(path, 'code')
    if not any(source.startswith('#| export') for source in code): return
    optional = [source for source in code if re.match(r'#\| (train|ray|slow)', source)]
    assert not [source for source in optional if re.search(r'^\s*(import|from) ', source, re.M)]

def methods(cls):
    "The public methods that a class defines; what overrides a method is described where that is"
    for name, member in vars(cls).items():
        function = getattr(member, 'fget', member)
        inherited = any(hasattr(base, name) for base in cls.__bases__)
        if not name.startswith('_') and not inherited and inspect.isfunction(function): yield name, function

def public(module):
    "The public functions, classes and methods that a module defines"
    for name in module.__all__:
        symbol = getattr(module, name)
        if getattr(symbol, '__module__', '') != module.__name__ or not callable(symbol): continue
        yield name, symbol
        if inspect.isclass(symbol):
            for part, method in methods(symbol): yield f'{name}.{part}', method

@each_module
def test_public_names_say_what_they_take_and_give(path):
    for name, symbol in public(importlib.import_module(f'hh_nbdev.{path.stem}')):
        assert inspect.getdoc(symbol), f'{name} has no docstring'
        if inspect.isclass(symbol): continue
        is_command = hasattr(symbol, '__wrapped__')  # some options of commands are described once, in a type of their own
        signature, said = inspect.signature(symbol), docments(symbol, full=True, eval_str=is_command)
        for parameter in signature.parameters.values():
            if parameter.name in ('self', 'cls'): continue
            assert parameter.annotation is not parameter.empty, f'{name}: {parameter.name} has no type'
            assert said[parameter.name].docment, f'{name}: {parameter.name} is not described'
        assert signature.return_annotation is not signature.empty, f'{name} has no return type'

def test_the_public_names_are_there(): assert all(hasattr(hh_nbdev, name) for name in hh_nbdev.__all__)

FRONT_DOOR = {name: getattr(hh_nbdev, name) for name in hh_nbdev.__all__ if inspect.isfunction(getattr(hh_nbdev, name))}
FRONT_DOOR |= {f'HH.{name}': getattr(HH, name) for name in (
    'split', 'to_trl', 'export', 'to_jsonl', 'to_parquet', 'from_jsonl', 'from_parquet', 'sample', 'shuffle', 'filter', 'find')}
FRONT_DOOR |= {'HH': HH.__init__, 'Review': Review.__init__}

@pytest.mark.parametrize('name', FRONT_DOOR)
def test_help_says_what_each_parameter_means_and_what_is_returned(name):
    "In a docstring as NumPy writes it: help() and an editor do not show the comments in a signature"
    function = FRONT_DOOR[name]
    shown = re.sub('^    ', '', pydoc.plain(pydoc.render_doc(function)), flags=re.M)
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters if parameter not in ('self', 'cls')]
    section = shown.split('\nParameters\n----------\n')[1].split('\n\n')[0]
    assert re.findall(r'^(\w+)\n    \S', section, re.M) == parameters
    returned = re.search(r'^Returns\n-------\n\S.*\n    \S', shown, re.M)
    gives = signature.return_annotation not in ('None', inspect.Signature.empty)
    assert bool(returned) == gives

def test_load_hh_and_iter_hh_say_the_same_of_the_parameters_that_they_share():
    loaded, streamed = docments(hh_nbdev.load_hh), docments(hh_nbdev.iter_hh)
    for name in inspect.signature(hh_nbdev.load_hh).parameters: assert streamed[name] == loaded[name], name

@pytest.mark.parametrize('name', sorted(FRONT_DOOR.keys() - {'HH'}))  # `load_hh` makes one
def test_help_has_an_example_that_is_python(name):
    symbol = getattr(hh_nbdev, name, FRONT_DOOR[name])  # for a class its own docstring
    example = re.search(r'\n\n((?:    .*\n?)+)', inspect.getdoc(symbol))[1]
    code = re.sub(r'^>>> ', '', textwrap.dedent(example), flags=re.M)
    ast.parse(code)
    assert name.removeprefix('HH.') in code

def test_help_of_the_package_says_what_the_first_page_says():
    description, *_, last = hh_nbdev.__doc__.split('\n\n')
    readme = (ROOT/'README.md').read_text(encoding='utf-8')
    assert f'> {description}.' in readme
    assert last.replace('\n', ' ').split('. ')[0] in readme

def test_the_example_in_the_help_of_the_package_runs():
    lines = [line for line in hh_nbdev.__doc__.splitlines() if line.startswith('    ')]
    made = {}
    exec(textwrap.dedent('\n'.join(lines)), made)
    assert len(made['train']) + len(made['val']) == len(made['hh']) == made['hh'].report.kept

def commands():
    settings = configparser.ConfigParser(delimiters='=', interpolation=None)
    settings.read(ROOT/'settings.ini')
    return [*settings['scripts']]

@pytest.mark.parametrize('command', commands())
def test_each_command_is_documented_with_its_help_as_it_is(command):
    program = Path(sys.executable).parent/command
    said = subprocess.check_output([program, '--help'], text=True, env={'COLUMNS': '80'})
    shown = [''.join(output.get('text', [])) for output in outputs(ROOT/'nbs/11_cli.ipynb')]
    assert said in '\n'.join(shown)

TEXTS = [*NOTEBOOKS, *ROOT.glob('*.md'), ROOT/'tests/README.md']

@pytest.mark.parametrize('path', TEXTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(path):
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.ipynb': text = '\n'.join(sources(path, 'markdown'))
    for link in re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text): assert (path.parent/link).exists(), link

def test_the_table_of_tests_lists_each_file():
    listed = re.findall(r'`(\w+\.py)`', (ROOT/'tests/README.md').read_text(encoding='utf-8'))
    assert sorted(listed) == sorted(path.name for path in (ROOT/'tests').glob('*.py'))
