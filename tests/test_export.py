"Exports: one table of formats, files that every reader gets right, what reads back, and files written whole or not at all"
import errno, gzip, io, json, os, random, resource, signal, subprocess, sys, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
import pytest
from hypothesis import given, strategies as st
from hh_nbdev.files import SOURCES, BadFile
from hh_nbdev.load import COLUMNS, HH, Pair, load_hh
from hh_nbdev.train import DIALOGUE, FORMATS, to_text

FILE_TYPES = [(format, suffix) for format, known in FORMATS.items() for suffix in known.suffixes]

def pairs(n, word='reply'):
    "Pairs that have no flags"
    return HH(Pair(f'Question {i}?', f'{word} {i} ' * 9, f'No {word}', SOURCES[i%4], 'train', i) for i in range(n))

def skip_without_its_package(format):
    if format == 'parquet': pytest.importorskip('pyarrow')

def name_for(format):
    "A file name that fits a format"
    return 'pairs' + FORMATS[format].suffixes[0]

def rows_in(path):
    "The rows of an export, read with nothing of ours"
    if path.suffix in ('.parquet', '.pq'): return pytest.importorskip('pyarrow.parquet').read_table(path).to_pylist()
    text = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]

def expected_rows(hh, format):
    "The rows that an export in a format should hold"
    if format in ('jsonl', 'parquet'): return [dict(zip(COLUMNS, (*pair, pair.kind, pair.id, ','.join(pair.flags)))) for pair in hh]
    if format == 'trl': return [{**to_text(pair)._asdict(), 'id': pair.id} for pair in hh]
    return [dict(prompt=[dict(role='user', content=pair.instruction)],
                 chosen=[dict(role='assistant', content=pair.chosen)],
                 rejected=[dict(role='assistant', content=pair.rejected)], id=pair.id) for pair in hh]

# Formats and names

@pytest.mark.parametrize('format, suffix', FILE_TYPES)
def test_each_format_under_each_of_its_names(tmp_path, format, suffix):
    skip_without_its_package(format)
    hh = load_hh('sample')
    hh.export(tmp_path/f'pairs{suffix}', format)
    assert rows_in(tmp_path/f'pairs{suffix}') == expected_rows(hh, format)

def test_the_name_decides_the_format(tmp_path):
    pytest.importorskip('pyarrow')
    hh = load_hh('sample')
    for name in 'a.jsonl', 'a.jsonl.gz', 'a.parquet', 'a.pq':
        hh.export(tmp_path/name)
        assert rows_in(tmp_path/name) == expected_rows(hh, 'jsonl')

@pytest.mark.parametrize('name', ['A.JSONL', 'A.PARQUET', 'a.Pq', 'A.Jsonl.GZ'])
def test_upper_case_in_a_name_changes_nothing(tmp_path, name):
    skip_without_its_package('parquet' if 'p' in name.lower() else 'jsonl')
    hh = load_hh('sample')
    hh.export(tmp_path/name)
    back = HH.from_jsonl if 'jsonl' in name.lower() else HH.from_parquet
    assert back(tmp_path/name) == hh

@pytest.mark.parametrize('name', ['a', 'a.xyz', 'a.json', 'a.gz', 'a.xyz.gz', 'a.jsonl.xyz', 'a.jsonl.zst', 'a.parquet.gz', 'jsonl', 'a.jsonl.'])
@pytest.mark.parametrize('format', [None, *FORMATS])
def test_a_name_that_fits_no_format_is_refused(tmp_path, name, format):
    with pytest.raises(ValueError, match=r'the name (decides|does not fit).* end it in .*\.'): pairs(1).export(tmp_path/name, format)
    assert not os.listdir(tmp_path)

@pytest.mark.parametrize('format, suffix', FILE_TYPES)
def test_a_name_of_another_format_is_refused(tmp_path, format, suffix):
    for other, known in FORMATS.items():
        if suffix in known.suffixes: continue
        with pytest.raises(ValueError, match=f"does not fit the format '{other}'"): pairs(1).export(tmp_path/f'a{suffix}', other)
    for method, known in (HH.to_jsonl, FORMATS['jsonl']), (HH.to_parquet, FORMATS['parquet']):
        if suffix in known.suffixes: continue
        with pytest.raises(ValueError, match='does not fit'): method(pairs(1), tmp_path/f'a{suffix}')
    assert not os.listdir(tmp_path)

