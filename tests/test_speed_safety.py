"What makes the load fast costs no safety: threads end with it, Ctrl-C ends it, processes and threads may load side by side"
import gzip, json, multiprocessing, os, random, signal, subprocess, sys, threading, time
from pathlib import Path
import pytest
from hh_nbdev import SOURCES, BadRow, iter_hh, load_hh
from hh_nbdev.transcript import ASSISTANT, HUMAN

rng = random.Random(0)

def row():
    prompt = f'{HUMAN} {rng.random()}' * rng.choice((1, 1, 3))
    return json.dumps(dict(chosen=f'{prompt}{ASSISTANT} {rng.random()}', rejected=f'{prompt}{ASSISTANT} ’{rng.random()}' + ' and so on' * 50), ensure_ascii=False)

@pytest.fixture(scope='module')
def big(tmp_path_factory):
    "A folder with four files of some blocks each: what is unzipped ahead is not yet the whole file"
    folder = tmp_path_factory.mktemp('big')
    rows = [row() for _ in range(3000)]
    for n, source in enumerate(SOURCES):
        with gzip.open(folder/f'{source}.jsonl.gz', 'wt', compresslevel=1, encoding='utf-8') as f:
            for i in range(4): f.write('\n'.join(rows[n*100 + i:]) + '\n')
    return folder

@pytest.fixture(autouse=True)
def others():
    "Threads and processes that earlier tests of other things have left are not ours"
    global OTHERS
    OTHERS = {*threading.enumerate(), *multiprocessing.active_children()}

def alone(): return {*threading.enumerate(), *multiprocessing.active_children()} <= OTHERS

# Nothing is left behind

def test_after_a_load(big):
    hh = load_hh(big)
    assert alone() and len(hh) == hh.report.kept > 10_000

def test_after_an_error(big, tmp_path):
    for o in SOURCES: (tmp_path/f'{o}.jsonl.gz').write_bytes((big/f'{o}.jsonl.gz').read_bytes())
    with gzip.open(tmp_path/f'{SOURCES[1]}.jsonl.gz', 'wt') as f: f.write('nope\n' + (row() + '\n') * 20_000)
    with pytest.raises(BadRow): load_hh(tmp_path)
    assert alone()

def test_after_an_abandoned_iterator(big):
    pairs = iter_hh(big)
    next(pairs)
    assert not alone()
    del pairs
    assert alone()

def test_an_abandoned_iterator_does_not_hold_up_the_end(big):
    code = f'from hh_nbdev import iter_hh\npairs = iter_hh({str(big)!r})\nnext(pairs)'
    begun = time.perf_counter()
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)
    assert time.perf_counter() - begun < 10

@pytest.mark.skipif(os.name != 'posix', reason='signals as POSIX has them')
def test_ctrl_c(big):
    "Whenever it comes, it ends the process at once, with KeyboardInterrupt and nothing else"
    code = f'from hh_nbdev import load_hh\nload_hh({str(big)!r})\nprint(1, flush=True)\nwhile True: load_hh({str(big)!r})'
    took = []
    for i in range(5):
        p = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        p.stdout.readline()  # once loaded: what comes now comes while it loads
        time.sleep(i * .05)
        begun = time.perf_counter()
        p.send_signal(signal.SIGINT)
        _, says = p.communicate(timeout=60)
        took.append(time.perf_counter() - begun)
        assert p.returncode == -signal.SIGINT and says.rstrip().endswith('KeyboardInterrupt'), says
        # None of a thread's, none in a destructor; "During handling" is Python's own, where it came inside an `except` of pathlib's
        assert says.count('Traceback') == 1 + says.count('During handling of the above exception'), says
    assert min(took) < 1  # seconds; others may keep the machine busy now and then

# Side by side

def digest(folder, out): out.put(hash_of(load_hh(folder)))
def hash_of(hh): return len(hh), sum(len(o) for pair in hh for o in pair[:3]), repr(hh.report)

