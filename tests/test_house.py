"The habits of the house, checked: notebooks and modules, docs and commands"
import ast, configparser, importlib, inspect, json, re, subprocess, sys
from pathlib import Path
import pytest
from fastcore.docments import docments
import hh_nbdev
from preview import sidebar

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(path for path in (ROOT/'nbs').glob('*.ipynb') if not path.name.startswith('Untitled'))  # new in JupyterLab: not ours yet
MODULES = [o for o in sorted((ROOT/'hh_nbdev').glob('*.py')) if not o.stem.startswith('_')]

def cells(path, kind):
    "The sources of a notebook's cells of one kind"
    return [''.join(o['source']) for o in json.loads(path.read_text())['cells'] if o['cell_type'] == kind]

def public(module):
    "The public functions, classes and methods that a module defines; what overrides a method is described where that is"
    mod = importlib.import_module(f'hh_nbdev.{module}')
    for name in mod.__all__:
        o = getattr(mod, name)
        if getattr(o, '__module__', '') != mod.__name__ or not callable(o): continue
        yield name, o
        if inspect.isclass(o):
            for k, v in vars(o).items():
                if not (k.startswith('_') or any(hasattr(b, k) for b in o.__bases__)) and inspect.isfunction(getattr(v, 'fget', v)): yield f'{name}.{k}', getattr(v, 'fget', v)

@pytest.mark.parametrize('path', MODULES, ids=lambda o: o.stem)
def test_each_module_has_a_notebook_that_exports_there(path):
    name = re.search(r'File to edit: \.\./nbs/(.+)\.ipynb', path.read_text())[1]
    assert f'#| default_exp {path.stem}' in '\n'.join(cells(ROOT/'nbs'/f'{name}.ipynb', 'code'))

@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda o: o.stem)
def test_a_notebook_opens_with_a_title_and_a_promise(path):
    "In a cell of their own: nbdev makes the page's title and description of it, and drops the rest of that cell"
    title, promise, *rest = [o for o in cells(path, 'markdown')[0].split('\n') if o]
    assert title.startswith('# ') and promise.startswith('> ') and not rest

def test_the_sidebar_holds_every_page():
    assert sorted(o for _, o in sidebar()) == sorted(path.name for path in [*NOTEBOOKS, *(ROOT/'nbs').glob('*.md')])

@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda o: o.stem)
def test_a_page_that_shows_rows_warns_first(path):
    if any('#| exec_doc' in o for o in cells(path, 'code')): assert cells(path, 'markdown')[1].startswith('**Content warning.**')

@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda o: o.stem)
def test_cells_that_show_rows_keep_no_output(path):
    for o in json.loads(path.read_text())['cells']: assert not ('#| exec_doc' in ''.join(o['source']) and o['outputs'])

@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda o: o.stem)
def test_imports_stand_in_cells_of_their_own(path):
    "A cell that mixes both runs when the docs are built"
    for source in cells(path, 'code'):
        if not source.startswith('#| export'): continue
        kinds = {isinstance(o, (ast.Import, ast.ImportFrom)) for o in ast.parse(source).body}
        assert len(kinds) <= 1, source

@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda o: o.stem)
def test_the_page_needs_nothing_optional(path):
    "Where a notebook exports something, nbdev runs each cell with an import as it prepares the page: use `need` there"
    code = cells(path, 'code')
    if any(o.startswith('#| export') for o in code):
        assert not [o for o in code if re.match(r'#\| (train|ray|slow)', o) and re.search(r'^\s*(import|from) ', o, re.M)]

@pytest.mark.parametrize('module', [o.stem for o in MODULES])
def test_public_names_say_what_they_take_and_give(module):
    for name, o in public(module):
        assert inspect.getdoc(o), f'{name} has no docstring'
        if inspect.isclass(o): continue
        annotated, said = inspect.signature(o).parameters.values(), docments(o, full=True)
        for p in annotated:
            if p.name in ('self', 'cls'): continue
            assert p.annotation is not p.empty, f'{name}: {p.name} has no type'
            assert said[p.name].docment, f'{name}: {p.name} is not described'
        assert inspect.signature(o).return_annotation is not inspect.Signature.empty, f'{name} has no return type'

def test_the_public_names_are_there(): assert all(hasattr(hh_nbdev, o) for o in hh_nbdev.__all__)

def scripts():
    cfg = configparser.ConfigParser(delimiters='=', interpolation=None)
    cfg.read(ROOT/'settings.ini')
    return [*cfg['scripts']]

@pytest.mark.parametrize('command', scripts())
def test_each_command_is_documented_with_its_help_as_it_is(command):
    said = subprocess.check_output([Path(sys.executable).parent/command, '--help'], text=True, env={'COLUMNS': '100'})
    assert said in '\n'.join(''.join(out.get('text', [])) for o in json.loads((ROOT/'nbs/11_cli.ipynb').read_text())['cells'] for out in o.get('outputs', []))

@pytest.mark.parametrize('path', [*NOTEBOOKS, *ROOT.glob('*.md')], ids=lambda o: o.name)
def test_links_within_the_project_lead_somewhere(path):
    text = '\n'.join(cells(path, 'markdown')) if path.suffix == '.ipynb' else path.read_text()
    for link in re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text): assert (path.parent/link).exists(), link

def test_a_type_checker_knows_the_methods_that_are_patched_in(tmp_path):
    code = tmp_path/'training.py'
    code.write_text('from hh_nbdev import load_hh\ntrain, val = load_hh("sample").split(val=10)\ntrain.to_trl()\nprint(val[0].chosen.upper())\n')
    run = subprocess.run([sys.executable, '-m', 'mypy', '--follow-imports=silent', '--config-file=', code], cwd=ROOT, capture_output=True, text=True)
    assert not run.returncode, run.stdout + run.stderr