def test_an_unknown_format_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=f"format is one of {', '.join(FORMATS)}, not 'xyz'"): pairs(1).export('a.jsonl', 'xyz')

def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    pytest.importorskip('pyarrow')
    monkeypatch.setenv('HOME', str(tmp_path))
    pairs(3).export('~/a.jsonl')
    pairs(3).to_parquet('~/a.parquet')
    assert {*os.listdir(tmp_path)} == {'a.jsonl', 'a.parquet'}
    assert HH.from_jsonl('~/a.jsonl') == HH.from_parquet('~/a.parquet') == pairs(3)

@pytest.mark.parametrize('format', ['jsonl', 'trl', 'trl-chat'])
def test_a_dash_is_standard_output(format, tmp_path, monkeypatch):
    "As bytes where there are bytes, whatever the terminal's encoding; as text in a notebook"
    monkeypatch.chdir(tmp_path)
    hh = load_hh('sample')
    code = f'import hh_nbdev as h, hh_nbdev.train; h.load_hh("sample").export("-", {format!r})'
    as_bytes = subprocess.check_output([sys.executable, '-c', code], env={**os.environ, 'PYTHONIOENCODING': 'ascii'})
    with redirect_stdout(io.StringIO()) as as_text: hh.export('-', format)
    assert as_bytes.decode() == as_text.getvalue()
    assert [json.loads(line) for line in as_bytes.splitlines()] == expected_rows(hh, format)
    assert not os.listdir(tmp_path)

def test_parquet_does_not_go_to_standard_output():
    with pytest.raises(ValueError, match='end it in .parquet'): pairs(1).export('-', 'parquet')

def test_a_template_where_it_matters_and_nowhere_else(tmp_path):
    hh = load_hh('sample')
    hh.export(tmp_path/'a.jsonl', 'trl', template=DIALOGUE)
    assert rows_in(tmp_path/'a.jsonl') == [{**to_text(pair, DIALOGUE)._asdict(), 'id': pair.id} for pair in hh]
    for format, known in FORMATS.items():
        if known.templated: continue
        with pytest.raises(ValueError, match='takes no template'): hh.export(tmp_path/name_for(format), format, force=True, template=DIALOGUE)

def test_the_same_pairs_have_the_same_bytes(tmp_path):
    for name in 'a.jsonl.gz', 'b.jsonl.gz': pairs(9).export(tmp_path/name)
    assert (tmp_path/'a.jsonl.gz').read_bytes() == (tmp_path/'b.jsonl.gz').read_bytes()

# What other readers make of the files

N = 40_000  # more rows, and more bytes, than any of the readers looks at before it decides on the types
LATE = HH([*pairs(N - 1), Pair('', '', 'b', SOURCES[0], 'train', N)])  # its first flag comes last

@pytest.fixture(scope='module', params=['.jsonl', '.parquet'])
def files(request, tmp_path_factory):
    "The ending, a file whose first flag comes last, and a file without any flag"
    suffix = request.param
    skip_without_its_package('parquet' if suffix == '.parquet' else 'jsonl')
    folder = tmp_path_factory.mktemp('files')
    LATE.export(folder/f'late{suffix}')
    pairs(20).export(folder/f'none{suffix}')
    return suffix, [str(folder/f'late{suffix}'), str(folder/f'none{suffix}')]

def read_by_polars(paths, suffix):
    polars = pytest.importorskip('polars')
    read = polars.read_parquet if suffix == '.parquet' else polars.read_ndjson
    return [row for path in paths for row in read(path).to_dicts()], polars.concat(map(read, paths))['flags'].value_counts().rows()

def read_by_pandas(paths, suffix):
    pandas = pytest.importorskip('pandas')
    def read(path): return pandas.read_parquet(path) if suffix == '.parquet' else pandas.read_json(path, lines=True)
    frame = pandas.concat(map(read, paths))
    return frame.to_dict('records'), [*frame.groupby('flags').size().items()]

def read_by_pyarrow(paths, suffix):
    pytest.importorskip('pyarrow')
    import pyarrow as pa, pyarrow.json, pyarrow.parquet
    read = pa.parquet.read_table if suffix == '.parquet' else pa.json.read_json
    table = pa.concat_tables([read(path) for path in paths])
    return table.to_pylist(), [(o['values'], o['counts']) for o in table['flags'].value_counts().to_pylist()]

