"""The loader beside other ways to read the same files.

    make bench                    # or, where the extra `bench` is installed: python bench/bench.py [RUNS]

Makes a corpus as large as HH's training split out of the HH files that are here (or out of the sample), and lets
everyone read it RUNS times (7), in turn, each time in a fresh process. Prints a table; keeps all figures in
results.json and draws nbs/images/bench.svg, both shown by nbs/17_speed.ipynb. Who is not installed is named as absent.
"""
import gzip, hashlib, json, os, platform, re, shutil, subprocess, sys, tempfile, time
from importlib.metadata import PackageNotFoundError, version
from itertools import count, islice
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
RESULTS, PLOT = HERE/'results.json', HERE.parent/'nbs/images/bench.svg'
HUMAN, ASSISTANT = '\n\nHuman:', '\n\nAssistant:'

# The corpus

def originals(source):
    "A collection's rows: the training split's if it is here, or else the test split's, or the sample's"
    from hh_nbdev import DataNotFound, find_files
    for kwargs in dict(split='train'), dict(split='test'), dict(path='sample'):
        try: file = find_files(sources=source, download=False, **kwargs)[0]
        except DataNotFound: continue
        open_ = gzip.open if file.path.suffix == '.gz' else open
        with open_(file.path, 'rb') as f: return file.origin, list(map(json.loads, f))

def make_corpus(folder):
    """All four files, with the training split's number of rows: those that are here, over and over. From the second
    time on both replies end in its number, so that no two rows are equal"""
    from hh_nbdev.files import OFFICIAL, SOURCES
    folder.mkdir()
    for source in SOURCES:
        origin, rows = originals(source)
        with gzip.GzipFile('', 'wb', 6, open(folder/f'{source}.jsonl.gz', 'wb'), mtime=0) as f:
            for row in islice(over_and_over(rows), OFFICIAL[source, 'train'].rows):
                f.write(json.dumps(row, ensure_ascii=False).encode() + b'\n')
    return origin

def over_and_over(rows):
    "Rows without end"
    yield from rows
    for k in count(1):
        for row in rows: yield {side: f'{text} ({k})' for side, text in row.items()}

def files(folder):
    from hh_nbdev import SOURCES
    return [str(folder/f'{o}.jsonl.gz') for o in SOURCES]

# Who reads it. Each function imports what it needs, yields once, and then reads: so the two are timed apart.
# What it returns are the texts of the pairs, in order, or nothing.

def unzip(module):
    def read(folder):
        opener = __import__(module, fromlist=['open']).open
        yield
        for path in files(folder):
            with opener(path) as f:
                while f.read(1 << 20): pass
    return read

def loop(opener, parser):
    "A plain loop with hh_nbdev's rule: what remains if all that makes it fast is left out"
    def read(folder):
        from io import BufferedReader
        import orjson
        from isal import igzip, igzip_threaded
        from hh_nbdev import SOURCES, Pair
        from hh_nbdev.transcript import parse_row
        loads = dict(json=json.loads, orjson=orjson.loads)[parser]
        def buffered(path): return BufferedReader(igzip_threaded.open(path).detach(), 1 << 16)
        open_ = dict(gzip=gzip.open, isal=igzip.open, thread=igzip_threaded.open, buffer=buffered)[opener]
        yield
        res, skipped = [], dict.fromkeys(SOURCES, 0)
        for source, path in zip(SOURCES, files(folder)):
            with open_(path) as f:
                for n, line in enumerate(f):
                    row = loads(line)
                    got = parse_row(row['chosen'], row['rejected'])
                    if isinstance(got, str): skipped[source] += 1
                    else: res.append(Pair(*got, source, 'train', n))
        return res
    return read

def hh(plain=False, **kwargs):
    "The loader; `plain` hides fastsimdjson from it"
    def read(folder):
        from hh_nbdev import load_hh
        if plain: sys.modules['fastsimdjson'] = None
        yield
        return load_hh(folder, **kwargs)
    return read

