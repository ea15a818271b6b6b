"The essay's rows: never in git, on a page built from the data, and named where a page is built without."
import json, os, subprocess, sys
from pathlib import Path

import pytest

NBS = Path(__file__).parent.parent/'nbs'
BUILD = '''
import sys
from fastcore.nbio import read_nb
from nbdev.processors import FilterDefaults
nb = read_nb(sys.argv[1])
FilterDefaults()(nb)
for cell in nb.cells:
    for out in cell.get('outputs', []): print(''.join(out.get('data', {}).get('text/html', '') or out.get('data', {}).get('text/markdown', '')))
'''

def page(env):
    "What the cells of essay 1 show when its page is prepared for the site"
    return subprocess.run([sys.executable, '-c', BUILD, NBS/'12_six_examples.ipynb'], env=env, cwd=NBS.parent, capture_output=True, text=True, check=True).stdout

@pytest.mark.parametrize('path', sorted(NBS.glob('*.ipynb')), ids=lambda o: o.stem)
def test_cells_that_run_when_the_page_is_built_keep_no_output(path):
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        if '#| exec_doc' in ''.join(cell['source']): assert cell['outputs'] == []

def test_without_data_the_page_says_where_the_rows_would_be(tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ('HH_DATA', 'HF_HOME', 'HF_HUB_CACHE')}
    said = page({**env, 'HOME': str(tmp_path), 'HF_HUB_OFFLINE': '1'})
    assert said.count('this page was built without the data') == 6 and '<details' not in said

@pytest.mark.real
def test_with_data_the_rows_are_there_and_folded():
    said = page(os.environ)
    assert said.count('<details><summary>Show the row') == 6 == said.count('class="hh-instruction"')
