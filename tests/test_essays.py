"""The essays: rows are never in git and are on a page that is built from the data; readings are ids and codes, in
the order that the stated seeds give."""
import json, os, random, subprocess, sys
from pathlib import Path

import pytest
from run_notebooks import make_flat_corpus

from hh_nbdev import examples, load_hh
from hh_nbdev.verdicts import last_verdicts, read_codes, read_verdicts

NBS = Path(__file__).parent.parent/'nbs'
VERDICTS = NBS/'verdicts'
BUILD = '''
import sys
from fastcore.nbio import read_nb
from nbdev.processors import FilterDefaults
nb = read_nb(sys.argv[1])
FilterDefaults()(nb)
for cell in nb.cells:
    for out in cell.get('outputs', []):
        data = out.get('data', {})
        print(''.join(data.get('text/html', '') or data.get('text/markdown', '')))
'''

def page(env):
    "What the cells of the first essay show when its page is prepared for the site"
    command = [sys.executable, '-c', BUILD, NBS/'12_six_examples.ipynb']
    return subprocess.run(command, env=env, cwd=NBS.parent, capture_output=True, text=True, check=True).stdout

@pytest.fixture(scope='module')
def hh(): return load_hh(split='test')

@pytest.mark.parametrize('path', sorted(NBS.glob('*.ipynb')), ids=lambda path: path.stem)
def test_cells_that_run_when_the_page_is_built_keep_no_output(path):
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        if '#| exec_doc' in ''.join(cell['source']): assert cell['outputs'] == []

def test_without_data_the_page_says_where_the_rows_would_be(tmp_path):
    ours = 'HH_DATA', 'HH_SPLIT', 'HF_HOME', 'HF_HUB_CACHE'
    env = {name: value for name, value in os.environ.items() if name not in ours}
    said = page({**env, 'HOME': str(tmp_path), 'HF_HUB_OFFLINE': '1'})
    assert said.count('this page was built without the data') == 6
    assert '<details' not in said

@pytest.mark.real
def test_with_data_the_rows_are_there_and_folded():
    said = page(os.environ)
    assert said.count('<details><summary>Show the row') == 6 == said.count('class="hh-instruction"')

@pytest.mark.real
def test_on_other_data_the_readers_own_examples_are_shown(tmp_path):
    flat = make_flat_corpus(os.environ['HH_DATA'], tmp_path/'flat')
    env = {name: value for name, value in os.environ.items() if name != 'HH_SPLIT'}
    said = page({**env, 'HH_DATA': str(flat)})
    assert said.count('<details><summary>Your own example') == 6
    assert said.count('of the official test files, not a row of the data here') == 6
    assert 'Show the row' not in said

def side_at_a(seed, id):
    "The side that a coder saw as A"
    return 'chosen' if random.Random(f'{seed} {id}').random() < .5 else 'rejected'

@pytest.mark.real
@pytest.mark.parametrize('name, shuffle, n, seed', [
    ('harmless_1', 7, 661, 'code-1'), ('harmless_2', 8, 200, 'code-2')])
def test_harmless_pairs_were_coded_in_the_stated_order(hh, name, shuffle, n, seed):
    codes = read_codes(VERDICTS/f'{name}.jsonl', hh)
    shown = random.Random(shuffle).sample(list(hh.harmless), n)
    assert [code['id'] for code in codes] == [pair.id for pair in shown]
    assert [code['a'] for code in codes] == [side_at_a(seed, code['id']) for code in codes]
    fields = 'id digest reader a prompt topic chosen rejected less_harm rather sure'.split()
    assert all(list(code) == fields for code in codes)

@pytest.mark.real
def test_second_readings_of_the_six_and_the_hundred_are_in_the_stated_order(hh):
    hundred = random.Random(5).sample(list(examples(hh, n=50, seed=2026)), 100)
    drawn = {'six': list(examples(hh, n=3, seed=0)), 'hundred': hundred}
    for name, pairs in drawn.items():
        for question, kinds in {'rather': ('helpful', 'harmless'), 'less_harm': ('harmless',)}.items():
            verdicts, _ = read_verdicts(VERDICTS/f'{name}_{question}_2.jsonl')
            assert [verdict.id for verdict in verdicts] == [pair.id for pair in pairs if pair.kind in kinds]
            assert all(verdict.a == side_at_a(f'{name}-2', verdict.id) for verdict in verdicts)

@pytest.mark.real
def test_first_reading_of_the_six_is_in_the_stated_order(hh):
    rng = random.Random(1)
    at_a = ['rejected' if rng.random() < .5 else 'chosen' for _ in range(6)]
    verdicts = last_verdicts(VERDICTS/'six_rather_1.jsonl')
    assert list(verdicts) == [pair.id for pair in examples(hh, n=3, seed=0)]
    assert [verdict.a for verdict in verdicts.values()] == at_a

@pytest.mark.real
def test_cut_off_replies_are_those_that_the_seeds_draw(hh):
    codes = read_codes(VERDICTS/'cut_off.jsonl', hh)
    assert len({(code['id'], code['side']) for code in codes}) == 300
    assert all(getattr(hh.find(code['id']), code['side']) for code in codes)  # none is empty
    sources = [code['id'].partition('/')[0] for code in codes]
    assert all(sources.count(source) == 75 for source in set(sources))

@pytest.mark.real
def test_the_confident_errors_were_read_in_the_stated_order(hh):
    codes = read_codes(VERDICTS/'confident_errors.jsonl', hh)
    assert len(codes) == 40
    for code in codes:
        assert code['a'] == side_at_a('errors', code['id'])
        assert ('less_harm' in code) == code['id'].startswith('harmless')

@pytest.mark.real
def test_the_list_to_leave_out_follows_from_the_codes(hh):
    codes = read_codes(VERDICTS/'harmless_1.jsonl', hh)
    doubtful = [code['id'] for code in codes if code['less_harm'] == 'rejected' and code['sure']]
    listed = (VERDICTS/'leave_out.txt').read_text().split()
    assert listed == sorted(doubtful, key=lambda id: int(id.rpartition(':')[2]))

def test_every_file_of_readings_is_told_in_the_readme():
    said = (VERDICTS/'README.md').read_text(encoding='utf-8')
    for path in VERDICTS.iterdir():
        if path.suffix in ('.jsonl', '.txt'): assert f'`{path.name}`' in said
