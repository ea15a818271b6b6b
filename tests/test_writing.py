"Every export is written whole or not at all, whatever happens meanwhile. The verdict file has its own tests in test_verdicts.py and test_review.py"
import errno, json, os, random, resource, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import pytest
from hh_nbdev.files import SOURCES
from hh_nbdev.load import HH, Pair
import hh_nbdev.train  # noqa: F401  adds HH.export

FORMATS = 'jsonl', 'parquet', 'trl', 'trl-chat'
def pairs(n, word='reply'): return HH(Pair(f'Question {i}?', f'{word} {i} ' * 9, f'No {word}', SOURCES[i%4], 'train', i) for i in range(n))

def skip_without_pyarrow(format):
    if format == 'parquet': pytest.importorskip('pyarrow')

def test_links_stay_and_what_is_no_plain_file_is_left_alone(tmp_path):
    (tmp_path/'link').symlink_to('real')
    pairs(9).export(tmp_path/'link')
    assert (tmp_path/'link').is_symlink() and HH.from_jsonl(tmp_path/'real') == pairs(9)
    os.mkfifo(tmp_path/'pipe')
    for file in tmp_path/'pipe', Path(os.devnull):
        with pytest.raises(FileExistsError, match='not a regular file'): pairs(9).export(file, force=True)
        assert file.exists() and not file.is_file()

def export_over_and_over(file, ready):
    hhs = pairs(3000, 'one'), pairs(3000, 'two')
    os.write(ready, b'.')
    for i in range(9999): hhs[i % 2].export(file, force=True)

@pytest.mark.parametrize('there', [True, False], ids=['over an old file', 'a new file'])
def test_kill_9_at_25_random_moments(tmp_path, there):
    "What stands under the name is one whole export or another; what was under way is left in a hidden file beside it"
    file, rng, whole, seen, parts = tmp_path/'pairs.jsonl', random.Random(0), [], [], []
    for word in 'one', 'two':
        start = time.monotonic()
        pairs(3000, word).export(file, force=True)
        once = time.monotonic() - start
        whole.append(file.read_bytes())
    for _ in range(25):
        if not there: file.unlink(missing_ok=True)
        r, w = os.pipe()
        if not (pid := os.fork()):
            try: export_over_and_over(file, w)
            finally: os._exit(1)
        os.read(r, 1)
        time.sleep(rng.random() * 5*once)
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        os.close(r), os.close(w)
        seen.append(whole.index(file.read_bytes()) if file.exists() else 'none')
        for o in {*tmp_path.iterdir()} - {file}:
            assert o.name.startswith(f'.pairs.jsonl.{pid}')
            parts.append(o)
            o.unlink()
    assert len(parts) > 5 and len({*seen}) > 1  # the kills did strike while it wrote

def test_two_threads_write_the_same_file(tmp_path):
    file, sizes = tmp_path/'pairs.jsonl', (3000, 2000)
    for _ in range(5):
        with ThreadPoolExecutor() as pool: [*pool.map(lambda n: pairs(n).export(file, force=True), sizes)]
        assert list(HH.from_jsonl(file)) in [list(pairs(n)) for n in sizes] and os.listdir(tmp_path) == ['pairs.jsonl']

@pytest.mark.parametrize('format', FORMATS)
def test_ctrl_c_leaves_nothing(tmp_path, format, monkeypatch):
    skip_without_pyarrow(format)
    file = tmp_path/'pairs'
    pairs(3).export(file, format)
    old = file.read_bytes()
    def fsync(fd): raise KeyboardInterrupt
    monkeypatch.setattr(os, 'fsync', fsync)
    with pytest.raises(KeyboardInterrupt): pairs(9).export(file, format, force=True)
    assert file.read_bytes() == old and os.listdir(tmp_path) == ['pairs']

LIMITS = {
    'none': lambda folder: None,
    'small files': lambda folder: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    'read-only': lambda folder: (folder.chmod(0o555), os.getuid() or os.setuid(65534)),  # root may write anywhere
}
CODE = '''
import sys; sys.path.insert(0, sys.argv[1])
from test_writing import LIMITS, Path, hh_nbdev, pairs
folder, format, limit = Path(sys.argv[2]), *sys.argv[3:]
hh = pairs(9000)
if format == 'parquet': import pyarrow.parquet
LIMITS[limit](folder)
for name in 'pairs', 'new':
    try: hh.export(folder/name, format, force=True)
    except OSError as e: print(e.errno, e)
'''

def refused(folder, format, number, limit='none'):
    "An export, in a process of its own, that cannot end well: an error that names the file, and all is as before"
    (folder/'pairs').write_bytes(b'old')
    said = subprocess.check_output([sys.executable, '-c', CODE, Path(__file__).parent, folder, format, limit], text=True).splitlines()
    assert len(said) == 2
    for name, line in zip(('pairs', 'new'), said): assert line.startswith(f'{number} ') and str(folder/name) in line
    assert (folder/'pairs').read_bytes() == b'old' and os.listdir(folder) == ['pairs']

@contextmanager
def small_disk(folder, size):
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder], capture_output=True).returncode: pytest.skip('may not mount a small disk')
    try: yield
    finally: subprocess.run(['umount', folder])

@pytest.mark.parametrize('format', FORMATS)
def test_full_disk(tmp_path, format):
    skip_without_pyarrow(format)
    with small_disk(tmp_path, '16k'): refused(tmp_path, format, errno.ENOSPC)

@pytest.mark.parametrize('format', FORMATS)
def test_limit_on_the_size_of_files(tmp_path, format):
    skip_without_pyarrow(format)
    refused(tmp_path, format, errno.EFBIG, 'small files')

@pytest.mark.parametrize('format', FORMATS)
def test_read_only_folder(tmp_path, format):
    skip_without_pyarrow(format)
    for o in tmp_path.parent, tmp_path.parent.parent: o.chmod(0o755)
    try: refused(tmp_path, format, errno.EACCES, 'read-only')
    finally: tmp_path.chmod(0o755)

@pytest.mark.parametrize('name, number', [('no/pairs', errno.ENOENT), ('folder', errno.EISDIR), ('x' * 250, errno.ENAMETOOLONG)])
def test_no_such_place(tmp_path, name, number):
    (tmp_path/'folder').mkdir()
    with pytest.raises(OSError) as e: pairs(1).export(tmp_path/name, force=True)
    assert e.value.errno == number and name in str(e.value)
    assert os.listdir(tmp_path) == ['folder'] and not os.listdir(tmp_path/'folder')

def test_a_file_that_is_there_stays_unless_told(tmp_path):
    (tmp_path/'pairs').write_bytes(b'old')
    with pytest.raises(FileExistsError, match='force=True'): pairs(1).export(tmp_path/'pairs')
    assert (tmp_path/'pairs').read_bytes() == b'old' and os.listdir(tmp_path) == ['pairs']
    pairs(1).export(tmp_path/'pairs', force=True)
    assert json.loads((tmp_path/'pairs').read_bytes())['instruction'] == 'Question 0?'
