"The package is found from the folder that holds the clone, where the clone's own folder has the same name"
import shutil, subprocess, sys
from pathlib import Path
import pytest
from hh_nbdev import load_hh

ROOT = Path(__file__).parent.parent
CODE = 'import hh_nbdev; print(hh_nbdev.__file__, len(hh_nbdev.load_hh("sample")))'

def installed_as_make_does():
    "Is this environment's hh_nbdev the clone, installed with `pip install -e`?"
    code = 'import hh_nbdev; print(hh_nbdev.__file__)'
    found = subprocess.run([sys.executable, '-c', code], cwd=ROOT/'tests', capture_output=True, text=True)
    return found.stdout.strip() == str(ROOT/'hh_nbdev'/'__init__.py')

def test_import_from_the_folder_that_holds_the_clone(tmp_path):
    "A link stands for a clone named hh_nbdev: Python must not take it for a namespace package"
    if not installed_as_make_does(): pytest.skip('hh_nbdev is not installed here with pip install -e')
    (tmp_path/'hh_nbdev').symlink_to(ROOT)
    out = subprocess.check_output([sys.executable, '-c', CODE], cwd=tmp_path, text=True)
    file, pairs = out.split()
    assert file == str(ROOT/'hh_nbdev'/'__init__.py') and int(pairs) == len(load_hh('sample'))

def test_a_type_checker_finds_the_types_from_there(tmp_path):
    if not shutil.which('mypy', path=Path(sys.executable).parent): pytest.skip('no mypy here')
    if not installed_as_make_does(): pytest.skip('hh_nbdev is not installed here with pip install -e')
    (tmp_path/'hh_nbdev').symlink_to(ROOT)
    (tmp_path/'mine.py').write_text('from hh_nbdev import load_hh\nreveal_type(load_hh("sample")[0].chosen)\n')
    command = [sys.executable, '-m', 'mypy', '--config-file=', '--follow-imports=silent', 'mine.py']
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert 'Revealed type is "builtins.str"' in said or 'Revealed type is "str"' in said, said