def stage(upto):
    "The plain loader up to one of its steps"
    def read(folder):
        from hh_nbdev.load import iter_hh, read_lines
        from hh_nbdev.transcript import parse_line, read_line
        sys.modules['fastsimdjson'] = None
        yield
        if upto == 'pairs':
            for _ in iter_hh(folder): pass
            return
        step = dict(lines=None, json=read_line, rules=parse_line)[upto]
        for path in files(folder):
            for line in read_lines(Path(path)):
                if step: step(line)
    return read

def datasets(folder):
    from datasets import disable_progress_bars, load_dataset
    disable_progress_bars()
    yield
    def keep(row):
        chosen, rejected = row['chosen'], row['rejected']
        marks = [side.count(mark) for side in (chosen, rejected) for mark in (HUMAN, ASSISTANT)]
        return marks == [1, 1, 1, 1] and chosen.split(ASSISTANT)[0] == rejected.split(ASSISTANT)[0]
    def split(row):
        instruction, chosen = row['chosen'].removeprefix(HUMAN).split(ASSISTANT)
        return dict(instruction=instruction.strip(), chosen=chosen.strip(), rejected=row['rejected'].split(ASSISTANT)[1].strip())
    rows = load_dataset('json', data_files=files(folder), split='train', cache_dir=str(folder.parent/'cache')).filter(keep).map(split)
    return ((o['instruction'], o['chosen'], o['rejected']) for o in rows)  # read out after the clock has stopped

def polars(folder):
    import polars as pl
    yield
    sides = [pl.col(name).str for name in ('chosen', 'rejected')]
    chosen, rejected = [side.split(ASSISTANT).list for side in sides]
    one_turn = [side.count_matches(mark, literal=True) == 1 for side in sides for mark in (HUMAN, ASSISTANT)]
    human_first = [side.starts_with(HUMAN) for side in sides]
    pairs = pl.scan_ndjson(files(folder)).filter(*one_turn, *human_first, chosen.get(0) == rejected.get(0))
    instruction = chosen.get(0).str.strip_prefix(HUMAN)
    rows = pairs.select(instruction, chosen.get(1).alias('c'), rejected.get(1).alias('r')).collect().rows()
    return [tuple(text.strip() for text in row) for row in rows]

def duckdb(folder):
    import duckdb
    yield
    rows = duckdb.execute("""
        with rows as (from read_json($files, format='newline_delimited', columns={chosen: 'varchar', rejected: 'varchar'})),
        split as (select string_split(chosen, $a) c, string_split(rejected, $a) r from rows
                  where starts_with(chosen, $h) and starts_with(rejected, $h) and len(string_split(chosen, $h)) = 2 and len(string_split(rejected, $h)) = 2)
        select c[1][length($h) + 1:], c[2], r[2] from split where len(c) = 2 and len(r) = 2 and c[1] = r[1]""",
        dict(files=files(folder), h=HUMAN, a=ASSISTANT)).fetchall()
    return [tuple(o.strip() for o in row) for row in rows]

def pyarrow(folder):
    import pyarrow.compute as pc
    from pyarrow import json as pj
    yield
    res = []
    for path in files(folder):
        table = pj.read_json(path)
        for col in 'chosen', 'rejected':
            for mark in HUMAN, ASSISTANT: table = table.filter(pc.equal(pc.count_substring(table[col], mark), 1))
            table = table.filter(pc.starts_with(table[col], HUMAN))
        c, r = (pc.split_pattern(table[col], ASSISTANT) for col in ('chosen', 'rejected'))
        same = pc.equal(pc.list_element(c, 0), pc.list_element(r, 0))
        cols = [pc.list_element(o.filter(same), i).to_pylist() for o, i in ((c, 0), (c, 1), (r, 1))]
        res += [(a.removeprefix(HUMAN).strip(), b.strip(), c.strip()) for a, b, c in zip(*cols)]
    return res

def pandas(folder):
    import pandas as pd
    yield
    df = pd.concat([pd.read_json(o, lines=True) for o in files(folder)])
    for col in 'chosen', 'rejected':
        for mark in HUMAN, ASSISTANT: df = df[df[col].str.count(mark) == 1]
        df = df[df[col].str.startswith(HUMAN)]
    c, r = (df[col].str.split(ASSISTANT, regex=False) for col in ('chosen', 'rejected'))
    rows = zip(c.str[0].str.removeprefix(HUMAN).str.strip(), c.str[1].str.strip(), r.str[1].str.strip(), c.str[0] == r.str[0])
    return [tuple(texts) for *texts, same in rows if same]

