"The loader beside the reference parse: on every real row, and on rows that no one would write"
import gzip, json, os, pickle, shutil, subprocess, sys
from collections import Counter
from pathlib import Path
import pytest
from hypothesis import given, strategies as st
from hh_nbdev import SOURCES, HH, BadRow, iter_hh, load_hh
from hh_nbdev.files import find_files
from hh_nbdev.load import load_or_none
from hh_nbdev.transcript import ASSISTANT, HUMAN, SKIP_REASONS, parse_row, read_line
from reference import classify, rows

@pytest.mark.real
@pytest.mark.parametrize('trim', [True, False])
def test_every_real_row(trim):
    hh = load_hh(split='test', trim=trim)
    pairs, n_read, skipped = [], 0, Counter()
    for source in SOURCES:
        for n, row in rows(Path(os.environ['HH_DATA'])/source/'test.jsonl.gz'):
            n_read += 1
            got = classify(**row)
            if isinstance(got, str): skipped[got] += 1
            else: pairs.append((*(o.strip() if trim else o for o in got), source, 'test', n))
    assert n_read == hh.report.read == 8552
    assert list(hh) == pairs and len(pairs) == 2604
    assert hh.report.skipped == skipped

@pytest.mark.real
def test_streaming_and_parts_give_the_same_pairs():
    hh = load_hh(split='test')
    assert list(iter_hh(split='test')) == list(hh) == [p for s in SOURCES for p in load_hh(split='test', sources=s)]
    assert HH([*hh.harmless, *hh.helpful]) == hh == pickle.loads(pickle.dumps(hh))
    assert all(hh.find(p.id) == p for p in hh.sample(20, seed=1))

@pytest.mark.real
def test_exclude_is_a_filter_that_the_report_knows():
    assert load_hh('sample', exclude=iter(['empty'])) == load_hh('sample', exclude=['empty']) != load_hh('sample')
    hh, clean = load_hh(split='test'), load_hh(split='test', exclude=['empty', 'leading-role'])
    assert list(clean) == [p for p in hh if not {'empty', 'leading-role'} & set(p.flags)]
    assert clean.report.read == clean.report.kept + clean.report.skipped.total() == 8552
    assert len(clean) < len(hh)

# Pieces that a careless parser trips over, in any order and number
pieces = st.sampled_from([HUMAN, ASSISTANT, '\n', '\n\n', ' ', 'Human:', 'Assistant:', '\\n\\nHuman:', 'hi', '’', '\u2028', '"', '\\', '😀']) | st.text(max_size=4)
texts = st.lists(pieces, max_size=8).map(''.join)
transcripts = st.tuples(texts, texts).map(''.join).map(HUMAN.__add__)

@given(transcripts, transcripts | st.none())
def test_any_row_as_the_reference_has_it(chosen, rejected):
    if rejected is None: rejected = chosen  # equal sides are rare by chance
    line = json.dumps(dict(chosen=chosen, rejected=rejected), ensure_ascii='😀' in chosen).encode()
    assert read_line(line) == (chosen, rejected)
    got = parse_row(chosen, rejected, trim=False)
    assert got == classify(chosen, rejected)
    if isinstance(got, str): assert got in SKIP_REASONS
    else:
        assert HUMAN + got[0] + ASSISTANT + got[1] == chosen
        assert parse_row(chosen, rejected) == tuple(o.strip() for o in got)

def test_a_load_adds_up_whatever_is_in_it(tmp_path):
    good = dict(chosen=f'{HUMAN} hi{ASSISTANT} a', rejected=f'{HUMAN} hi{ASSISTANT} b')
    lines = [json.dumps(good).encode(), b'', b'  \r', b'nope', b'[1]', b'{"chosen": 1}', b'\xff', json.dumps({**good, 'chosen': 'hi'}).encode(),
             json.dumps({**good, 'rejected': 1}).encode() + b'\r', json.dumps({**good, 'extra': [1]}).encode(), json.dumps(good).encode()]
    with gzip.open(tmp_path/'helpful-online.jsonl.gz', 'wb') as f: f.write(b'\xef\xbb\xbf' + b'\n'.join(lines))
    hh = load_hh(tmp_path, sources='helpful-online', on_bad='skip')
    assert hh['line'] == [0, 9, 10]
    assert hh.report.read == 9 and hh.report.kept == 3
    assert hh.report.skipped == dict.fromkeys(['not JSON', 'not an object', 'missing field', 'not UTF-8', 'no human turn first', 'not a string'], 1)
    with pytest.raises(BadRow, match=r'helpful-online.jsonl.gz, line 3 \(counted from 0\).*not valid JSON') as e: load_hh(tmp_path, sources='helpful-online')
    assert (e.value.line, e.value.reason) == (3, 'not JSON')

def test_import_is_light():
    "Nothing heavy comes with the package"
    heavy = {'torch', 'datasets', 'transformers', 'numpy', 'pandas', 'pyarrow', 'matplotlib', 'ray', 'huggingface_hub', 'rich', 'ipywidgets', 'IPython'}
    loaded = subprocess.check_output([sys.executable, '-c', 'import hh_nbdev, sys; print(*sys.modules)'], text=True).split()
    assert not heavy & set(loaded)

@pytest.mark.real
def test_a_cell_that_needs_the_official_files_gets_them_where_they_are():
    assert len(load_or_none('test')) == 2604

def test_a_cell_that_needs_the_official_files_is_told_where_they_are_not(tmp_path, monkeypatch, capsys):
    "Neither an empty folder nor other data under the official names will do"
    monkeypatch.setenv('HH_DATA', str(tmp_path))
    assert load_or_none('test') is None
    assert load_or_none('train') is None
    for file in find_files('sample'): shutil.copy(file.path, tmp_path)
    assert load_or_none('train') is None
    said = capsys.readouterr().out.splitlines()
    assert [line.split(',')[0] for line in said] == [f'Left out: this needs the official {split} files' for split in ('test', 'train', 'train')]