def read_by_duckdb(paths, suffix):
    duckdb = pytest.importorskip('duckdb')
    source = f'read_{"parquet" if suffix == ".parquet" else "json"}({paths})'
    found = duckdb.sql(f'from {source}')
    rows = [dict(zip(found.columns, row)) for row in found.fetchall()]
    return rows, duckdb.sql(f'select flags, count(*) from {source} group by flags').fetchall()

def read_by_datasets(paths, suffix):
    datasets = pytest.importorskip('datasets')
    kind = 'parquet' if suffix == '.parquet' else 'json'
    loaded = datasets.load_dataset(kind, data_files=paths, split='train', cache_dir=str(Path(paths[0]).parent/'cache'))
    return loaded.to_list(), [*Counter(loaded['flags']).items()]

@pytest.mark.parametrize('read', [read_by_polars, read_by_pandas, read_by_pyarrow, read_by_duckdb, read_by_datasets])
def test_a_first_flag_late_in_a_large_file_and_a_second_file_without(files, read):
    suffix, paths = files
    rows, counts = read(paths, suffix)
    assert rows == [*expected_rows(LATE, 'jsonl'), *expected_rows(pairs(20), 'jsonl')]
    assert dict(counts) == {'': N + 19, 'empty': 1}
    assert HH.from_rows(rows[N - 99:N]) == LATE[N - 99:]

@pytest.mark.parametrize('convert', ['to_arrow', 'to_dataset', 'to_pandas', 'to_polars'])
def test_tables_in_memory_hold_the_same_rows(convert):
    pytest.importorskip(dict(to_arrow='pyarrow', to_dataset='datasets', to_pandas='pandas', to_polars='polars')[convert])
    hh = load_hh('sample')
    table = getattr(hh, convert)()
    rows = dict(to_arrow=lambda: table.to_pylist(), to_dataset=lambda: table.to_list(),
                to_pandas=lambda: table.to_dict('records'), to_polars=lambda: table.to_dicts())[convert]()
    assert rows == expected_rows(hh, 'jsonl')
    empty = getattr(hh[:0], convert)()
    names = empty.columns if convert in ('to_pandas', 'to_polars') else empty.column_names
    assert [*names] == [*COLUMNS] and len(empty) == 0

# Reading back

def by_rows(rows): return HH.from_rows(rows)