@pytest.mark.filterwarnings('ignore:.*multi-threaded.*:DeprecationWarning')
@pytest.mark.parametrize('method', sorted({'fork', 'spawn'} & {*multiprocessing.get_all_start_methods()}))
@pytest.mark.parametrize('while_loading', [False, True])
def test_child_processes(big, method, while_loading):
    "Children load what the parent loads, also when it is in the middle of a file itself"
    hh = load_hh(big)
    pairs = iter_hh(big) if while_loading else iter(hh)
    first = next(pairs)
    ctx = multiprocessing.get_context(method)
    out = ctx.Queue()
    processes = [ctx.Process(target=digest, args=(big, out)) for _ in range(2)]
    for p in processes: p.start()
    got = [out.get(timeout=120) for _ in processes]
    for p in processes: p.join()
    assert got == [hash_of(hh)] * 2 and [p.exitcode for p in processes] == [0, 0]
    assert [first, *pairs] == list(hh)

def test_two_threads(big):
    got = {}
    threads = [threading.Thread(target=lambda i=i: got.update({i: load_hh(big)})) for i in range(2)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert got[0] == got[1] == load_hh(big) and len({repr(o.report) for o in got.values()}) == 1
    assert alone()

def test_an_iterator_handed_from_thread_to_thread(big):
    "It goes on while the thread that began it lives; once that has ended it is an error, and never just an end"
    pairs, got, go = iter_hh(big), [], threading.Event()
    def begin():
        got.append(next(pairs))
        go.wait()
    first = threading.Thread(target=begin)
    first.start()
    while not got: time.sleep(.01)
    got += [next(pairs) for _ in range(1000)]
    go.set()
    first.join()
    with pytest.raises(RuntimeError, match='jsonl.gz: the thread that began to read this file has ended'):
        for o in pairs: got.append(o)
    assert got == list(load_hh(big))[:len(got)]  # no row cut or skipped before it
    assert alone()

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
@pytest.mark.filterwarnings('ignore:.*multi-threaded.*:DeprecationWarning')
def test_an_iterator_across_a_fork(big):
    "In the child it is an error; in the parent it goes on as if nothing had been"
    pairs = iter_hh(big)
    got = [next(pairs)]
    child = os.fork()
    if not child:
        try: os._exit(1 if list(pairs) else 2)
        except RuntimeError as e: os._exit(0 if 'left behind by a fork' in str(e) else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert got + list(pairs) == list(load_hh(big))

# Costs

def test_a_row_costs_the_same_in_a_larger_collection(big):
    "sample, index and slice touch what they return, not the rest"
    hh = load_hh(big)
    def least(f, hh): return min(timed(f, hh) for _ in range(50))
    def timed(f, hh):
        begun = time.perf_counter()
        f(hh)
        return time.perf_counter() - begun
    few = type(hh)(hh[:100])
    for f in (lambda o: o.sample(50), lambda o: o[50], lambda o: o[20:70]): assert least(f, hh) < 4 * least(f, few) + 1e-5

# The benchmark

BENCH = Path(__file__).parent.parent/'bench'/'bench.py'

def test_all_who_are_measured_read_the_same_pairs(big, tmp_path):
    (tmp_path/'1').symlink_to(big)
    def read(name): return json.loads(subprocess.check_output([sys.executable, BENCH, 'read', name, tmp_path/'1'], text=True).splitlines()[-1])
    names = ['load_hh without fastsimdjson', 'step 1: gzip + json', 'step 5: a larger buffer', 'polars', 'duckdb', 'pyarrow', 'pandas']  # datasets take long to import
    ours, others = read('load_hh'), {name: read(name) for name in names}
    assert ours['pairs'] == len(load_hh(big))
    assert {name for name, o in others.items() if o.get('digest') != ours['digest']} == {name for name, o in others.items() if 'absent' in o} <= {*names[3:]}
