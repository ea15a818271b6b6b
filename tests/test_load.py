"The loader beside the reference parse: on every real row, and on rows that no one would write"
import gzip, json, os, pickle, shutil, subprocess, sys, tracemalloc
from collections import Counter
from pathlib import Path
import pytest
from hypothesis import given, strategies as st
from hh_nbdev import SOURCES, HH, BadRow, Pair, Report, iter_hh, load_hh
from hh_nbdev.files import OFFICIAL, find_files
from hh_nbdev.load import COLUMNS, iter_rows, load_or_none, parse_batch, read_rows
from hh_nbdev.transcript import ASSISTANT, HUMAN, SKIP_REASONS, parse_row, read_line
from reference import classify, rows

@pytest.mark.real
@pytest.mark.usefixtures('either_parser')
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

# Parts of a collection

def test_what_may_stand_in_brackets():
    hh = load_hh('sample')
    assert hh[3] == hh.pairs[3] == hh[-len(hh) + 3]
    assert hh[[3, 1]] == hh[(3, 1)] == hh[range(3, 0, -2)] == HH([hh[3], hh[1]])
    mask = [pair.kind == 'harmless' for pair in hh]
    assert hh[mask] == hh.harmless and hh[[]] == HH()
    assert hh[[3, 1]].report.read == hh.report.read
    for wrong in (mask[:-1], [True, 2] + mask[2:], [len(hh)], len(hh)):
        with pytest.raises(IndexError): hh[wrong]
    for wrong in (['chosen', 'rejected'], [1.5], 1.5, None):
        with pytest.raises(TypeError): hh[wrong]

def test_numpy_in_brackets():
    np = pytest.importorskip('numpy')
    hh = load_hh('sample')
    assert hh[np.int64(3)] == hh[np.array(3)] == hh[3]
    assert hh[np.array([3, 1])] == hh[[3, 1]]
    assert hh[np.array(hh['kind']) == 'harmless'] == hh.harmless

def test_a_column_is_a_view_that_equals_a_list():
    hh = load_hh('sample')
    for name in COLUMNS:
        column = hh[name]
        assert column == [getattr(pair, name) for pair in hh] and [*column] == list(column)
        assert column[5] == getattr(hh[5], name) and column[-3:] == column[:][-3:] and len(column) == len(hh)
    assert hh['kind'].count('harmless') == len(hh.harmless)
    assert hh['line'] != hh['line'][1:] and hh['kind'] != 'helpful'
    assert repr(hh[:2]['line']) == repr([pair.line for pair in hh[:2]])
    with pytest.raises(KeyError, match="no column 'prompt'; there are instruction, chosen"): hh['prompt']
    assert hh._ipython_key_completions_() == list(COLUMNS)