def by_jsonl(rows, folder):
    (folder/'a.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    return HH.from_jsonl(folder/'a.jsonl')

def table_of(rows):
    "Rows as a pandas data frame of objects, which keeps each value as it is"
    return pytest.importorskip('pandas').DataFrame(rows, dtype=object)

@pytest.mark.real
def test_round_trips_on_the_real_rows(tmp_path):
    pytest.importorskip('datasets'), pytest.importorskip('polars')
    hh = load_hh(split='test')
    hh.to_jsonl(tmp_path/'hh.jsonl')
    hh.to_jsonl(tmp_path/'hh.jsonl.gz')
    hh.to_parquet(tmp_path/'hh.parquet')
    backs = dict(
        jsonl=HH.from_jsonl(tmp_path/'hh.jsonl'), gzipped=HH.from_jsonl(tmp_path/'hh.jsonl.gz'),
        parquet=HH.from_parquet(tmp_path/'hh.parquet'), arrow=HH.from_arrow(hh.to_arrow()),
        dataset=HH.from_dataset(hh.to_dataset()), any_dataset=HH.from_rows(hh.to_dataset()),
        pandas=HH.from_pandas(hh.to_pandas()), polars=HH.from_polars(hh.to_polars()),
        streamed=HH.from_rows(hh.to_dataset().to_iterable_dataset()), rows=HH.from_rows(hh.to_list()))
    for name, back in backs.items():
        assert back == hh and back['id'] == hh['id'] and back['flags'] == hh['flags'], name
        assert {*map(type, back['line'])} == {int} and {*map(type, back['chosen'])} == {str}, name

def test_a_dataset_that_was_filtered_shuffled_or_formatted_comes_back_as_it_stands():
    pytest.importorskip('datasets'), pytest.importorskip('torch')
    hh = load_hh('sample')
    dataset = hh.to_dataset().select(range(9, 20)).shuffle(seed=1).with_format('torch')
    back = HH.from_dataset(dataset)
    assert back['line'] == dataset['line'][:].tolist() and {*back} == {*hh[9:20]}
    with pytest.raises(ValueError, match="choose one of 'train', 'test'"):
        HH.from_dataset(hh.to_dataset().train_test_split(10))

texts = st.text(max_size=20) | st.sampled_from(['{instruction}', 'nan', 'None', '', '\u2028', '"', '\\'])
any_pairs = st.lists(st.builds(Pair, texts, texts, texts, st.sampled_from(SOURCES), st.sampled_from(['train', 'test']), st.integers(0, 2**40)), max_size=5)

@given(any_pairs)
def test_any_pair_comes_back_from_a_file(tmp_path_factory, listed):
    hh, folder = HH(listed), tmp_path_factory.mktemp('back')
    hh.to_jsonl(folder/'a.jsonl')
    assert HH.from_jsonl(folder/'a.jsonl') == hh

def test_numbers_of_numpy_and_torch_become_ints():
    numpy, torch = pytest.importorskip('numpy'), pytest.importorskip('torch')
    row = pairs(1)[0].to_dict() | dict(source=numpy.str_(SOURCES[0]), chosen=numpy.str_('Yes.'))
    for line in numpy.int64(0), numpy.uint8(0), torch.tensor(0), numpy.array(0):
        back = HH.from_rows([row | dict(line=line)])[0]
        assert back.line == 0 and type(back.line) is int and type(back.chosen) is str and type(back.source) is str

NOT_TEXT = [None, float('nan'), 0, 1.5, True, ['Yes.'], {'text': 'Yes.'}]
NOT_A_LINE = [None, float('nan'), '0', 0.0, -1, True, [0]]
CONTRADICTIONS = [('id', 'harmless-base/train:8'), ('id', None), ('kind', 'helpful'), ('kind', None), ('skipped', 'multi-turn'),
                  ('source', 'mine'), ('source', None), ('split', 'val'), ('split', 0)]
FAULTS = [*((field, value) for field in ('instruction', 'chosen', 'rejected') for value in NOT_TEXT),
          *(('line', value) for value in NOT_A_LINE), *CONTRADICTIONS]

@pytest.mark.parametrize('field, value', FAULTS, ids=str)
def test_what_is_not_a_pair_is_named_with_its_row_and_field(tmp_path, field, value):
    "However it comes back: as rows, as a file, or as columns"
    rows = [pair.to_dict() for pair in pairs(3)]
    rows[2] = dict(pairs(5)[4].to_dict(), **{field: value})
    if field == 'skipped': rows = [{'skipped': '', **row} for row in rows]
    place = rf"2 \(counted from 0\), field '{field}': "
    with pytest.raises(ValueError, match=f'^row {place}'): HH.from_rows(rows)
    not_json = value != value  # JSON has no NaN
    with pytest.raises(BadFile, match=r'a\.jsonl, line 2 .* not JSON' if not_json else rf'a\.jsonl, line {place}'): by_jsonl(rows, tmp_path)
    with pytest.raises(ValueError, match=f'^row {place}'): HH.from_pandas(table_of(rows))

@pytest.mark.parametrize('field', Pair._fields)
def test_a_field_that_is_missing_is_named(tmp_path, field):
    rows = [pair.to_dict() for pair in pairs(3)]
    for row in rows: del row[field]
    for read in by_rows, lambda rows: by_jsonl(rows, tmp_path), lambda rows: HH.from_pandas(table_of(rows)):
        with pytest.raises(ValueError, match=rf"'{field}' is missing; found .*id, flags"): read(rows)

@pytest.mark.parametrize('value', NOT_TEXT + ['\ud800'], ids=ascii)
def test_nothing_is_trained_on_that_is_not_text(value):
    "Also if somebody made the pair by hand"
    hh = HH([pairs(1)[0]._replace(rejected=value)])
    for use in to_text, lambda pair: hh.export('-', 'trl'), lambda pair: hh.export('-', 'trl-chat'):
        with pytest.raises(ValueError, match="harmless-base/train:0, field 'rejected'"): use(hh[0])

def test_a_round_trip_through_csv_is_refused_or_right(tmp_path):
    "pandas makes NaN of an empty reply unless told to keep it"
    pandas = pytest.importorskip('pandas')
    hh = load_hh('sample')
    hh.to_pandas().to_csv(tmp_path/'a.csv', index=False)
    with pytest.raises(ValueError, match=r"found 'nan' \(float\) instead of text.*keep_default_na=False"):
        HH.from_pandas(pandas.read_csv(tmp_path/'a.csv'))
    assert HH.from_pandas(pandas.read_csv(tmp_path/'a.csv', keep_default_na=False)) == hh

@pytest.mark.parametrize('bad, said', [
    ('{}', 'is missing'), ('[]', r'\(list\)'), ('nope', 'not JSON'), ('7', r'\(int\)'), ('"text"', r'\(str\)'), ('{"a": NaN}', 'not JSON'),
    ('{"chosen": "a", "chosen": "b"}', "'chosen' appears twice"), ('\ufeff{}', 'not JSON')])
def test_a_line_that_to_jsonl_did_not_write_is_named(tmp_path, bad, said):
    hh = load_hh('sample')
    hh.to_jsonl(tmp_path/'a.jsonl')
    with open(tmp_path/'a.jsonl', 'a') as file: file.write('\n \t\n' + bad + '\n')
    with pytest.raises(BadFile, match=rf'a\.jsonl, line {len(hh) + 2} .*{said}'): HH.from_jsonl(tmp_path/'a.jsonl')

def test_blank_lines_and_other_writers_spaces_are_read(tmp_path):
    rows = [dict(reversed(pair.to_dict().items()), remark='mine') for pair in pairs(3)]
    (tmp_path/'a.jsonl').write_text('\n\n'.join(json.dumps(row, indent=None, separators=(', ', ' : ')) for row in rows) + '\n\n')
    assert HH.from_jsonl(tmp_path/'a.jsonl') == pairs(3)

def test_a_parquet_file_that_is_none_is_named(tmp_path):
    pa = pytest.importorskip('pyarrow')
    (tmp_path/'a.parquet').write_text('{}')
    with pytest.raises(BadFile, match=r'a\.parquet'): HH.from_parquet(tmp_path/'a.parquet')
    pa.parquet.write_table(pa.table(dict(prompt=['Hello'])), tmp_path/'b.parquet')
    with pytest.raises(BadFile, match=r"b\.parquet, column 'instruction' is missing; found prompt"): HH.from_parquet(tmp_path/'b.parquet')

# Whole or not at all. The verdict file has its own tests in test_review.py

def test_links_stay_and_what_is_not_a_regular_file_is_left_alone(tmp_path):
    (tmp_path/'link.jsonl').symlink_to('real.jsonl')
    pairs(9).export(tmp_path/'link.jsonl')
    assert (tmp_path/'link.jsonl').is_symlink() and HH.from_jsonl(tmp_path/'real.jsonl') == pairs(9)
    os.mkfifo(tmp_path/'pipe.jsonl')
    with pytest.raises(FileExistsError, match='choose another name'): pairs(9).export(tmp_path/'pipe.jsonl', force=True)
    assert (tmp_path/'pipe.jsonl').is_fifo()
    (tmp_path/'null.jsonl').symlink_to(os.devnull)
    with pytest.raises(FileExistsError, match='choose another name'): pairs(9).export(tmp_path/'null.jsonl', force=True)
    assert Path(os.devnull).is_char_device()

def export_over_and_over(file, ready):
    one, two = pairs(3000, 'one'), pairs(3000, 'two')
    os.write(ready, b'.')
    for _ in range(5000):
        one.export(file, force=True)
        two.export(file, force=True)

def kill_while_it_exports(file, seconds):
    "Start a process that exports over and over, and kill it after so many seconds; returns its number"
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try: export_over_and_over(file, writer)
        finally: os._exit(1)
    os.read(reader, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    os.close(reader), os.close(writer)
    return child

@pytest.mark.parametrize('there', [True, False], ids=['over an old file', 'a new file'])
def test_kill_9_at_25_random_moments(tmp_path, there):
    "What stands under the name is one whole export or another; what was under way is left in a hidden file beside it"
    file, rng, whole, seen, leftovers = tmp_path/'pairs.jsonl', random.Random(0), [], [], 0
    for word in 'one', 'two':
        start = time.monotonic()
        pairs(3000, word).export(file, force=True)
        once = time.monotonic() - start
        whole.append(file.read_bytes())
    for _ in range(25):
        if not there: file.unlink(missing_ok=True)
        child = kill_while_it_exports(file, rng.random() * 5*once)
        seen.append(whole.index(file.read_bytes()) if file.exists() else 'none')
        for part in {*tmp_path.iterdir()} - {file}:
            assert part.name.startswith(f'.pairs.jsonl.{child}')
            leftovers += 1
            part.unlink()
    assert leftovers > 5 and len({*seen}) > 1  # the kills did strike while it wrote

def test_two_threads_write_the_same_file(tmp_path):
    file, sizes = tmp_path/'pairs.jsonl', (3000, 2000)
    for _ in range(5):
        with ThreadPoolExecutor() as pool: list(pool.map(lambda n: pairs(n).export(file, force=True), sizes))
        assert HH.from_jsonl(file) in [pairs(n) for n in sizes] and os.listdir(tmp_path) == ['pairs.jsonl']

@pytest.mark.parametrize('format', FORMATS)
def test_ctrl_c_leaves_nothing(tmp_path, format, monkeypatch):
    skip_without_its_package(format)
    file = tmp_path/name_for(format)
    pairs(3).export(file, format)
    old = file.read_bytes()
    def interrupted(fd): raise KeyboardInterrupt
    monkeypatch.setattr(os, 'fsync', interrupted)
    with pytest.raises(KeyboardInterrupt): pairs(9).export(file, format, force=True)
    assert file.read_bytes() == old and os.listdir(tmp_path) == [file.name]

LIMITS = {
    'none': lambda folder: None,
    'small files': lambda folder: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    'read-only': lambda folder: (folder.chmod(0o555), os.getuid() or os.setuid(65534)),  # root may write anywhere
}
CODE = '''
import sys; sys.path.insert(0, sys.argv[1])
from test_export import LIMITS, Path, name_for, pairs
folder, format, limit = Path(sys.argv[2]), *sys.argv[3:]
hh = pairs(9000)
if format == 'parquet': import pyarrow.parquet
LIMITS[limit](folder)
for name in name_for(format), 'new_' + name_for(format):
    try: hh.export(folder/name, format, force=True)
    except OSError as e: print(e.errno, e)
'''

def refused(folder, format, number, limit='none'):
    "An export, in a process of its own, that cannot end well: an error that names the file, and all is as before"
    names = name_for(format), 'new_' + name_for(format)
    (folder/names[0]).write_bytes(b'old')
    said = subprocess.check_output([sys.executable, '-c', CODE, Path(__file__).parent, folder, format, limit], text=True).splitlines()
    assert len(said) == 2
    for name, line in zip(names, said): assert line.startswith(f'{number} ') and str(folder/name) in line
    assert (folder/names[0]).read_bytes() == b'old' and os.listdir(folder) == [names[0]]

@contextmanager
def small_disk(folder, size):
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip('may not mount a small disk')
    try: yield
    finally: subprocess.run(['umount', folder])

@pytest.mark.parametrize('format', FORMATS)
def test_full_disk(tmp_path, format):
    skip_without_its_package(format)
    with small_disk(tmp_path, '16k'): refused(tmp_path, format, errno.ENOSPC)

@pytest.mark.parametrize('format', FORMATS)
def test_limit_on_the_size_of_files(tmp_path, format):
    skip_without_its_package(format)
    refused(tmp_path, format, errno.EFBIG, 'small files')

@pytest.mark.parametrize('format', FORMATS)
def test_read_only_folder(tmp_path, format):
    skip_without_its_package(format)
    for folder in tmp_path.parent, tmp_path.parent.parent: folder.chmod(0o755)
    try: refused(tmp_path, format, errno.EACCES, 'read-only')
    finally: tmp_path.chmod(0o755)

@pytest.mark.parametrize('name, number', [('no/pairs.jsonl', errno.ENOENT), ('folder.jsonl', errno.EISDIR), ('x' * 250 + '.jsonl', errno.ENAMETOOLONG)])
def test_no_such_place(tmp_path, name, number):
    (tmp_path/'folder.jsonl').mkdir()
    with pytest.raises(OSError) as e: pairs(1).export(tmp_path/name, force=True)
    assert e.value.errno == number and name in str(e.value)
    assert os.listdir(tmp_path) == ['folder.jsonl'] and not os.listdir(tmp_path/'folder.jsonl')

@pytest.mark.parametrize('format', FORMATS)
def test_a_file_that_is_there_stays_unless_told(tmp_path, format):
    skip_without_its_package(format)
    file = tmp_path/name_for(format)
    file.write_bytes(b'old')
    with pytest.raises(FileExistsError, match='force=True'): pairs(1).export(file, format)
    assert file.read_bytes() == b'old' and os.listdir(tmp_path) == [file.name]
    pairs(1).export(file, format, force=True)
    assert rows_in(file) == expected_rows(pairs(1), format)