WHO = {
    'unzip only, isal': unzip('isal.igzip'),
    'unzip only, gzip': unzip('gzip'),
    'load_hh': hh(),
    'load_hh without fastsimdjson': hh(plain=True),
    'step 1: gzip + json': loop('gzip', 'json'),
    'step 2: gzip + orjson': loop('gzip', 'orjson'),
    'step 3: isal + orjson': loop('isal', 'orjson'),
    'step 4: isal in a thread': loop('thread', 'orjson'),
    'step 5: a larger buffer': loop('buffer', 'orjson'),
    'stage: lines': stage('lines'),
    'stage: + JSON': stage('json'),
    'stage: + rules': stage('rules'),
    'stage: + pairs, report': stage('pairs'),
    'datasets, cold': datasets,
    'datasets, warm': datasets,
    'polars': polars,
    'duckdb': duckdb,
    'pyarrow': pyarrow,
    'pandas': pandas,
    'load_hh, 4 × the rows': hh(),
    'load_hh, one collection': hh(sources='helpful-base'),
}

# One reading in a fresh process

def memory(field):
    "'VmRSS', resident now, or 'VmHWM', at most so far, in MiB; the latter also where there is no /proc"
    try: return int(Path('/proc/self/status').read_text().split(field + ':')[1].split()[0]) / 1024
    except OSError:
        try: from resource import RUSAGE_SELF, getrusage
        except ImportError: return None
        return getrusage(RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 1024)

def size(pairs):
    "What pairs take by themselves, in MiB"
    texts = {id(o): o for pair in pairs for o in pair}
    return (sys.getsizeof(tuple(pairs)) + sum(map(sys.getsizeof, pairs)) + sum(map(sys.getsizeof, texts.values()))) / 2**20

def read_once(name, folder):
    "Print the figures of one reading"
    clocks = time.perf_counter, time.process_time, time.thread_time
    begun = time.perf_counter()
    try: next(reading := WHO[name](Path(folder)))
    except ModuleNotFoundError as e: return print(json.dumps(dict(absent=e.name)))
    imported, before, start = time.perf_counter() - begun, memory('VmRSS'), [o() for o in clocks]
    try: next(reading)
    except StopIteration as e: got = e.value
    wall, cpu, thread = (o() - s for o, s in zip(clocks, start))
    res = dict(seconds=wall, total=imported + wall, cpu=cpu, thread=thread, imported=imported, before=before, peak=memory('VmHWM'))
    if got is not None:
        if name.startswith('load_hh'): res['size'] = size(got)
        digest, n = hashlib.sha256(), 0
        for n, (instruction, chosen, rejected, *_) in enumerate(got, 1): digest.update('\0'.join((instruction, chosen, rejected, '')).encode())
        res.update(pairs=n, digest=digest.hexdigest())
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in res.items()}))

# All readings, and what comes of them

def measure(runs):
    "Let everyone read in turn, `runs` times over"
    tmp = Path(tempfile.mkdtemp(prefix='hh_bench'))
    try:
        origin = make_corpus(tmp/'1')
        (tmp/'4').mkdir()
        for path in (tmp/'1').iterdir():  # four gzip members, one after the other, are a gzip file
            (tmp/'4'/path.name).write_bytes(path.read_bytes() * 4)
        got, absent = read_in_turn(tmp, runs)
        zipped = {path.name.split('.')[0]: path.stat().st_size for path in sorted((tmp/'1').iterdir())}
    finally: shutil.rmtree(tmp)
    readings = {name: {field: [reading[field] for reading in rs] for field in rs[0]} for name, rs in got.items() if rs}
    check_digests({name: reading.pop('digest') for name, reading in readings.items() if 'digest' in reading})
    assert readings['load_hh, 4 × the rows']['pairs'][0] == 4 * readings['load_hh']['pairs'][0]
    return dict(python=platform.python_version(), system=system(), day=time.strftime('%Y-%m-%d'),
                corpus=dict(origin=origin, zipped=zipped), versions=versions(), runs=runs, readings=readings, absent=absent)