def test_a_column_takes_no_memory():
    hh = HH(load_hh('sample').pairs * 1000)
    tracemalloc.start()
    lengths = sum(len(hh['chosen'][i]) for i in range(len(hh)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lengths > 0 and peak < 10_000  # bytes; a list of the texts takes 520,000

def test_find_takes_the_first_of_two():
    hh = load_hh('sample')
    assert all(hh.find(pair.id) is pair for pair in hh)
    again = HH([hh[0], hh[0]._replace(chosen='again')])
    assert again.find(hh[0].id) is again[0]
    for wrong in ('helpful-base/test:0', 'helpful-base/train:00', 'helpful-base/train:', ''):
        with pytest.raises(KeyError, match='no pair'): hh.find(wrong)

def test_shuffle_keeps_every_pair():
    hh = load_hh('sample')
    assert hh.shuffle(seed=1) == hh.shuffle(seed=1) != hh.shuffle(seed=2)
    assert sorted(hh.shuffle()) == sorted(hh) and hh.shuffle() != hh

def test_adding_keeps_the_report():
    hh = load_hh('sample')
    train, val = hh.split(val=10)
    assert sorted(train + val) == sorted(hh) and (train + val).report == hh.report
    parts = [load_hh('sample', sources=source) for source in SOURCES]
    whole = parts[0] + parts[1] + parts[2] + parts[3]
    assert whole == hh and whole.report == hh.report and not whole.report.partial
    with pytest.raises(TypeError): hh + [hh[0]]

def test_the_report_of_a_part_says_how_many_pairs_are_in_it():
    hh = load_hh('sample')
    assert 'pairs here' not in repr(hh.report) and not hh.report.partial
    part = pickle.loads(pickle.dumps(hh.harmless[:5]))
    head, *rows, total = part.report.table()
    here = head.index('pairs here')
    assert {row[0]: row[here] for row in rows} == {f'{source}/train': '5' if source == 'harmless-base' else '0' for source in SOURCES}
    assert total[:3] == ['all', str(hh.report.read), str(len(hh))] and total[here] == '5'

def test_the_report_of_pairs_that_were_not_loaded_here_claims_nothing():
    hh = load_hh('sample')
    report = HH(hh.pairs).report
    head, *rows, total = report.table()
    assert head == ['file', 'rows', 'pairs', 'file is', 'pairs here']
    assert rows[0] == ['harmless-base/train', '–', '–', 'not read here', str(len(hh.harmless))]
    assert total == ['all', '–', '–', '', str(len(hh))]

def test_the_report_is_right_whenever_one_looks():
    report = Report()
    for n, _ in enumerate(iter_hh('sample', report=report), 1):
        assert report.kept == n and report.read == report.kept + report.skipped.total()
    assert report.read == load_hh('sample').report.read
    report = Report()
    next(iter_hh('sample', report=report))
    assert report.kept == 1

@pytest.mark.real
def test_the_bytes_of_all_texts_are_those_published(monkeypatch):
    "So that a reader of the training files, which were not at hand here, knows that all of their texts were read"
    rows = read_rows(split='test')
    for source in SOURCES:
        known = OFFICIAL[source, 'test']
        assert sum(len(text.encode()) for row in rows[source] for text in row) == known.text_bytes
        monkeypatch.setitem(OFFICIAL, (source, 'test'), known._replace(text_bytes=known.text_bytes + 1))
        with pytest.raises(RuntimeError, match=f'{source}.*its texts have {known.text_bytes:,} bytes'): read_rows(split='test', sources=source)

# Other engines

@pytest.mark.parametrize('use', [lambda pair: pair['chosen'], lambda pair: pair.get('chosen'), lambda pair: pair.keys()])
def test_a_pair_taken_for_a_dict_says_what_to_call(use):
    with pytest.raises((TypeError, AttributeError), match=r'a Pair has no .* pair\.to_dict\(\).* hh\.to_dataset\(\)'): use(load_hh('sample')[0])

def test_datasets_are_told_what_to_call():
    datasets = pytest.importorskip('datasets')
    hh = load_hh('sample')
    with pytest.raises(AttributeError, match='hh.to_dataset'): datasets.Dataset.from_list(hh)
    assert datasets.Dataset.from_list(hh.to_list())['id'][:3] == hh['id'][:3]
    stream = datasets.IterableDataset.from_generator(lambda: (pair.to_dict() for pair in iter_hh('sample')))
    assert [row['id'] for row in stream] == hh['id']

def test_a_batch_says_which_row_is_bad():
    row = dict(chosen=f'{HUMAN} hi{ASSISTANT} a', rejected=f'{HUMAN} hi{ASSISTANT} b')
    batch = dict(chosen=[row['chosen'], 7, row['chosen']], rejected=[row['rejected']] * 2 + ['nope'])
    with pytest.raises(BadRow, match='the batch, line 1 .*"rejected" is not a string; found 7'): parse_batch(batch)
    with pytest.raises(BadRow, match='the data set, line 501 ') as e: parse_batch(batch, indices=[500, 501, 502])
    assert e.value.line == 501
    got = parse_batch(batch, on_bad='skip')
    assert got['skipped'] == ['', 'not a string', 'no human turn first'] and got['chosen'] == ['a', '', '']
    with pytest.raises(BadRow, match="field 'chosen'.*found \\['prompt', 'rejected'\\]"): parse_batch(dict(prompt=[], rejected=[]))
    with pytest.raises(ValueError, match='on_bad'): parse_batch(batch, on_bad='ignore')
    assert parse_batch(dict(chosen=[], rejected=[])) == dict(instruction=[], chosen=[], rejected=[], skipped=[])

def test_rows_batches_and_load_share_their_options(tmp_path):
    row = dict(chosen=f'{HUMAN} hi {ASSISTANT} Human: a', rejected=f'{HUMAN} hi {ASSISTANT} b')
    (tmp_path/'helpful-base.jsonl').write_text(json.dumps(row))
    file = find_files(tmp_path, sources='helpful-base')[0]
    for trim in True, False:
        for strip_role in True, False:
            options = dict(trim=trim, strip_role=strip_role)
            pair = load_hh(tmp_path, sources='helpful-base', **options)[0]
            batch = parse_batch({side: [text] for side, text in row.items()}, **options)
            assert pair[:3] == (batch['instruction'][0], batch['chosen'][0], batch['rejected'][0])
            assert pair == Pair(*list(next(iter_rows(file, **options)).values())[:6])

# The package

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
