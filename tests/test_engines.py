"The same parse on engines that spread work over processes: Hugging Face datasets and Ray give what the loader gives"
import json, os, signal
from collections import Counter
from pathlib import Path
import pytest
from hh_nbdev.files import SOURCES, DataFile, find_files
from hh_nbdev.load import HH, iter_rows, load_hh, parse_batch, tally
from hh_nbdev.transcript import BadRow
import hh_nbdev.train  # noqa: F401  adds HH.from_rows

TEST_FILES = {source: Path(os.environ.get('HH_DATA', ''))/source/'test.jsonl.gz' for source in SOURCES}

def test_rows_of_a_file_keep_white_space_if_told_and_a_bad_row_has_its_place(tmp_path):
    row = {side: f'\n\nHuman: Hi \n\nAssistant: {side} ' for side in ('chosen', 'rejected')}
    (tmp_path/'a.jsonl').write_text(json.dumps(row) + '\n\n{}\n')
    file = DataFile(tmp_path/'a.jsonl', 'helpful-base', 'train', 'path', False)
    rows = iter_rows(file, trim=False)
    batch = {side: [text] for side, text in row.items()}
    assert next(rows)['instruction'] == parse_batch(batch, trim=False)['instruction'][0] == ' Hi '
    with pytest.raises(BadRow, match=r'a\.jsonl, line 2 '): next(rows)
    assert [row['skipped'] for row in iter_rows(file, on_bad='skip')] == ['', 'missing field']

@pytest.mark.real
def test_the_batch_function_under_datasets_gives_the_loaders_pairs(tmp_path):
    datasets = pytest.importorskip('datasets')
    files = [str(file) for file in TEST_FILES.values()]
    raw = datasets.load_dataset('json', data_files=files, split='train', cache_dir=str(tmp_path))
    got = raw.map(parse_batch, batched=True, remove_columns=raw.column_names)
    hh = load_hh(split='test')
    texts = [(row['instruction'], row['chosen'], row['rejected']) for row in got if not row['skipped']]
    assert texts == [pair[:3] for pair in hh]
    assert Counter(reason for reason in got['skipped'] if reason) == hh.report.skipped

@pytest.mark.real
def test_file_rows_are_the_loaders_rows():
    hh, files = load_hh(split='test'), find_files(split='test')
    got = [row for file in files for row in iter_rows(file)]
    assert HH.from_rows(row for row in got if not row['skipped']) == hh
    with pytest.raises(ValueError, match="field 'skipped': this row is not a pair"): HH.from_rows(got)
    counts = Counter((row['source'], row['skipped']) for row in got)
    assert tally(files, ((source, reason, n) for (source, reason), n in counts.items())) == hh.report
    counts['helpful-base', 'multi-turn'] -= 1
    with pytest.raises(RuntimeError, match='read 2353 rows of 2354'):
        tally(files, ((source, reason, n) for (source, reason), n in counts.items()))

@pytest.fixture(scope='module')
def ray():
    "Ray on two cores of this machine"
    ray = pytest.importorskip('ray')
    pytest.importorskip('ray.data')
    for left in 2, 1, 0:
        try: ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        except Exception:  # noqa: PERF203  # a busy machine: Ray gives its own processes 30 seconds to start
            ray.shutdown()
            if not left: raise
        else: break
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars, context.target_max_block_size = False, 1 << 17  # small blocks: many are out when a worker dies
    yield ray
    ray.shutdown()

def ray_load(ray, folder, split, die_at, deaths):
    "Pairs and report of a folder, as Ray makes them; the first worker on each file is killed when it comes to row `die_at`"
    def read(row):
        for n, parsed in enumerate(iter_rows(DataFile(**row))):
            mark = deaths/row['source']
            if n == die_at and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield parsed
    files = find_files(folder, split)
    items = ray.data.from_items([file._asdict() for file in files], override_num_blocks=len(files))
    data = items.flat_map(read).materialize()
    counts = data.groupby(['source', 'skipped'], num_partitions=1).count().take_all()
    rows = data.filter(lambda row: not row['skipped']).take_all()
    rows.sort(key=lambda row: (SOURCES.index(row['source']), row['line']))
    return HH.from_rows(rows), tally(files, (tuple(row.values()) for row in counts)), data.num_blocks()

@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize('die_at', [None, 1500], ids=['in peace', 'each first worker killed'])
def test_ray_gives_what_the_loader_gives(ray, tmp_path, die_at):
    hh = load_hh(split='test', sources=SOURCES)
    got, report, blocks = ray_load(ray, None, 'test', die_at, tmp_path)
    assert blocks > 4 and len(os.listdir(tmp_path)) == (3 if die_at else 0)  # helpful-online has fewer rows than that
    assert got == hh and report == hh.report

@pytest.mark.real
@pytest.mark.slow
def test_ray_on_a_training_sized_corpus_with_workers_killed(ray, tmp_path, corpus):
    hh = load_hh(corpus)
    got, report, blocks = ray_load(ray, corpus, 'train', 20_000, tmp_path)
    assert blocks > 100 and len(os.listdir(tmp_path)) == 4
    assert got == hh and report == hh.report and report.read == 160_800