def read_in_turn(tmp, runs):
    "The readings of each name, and the modules that are absent"
    got, absent = {name: [] for name in WHO}, {}
    for run in range(-1, runs):  # the first time is not counted: it brings files and modules into memory
        for name in WHO:
            if name in absent: continue
            if name == 'datasets, cold': shutil.rmtree(tmp/'cache', ignore_errors=True)
            turn = 'warming up' if run < 0 else f'{run + 1} of {runs}'
            print(f'\r{turn}: {name:30}', end='', file=sys.stderr, flush=True)
            reading = read_in_a_process(name, tmp/('4' if '4 ×' in name else '1'))
            if 'absent' in reading: absent[name] = reading['absent']
            elif run >= 0: got[name].append(reading)
    print(file=sys.stderr)
    return got, absent

def read_in_a_process(name, folder):
    "The figures of one reading in a fresh process"
    out = subprocess.run([sys.executable, __file__, 'read', name, str(folder)], capture_output=True, text=True)
    if out.returncode: sys.exit(f'\n{name}: {out.stderr}')
    return json.loads(out.stdout.splitlines()[-1])

def check_digests(digests):
    "Everyone who reads all four files must come to the same pairs"
    comparable = [digest for name, found in digests.items() if not name.startswith('load_hh,') for digest in found]
    assert len(set(comparable)) == 1, f'not all read the same pairs: {digests}'

def versions():
    "Of those of us and the others that are installed"
    names = 'hh_nbdev', 'isal', 'orjson', 'fastsimdjson', 'datasets', 'polars', 'duckdb', 'pyarrow', 'pandas'
    return {name: installed for name in names if (installed := version_of(name))}

def version_of(name):
    try: return version(name)
    except PackageNotFoundError: return None

def system():
    "Such as 'Linux x86_64, 2 cores (AMD EPYC)'"
    cpu = Path('/proc/cpuinfo')
    model = cpu.read_text().split('model name')[1].splitlines()[0].strip('\t :') if cpu.exists() else platform.processor()
    return f'{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({model})'

def ratio(res, name, to='load_hh', field='seconds', how=median):
    "How many times as long `name` takes as `to`: the median of the runs' ratios, or with how=min the ratio of the least times"
    a, b = (res['readings'][n][field] for n in (name, to))
    return min(a)/min(b) if how is min else median(x/y for x, y in zip(a, b))

def table(res, names=None):
    "The figures as Markdown"
    lines = ['| | seconds, median (least) | × load_hh, median (of the least) | import, s | peak MiB |', '|---|---:|---:|---:|---:|']
    for name in names or res['readings']:
        if name in res['readings']: lines.append(table_row(res, name))
        elif name in res['absent']: lines.append(f'| {name} | absent: no module {res["absent"][name]} | | | |')
    return '\n'.join(lines)

def table_row(res, name):
    reading = res['readings'][name]
    seconds, peak = reading['seconds'], max(value or 0 for value in reading['peak'])
    cells = [name, f'{median(seconds):.2f} ({min(seconds):.2f})', f'{ratio(res, name):.2f} ({ratio(res, name, how=min):.2f})',
             f'{median(reading["imported"]):.2f}', f'{peak:.0f}']
    return f'| {" | ".join(cells)} |'

def beyond(res, name):
    "Peak memory of a load beyond what was there before it and the pairs themselves, in MiB; None where it cannot be told"
    o = res['readings'][name]
    return median(p - b - s for p, b, s in zip(o['peak'], o['before'], o['size'])) if o['before'][0] else None

AT_MOST = [  # times as long as load_hh takes, at most: what, the other, which time, the aim
    ('time, next to isal only unzipping, in one thread', 'unzip only, isal', 'seconds', 1),
    ('time, next to gzip only unzipping', 'unzip only, gzip', 'seconds', .6),
    ('time, next to load_hh without fastsimdjson', 'load_hh without fastsimdjson', 'seconds', .8),
    ('time with import, next to a warm reload by datasets', 'datasets, warm', 'total', 1),
    ('import, next to that of datasets', 'datasets, warm', 'imported', .1),
]
AT_LEAST = {  # times as long as load_hh, at least
    'step 1: gzip + json': 3, 'datasets, cold': 8, 'polars': 1.15, 'duckdb': 1, 'pyarrow': 1, 'pandas': 1}

def aims(res):
    "What the loader is to reach, and what it does: (what, aim, measured, reached?)"
    rows = []
    for what, other, field, aim in AT_MOST:
        if other not in res['readings']: continue
        got = 1 / ratio(res, other, field=field)
        rows.append((what, f'≤ {aim:g} ×', f'{got:.2f} ×', got <= aim))
    for name, aim in AT_LEAST.items():
        if name not in res['readings']: continue
        got = ratio(res, name)
        rows.append((f'time of {name}', f'≥ {aim:g} ×', f'{got:.2f} ×', got >= aim))
    more, memory = ratio(res, 'load_hh, 4 × the rows'), beyond(res, 'load_hh')
    rows.append(('time for 4 × the rows', '≤ 4.2 ×', f'{more:.2f} ×', more <= 4.2))
    if memory: rows.append(('peak memory beyond the result', '≤ 40 MiB', f'{memory:.0f} MiB', memory <= 40))
    return rows

def aims_table(res):
    lines = ['| | aim | measured | |', '|---|---:|---:|---|']
    for what, aim, got, reached in aims(res):
        lines.append(f'| {what} | {aim} | {got} | {"reached" if reached else "not reached"} |')
    return '\n'.join(lines)

def plot(res, path):
    "Seconds of each, the loader's own marked, as SVG"
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    names = [o for o in res['readings'] if not o.startswith(('step', 'stage', 'load_hh,'))] + ['step 1: gzip + json']
    times = {o.replace('step 1: ', '').replace('gzip + json', 'gzip + json, a plain loop'): res['readings'][o]['seconds'] for o in names}
    times = dict(sorted(times.items(), key=lambda o: median(o[1])))
    with rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'hh_nbdev', 'font.family': 'sans-serif'}):
        fig = Figure(figsize=(8, .6 + .36*len(times)), layout='constrained', facecolor='white')
        ax = fig.subplots()
        for i, (name, s) in enumerate(times.items()):
            ax.barh(i, median(s), .62, color='#0067a5' if name == 'load_hh' else '#ccc' if name.startswith('unzip') else '#888')
            ax.plot([min(s), max(s)], [i, i], color='black', lw=1)
            ax.annotate(f'{median(s):.2f} s', (max(s), i), (5, 0), textcoords='offset points', va='center', fontsize=9.5, fontweight='bold' if name == 'load_hh' else None)
        ax.set_yticks(range(len(times)), list(times), fontsize=10.5)
        ax.invert_yaxis()
        ax.margins(x=.1)
        ax.set_xlim(0)
        ax.set_xlabel(f'seconds: median of {res["runs"]} fresh processes; the line goes from the least to the most', fontsize=9.5)
        ax.spines[['top', 'right', 'left']].set_visible(False)
        ax.tick_params(axis='y', length=0)
        path.parent.mkdir(exist_ok=True)
        fig.savefig(path, metadata={'Date': None})

if __name__ == '__main__':
    if sys.argv[1:2] == ['read']: read_once(*sys.argv[2:])
    else:
        res = measure(int((sys.argv[1:] or [7])[0]))
        python = '.'.join(res['python'].split('.')[:2])
        results = {**(json.loads(RESULTS.read_text(encoding='utf-8')) if RESULTS.exists() else {}), python: res}
        RESULTS.write_text(re.sub(r'\n {4,}', ' ', json.dumps(results, indent=1, ensure_ascii=False)) + '\n', encoding='utf-8')  # a line for each list
        try: plot(res, PLOT)
        except ModuleNotFoundError as e: print(f'no plot: no module {e.name}')
        print(f'Python {res["python"]}, {res["system"]}, {sum(res["corpus"]["zipped"].values())/1e6:.1f} MB of gzip made from: {res["corpus"]["origin"]}\n\n{table(res)}\n\n{aims_table(res)}')
