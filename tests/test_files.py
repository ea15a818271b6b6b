"""Where the files are looked for, whether they are the official ones, and the download.

The download runs the real client in processes of its own, against a Hub on loopback. See hub.py."""
import gzip, json, os, re, socket, subprocess, sys, time
from pathlib import Path
from random import Random
import huggingface_hub
import pytest
from hub import Hub
from hh_nbdev import files
from hh_nbdev.files import OFFICIAL, PLACES, SAMPLE, SOURCES, BadFile, DataNotFound, Place, find_files

ROW = b'{"chosen": "\\n\\nHuman: hi\\n\\nAssistant: a", "rejected": "\\n\\nHuman: hi\\n\\nAssistant: b"}\n'
PLAIN_NAMES = [f'{source}.jsonl' for source in SOURCES]
TEST_NAMES = [f'{source}/test.jsonl.gz' for source in SOURCES]

def make_folder(folder, names=PLAIN_NAMES):
    "A folder with a file of one row under each of these names"
    for name in names:
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        (folder/name).write_bytes(ROW)
    return folder

@pytest.fixture
def user(tmp_path, monkeypatch):
    "A user in an empty folder, without any data: no HH_DATA, no cluster, an empty cache"
    monkeypatch.delenv('HH_DATA', raising=False)
    monkeypatch.setattr(files, 'CLUSTER', tmp_path/'cluster')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path/'cache'))
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path/'work').mkdir()
    monkeypatch.chdir(tmp_path/'work')
    return tmp_path

@pytest.fixture(scope='session')
def real():
    "The four official test files, name -> bytes"
    root = Path(os.environ.get('HH_DATA') or pytest.skip('HH_DATA is not set'))
    return {name: (root/name).read_bytes() for name in TEST_NAMES}

# Where we look

def origins(*args, **kwargs):
    return [file.origin for file in find_files(*args, download=False, **kwargs)]

def test_the_first_place_that_has_the_files_is_taken(user, monkeypatch):
    given, env = make_folder(user/'given'), make_folder(user/'env')
    make_folder(user/'cluster')
    assert origins() == ['cluster'] * 4
    monkeypatch.setenv('HH_DATA', str(env))
    assert origins() == ['HH_DATA'] * 4
    assert origins(given) == origins('~/given') == ['path'] * 4
    assert origins('sample') == origins(SAMPLE) == ['sample'] * 4

def test_what_the_cluster_lacks_is_looked_for_further_on(user):
    make_folder(user/'cluster', PLAIN_NAMES[:3])
    assert origins(sources=SOURCES[:3]) == ['cluster'] * 3
    with pytest.raises(DataNotFound, match=f'cluster.* has no train file of {SOURCES[3]}.*not in the Hugging Face cache') as e:
        find_files(download=False)
    assert e.value.named

def test_nothing_else_takes_the_place_of_a_folder_that_was_named(user, monkeypatch):
    make_folder(user/'cluster')
    with pytest.raises(DataNotFound, match='nowhere') as e: find_files(user/'nowhere')
    assert e.value.named
    monkeypatch.setenv('HH_DATA', str(user/'nowhere'))
    with pytest.raises(DataNotFound, match=r'nowhere \(HH_DATA\)') as e: find_files()
    assert e.value.named

def test_without_any_data_the_error_says_where_we_looked(user):
    with pytest.raises(DataNotFound) as e: find_files(download=False)
    assert not e.value.named
    for says in 'HH_DATA is not set', f'no folder {files.CLUSTER}', 'not in the Hugging Face cache', 'download=False':
        assert says in str(e.value)

def test_a_folder_named_sample_with_hh_files_is_not_passed_over(user):
    make_folder(user/'work'/'sample', ['notes.txt'])
    assert origins('sample') == ['sample'] * 4  # nothing in it could be meant
    make_folder(user/'work'/'sample')
    with pytest.raises(ValueError, match=re.escape(f"{user/'work'/'sample'}, which holds HH files. Give './sample'")):
        find_files('sample')
    assert origins('./sample') == origins(Path('sample').resolve()) == ['path'] * 4
    assert origins(SAMPLE) == ['sample'] * 4

def test_a_new_place_is_one_entry_in_the_table(user, monkeypatch):
    shelf = Place('shelf', 'the shelf', lambda search: user/'shelf' if (user/'shelf').is_dir() else 'the shelf is empty')
    before_cache = [place.origin for place in PLACES].index('cache')
    monkeypatch.setattr(files, 'PLACES', (*PLACES[:before_cache], shelf, *PLACES[before_cache:]))
    with pytest.raises(DataNotFound, match='the shelf is empty'): find_files(download=False)
    make_folder(user/'shelf')
    assert origins() == ['shelf'] * 4

def test_the_places_of_the_hub_come_last():
    "A place behind them would be asked only after a download was tried"
    is_hub = [place.is_hub for place in PLACES]
    assert is_hub == sorted(is_hub)

def test_help_lists_the_places():
    for place in PLACES: assert place.words in find_files.__doc__

# What a path may have been meant for

@pytest.mark.parametrize('path, hint', [
    ('Anthropic/hh-rlhf', 'name of the dataset on the Hub: leave the path out'),
    ('test', "pass split='test' (--split test)"),
    ('train', "pass split='train' (--split train)"),
    ('helpful-base', "pass sources='helpful-base' (--source helpful-base)"),
    ('harmless', 'load_hh().harmless (--kind harmless)'),
    ('hh', 'an absolute path works from anywhere'),
])
def test_a_word_in_the_wrong_argument(user, path, hint):
    with pytest.raises(DataNotFound, match=re.escape(f'{path} (path) does not exist. ')) as e: find_files(path)
    assert hint in str(e.value)

def test_a_relative_hh_data_from_elsewhere(user, monkeypatch):
    make_folder(user/'hh')
    monkeypatch.setenv('HH_DATA', 'hh')
    with pytest.raises(DataNotFound) as e: find_files()
    assert str(e.value).startswith('hh (HH_DATA) does not exist.') and f'relative to {user/"work"}' in str(e.value)
    monkeypatch.chdir(user)
    assert origins() == ['HH_DATA'] * 4

def test_the_folder_of_one_collection(user):
    hh = make_folder(user/'hh', TEST_NAMES)
    with pytest.raises(DataNotFound) as e: find_files(hh/'helpful-base', split='test')
    assert f"give {hh}, with sources='helpful-base' (--source helpful-base)" in str(e.value)

def test_a_folder_above_the_files(user):
    hh = make_folder(user/'downloads'/'hh-rlhf')
    with pytest.raises(DataNotFound) as e: find_files(user/'downloads')
    assert f'{hh} has it: give that folder' in str(e.value)

def test_no_folder_or_a_file(user):
    with pytest.raises(DataNotFound, match='does not exist. Give the folder that holds harmless-base/train.jsonl.gz'):
        find_files(user/'none')
    make_folder(user/'hh')
    with pytest.raises(DataNotFound, match=f'a file, not a folder. Give the folder that holds the files: perhaps {user/"hh"}'):
        find_files(user/'hh'/'helpful-base.jsonl')

def test_the_other_split_is_named_where_it_is_there(user):
    make_folder(user/'hh')
    with pytest.raises(DataNotFound, match=re.escape("It does hold the train split: split='train' (--split train)")):
        find_files(user/'hh', split='test')

# What is in a folder

def test_one_of_four_is_missing(user):
    make_folder(user/'hh', PLAIN_NAMES[:3])
    assert origins(user/'hh', sources=SOURCES[:3]) == ['path'] * 3
    with pytest.raises(DataNotFound, match=f'no train file of {SOURCES[3]}: looked for .*{SOURCES[3]}.jsonl.gz'):
        find_files(user/'hh')

def test_a_folder_where_a_file_should_be(user):
    (user/'hh'/'helpful-base.jsonl').mkdir(parents=True)
    with pytest.raises(BadFile, match='is not a regular file'): find_files(user/'hh', sources='helpful-base')

def test_both_layouts(user):
    make_folder(user/'hh', ['helpful-base.jsonl', 'helpful-base/train.jsonl'])
    assert origins(user/'hh', sources='helpful-base') == ['path']  # they agree
    (user/'hh'/'helpful-base'/'train.jsonl').write_bytes(ROW * 2)
    with pytest.raises(BadFile, match='both claim to be helpful-base/train, and differ'):
        find_files(user/'hh', sources='helpful-base')
    for bad in b'version https://git-lfs', gzip.compress(ROW)[:20]:
        (user/'hh'/'helpful-base'/'train.jsonl.gz').write_bytes(bad)
        with pytest.raises(BadFile, match='both claim to be helpful-base/train, and cannot be compared'):
            find_files(user/'hh', sources='helpful-base')

# The official files

@pytest.mark.real
@pytest.mark.parametrize('source', SOURCES)
def test_what_is_known_of_the_test_files(real, source):
    known, zipped = OFFICIAL[source, 'test'], real[f'{source}/test.jsonl.gz']
    plain = gzip.decompress(zipped)
    rows = [json.loads(line) for line in plain.splitlines()]
    assert (len(rows), len(zipped), len(plain)) == (known.rows, known.size, known.plain_size)
    assert sum(len(text.encode()) for row in rows for text in row.values()) == known.text_bytes

def test_what_is_known_adds_up_to_the_published_totals():
    "The eight files' sizes; the text bytes of the training files. From the sources named in the notebook"
    assert sum(known.size for known in OFFICIAL.values()) == 79_254_614
    assert sum(known.text_bytes for (_, split), known in OFFICIAL.items() if split == 'train') == 307_284_971
    assert len({known.sha256 for known in OFFICIAL.values()}) == 8

@pytest.mark.real
def test_official_gzipped_or_unzipped(user, real):
    for name in TEST_NAMES:
        (user/'hh'/name).parent.mkdir(parents=True)
        (user/'hh'/name).write_bytes(real[name])
    assert [file.official for file in find_files(user/'hh', split='test')] == [True] * 4
    for name in TEST_NAMES:
        (user/'hh'/name).unlink()
        (user/'hh'/name.removesuffix('.gz')).write_bytes(gzip.decompress(real[name]))
    assert [file.official for file in find_files(user/'hh', split='test')] == [True] * 4

@pytest.mark.real
@pytest.mark.parametrize('really', SOURCES)
@pytest.mark.parametrize('ending', ['.jsonl.gz', '.jsonl'])
def test_an_official_file_under_another_name(user, real, really, ending):
    data = real[f'{really}/test.jsonl.gz']
    if ending == '.jsonl': data = gzip.decompress(data)
    names = [*SOURCES] + [f'{source}/test' for source in SOURCES if source != really]
    for name in names:
        source, _, split = name.partition('/')
        path = user/'hh'/f'{name}{ending}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        with pytest.raises(BadFile) as e: find_files(user/'hh', split or 'train', source)
        assert f'{path} is not {source}/{split or "train"}: byte for byte, it is the official {really}/test file' in str(e.value)
        assert f'Rename it to {really}/test{ending}' in str(e.value)
        path.unlink()

# The download: what the real client does with a Hub on loopback

CLIENT = '''
import json, pathlib, sys
from hh_nbdev import files
files.CLUSTER = pathlib.Path('/nowhere')
try: print(json.dumps([[str(file.path), file.origin] for file in files.find_files(split='test', sources=sys.argv[1:])]))
except Exception as e: print(json.dumps([type(e).__name__, str(e)]))
'''
OLD = tuple(map(int, huggingface_hub.__version__.split('.')[:2])) < (1, 20)  # does not resume by itself
OURS = re.compile('HF_|HH_|HUGGING|.*_PROXY')  # settings of this machine that must not reach a test

class Client:
    "One user: a home with a cache in it, and processes that look for the test files"
    def __init__(self, home):
        self.home, self.cache = home, home/'hub'

    def start(self, endpoint, *sources, first='', **settings):
        env = {name: value for name, value in os.environ.items() if not OURS.match(name.upper())}
        env |= dict(HF_ENDPOINT=endpoint, HF_HOME=str(self.home), HF_HUB_DISABLE_TELEMETRY='1', **settings)
        command = [sys.executable, '-c', first + CLIENT, *(sources or ['helpful-base'])]
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process, within=20):
        out, err = process.communicate(timeout=within)
        assert process.returncode == 0, err
        return json.loads(out)

    def find(self, endpoint, *sources, within=20, **kwargs):
        return self.end(self.start(endpoint, *sources, **kwargs), within)

    def find_in_the_end(self, endpoint, **kwargs):
        "What an old client gives up, it is asked for once more"
        found = self.find(endpoint, **kwargs)
        if OLD and found[0] == 'DataNotFound':
            assert 'does not resume by itself: load again' in found[1]
            found = self.find(endpoint, **kwargs)
        return found

    def held(self):
        "Everything in the cache that could be read as data; old clients leave what they began"
        paths = [path for path in self.cache.rglob('*') if path.is_file()]
        if OLD: paths = [path for path in paths if path.suffix != '.incomplete']
        return [path for path in paths if not {'.locks', 'CACHEDIR.TAG'} & {*path.parts}]

@pytest.fixture
def client(tmp_path): return Client(tmp_path)

FAKE = {name: name.encode() * 1000 for name in TEST_NAMES}  # enough where no good file is to come of it
NAME = 'helpful-base/test.jsonl.gz'

def is_good(found, data, origin='download'):
    [[path, came]] = found
    return came == origin and Path(path).read_bytes() == data[NAME]

# A good file in the end

@pytest.mark.real
def test_download_then_cache(client, real):
    with Hub(real) as hub:
        first = client.find(hub.url, *SOURCES)
        assert [origin for _, origin in first] == ['download'] * 4 and len(hub.gets()) == 4
    for settings in {}, {'HF_HUB_OFFLINE': '1'}:  # the server is gone
        again = client.find(hub.url, *SOURCES, **settings)
        assert again == [[path, 'cache'] for path, _ in first]
    assert [Path(path).read_bytes() for path, _ in first] == [real[name] for name in TEST_NAMES]

ONE_BYTE_SHORT = 875_190
CUTS = [0, 1, ONE_BYTE_SHORT, *Random(5).sample(range(ONE_BYTE_SHORT), 3)]

@pytest.mark.real
@pytest.mark.parametrize('fault', [
    dict(fault='redirect'), dict(fault='xet'), dict(fault='429', method='GET', times=1),
    *(dict(fault='cut', method='GET', times=1, at=at) for at in CUTS),
    dict(fault='stall', method='GET', times=1, at=500_000)], ids=str)
def test_fault_overcome(client, real, fault):
    with Hub(real, **fault) as hub: assert is_good(client.find_in_the_end(hub.url, HF_HUB_DOWNLOAD_TIMEOUT='1'), real)

@pytest.mark.real
def test_resume(client, real):
    "A cut download goes on from its last whole chunk (10 MB; here smaller, as the files are)"
    smaller = 'from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = 100_000\n'
    with Hub(real, 'cut', method='GET', times=1, at=250_000) as hub:
        assert is_good(client.find_in_the_end(hub.url, first=smaller), real)
        assert [request['range'] for request in hub.gets()] == [None, 'bytes=200000-']

@pytest.mark.real
def test_killed_then_again(client, real):
    with Hub(real, 'stall', method='GET', times=1, at=500_000) as hub:
        process = client.start(hub.url)
        while not hub.gets(): time.sleep(.02)
        process.kill()
        process.communicate()
        assert is_good(client.find(hub.url), real)

@pytest.mark.real
def test_two_at_once(client, real):
    with Hub(real, 'slow') as hub:
        both = [client.start(hub.url) for _ in range(2)]
        paths = [client.end(process)[0][0] for process in both]
    for path in paths: assert is_good([[path, 'download']], real)
    assert sorted(path.is_symlink() for path in client.held()) == [False, True]  # the bytes once, and the link to them

@pytest.mark.real
def test_mirror_and_no_links(client, real):
    "A mirror may live under a path; a file system may have no links"
    with Hub(real) as hub: assert is_good(client.find(hub.url+'/mirror', HF_HUB_DISABLE_SYMLINKS='1'), real)

# The client's own settings

@pytest.mark.real
def test_a_mirror_that_asks_for_a_token(client, real):
    with Hub(real, 'private') as hub:
        kind, says = client.find(hub.url)
        assert kind == 'DataNotFound' and '401' in says
        assert is_good(client.find(hub.url, HF_TOKEN='secret'), real)

@pytest.mark.real
def test_the_token_stays_with_the_hub_that_was_named(client, real):
    with Hub(real, 'redirect') as hub:
        assert is_good(client.find(hub.url, HF_TOKEN='secret'), real)
    assert {request['auth'] for request in hub.log if not request['elsewhere']} == {'Bearer secret'}
    assert {request['auth'] for request in hub.log if request['elsewhere']} == {None}

@pytest.mark.real
def test_no_token_is_sent_where_none_is_set(client, real):
    with Hub(real) as hub: assert is_good(client.find(hub.url), real)
    assert not any(request['auth'] for request in hub.log)

@pytest.mark.slow
@pytest.mark.real
def test_a_slow_hub(client, real):
    "Five seconds are enough of waiting for the first answer, unless the client's settings say otherwise"
    with Hub(real, 'slow', method='HEAD', seconds=6) as hub:
        assert client.find(hub.url)[0] == 'DataNotFound'
        assert is_good(client.find(hub.url, HF_HUB_ETAG_TIMEOUT='20', within=30), real)
    with Hub(real, 'slow', method='HEAD', seconds=6) as hub:
        assert is_good(Client(client.home/'other').find(hub.url, HF_HUB_DOWNLOAD_TIMEOUT='20', within=30), real)

@pytest.mark.slow
def test_a_timeout_of_one_second(client):
    with Hub(FAKE, 'silent') as hub:
        start = time.monotonic()
        assert client.find(hub.url, HF_HUB_ETAG_TIMEOUT='1')[0] == 'DataNotFound'
        assert time.monotonic() - start < 5

# A clear error in the end

def is_clear(error, *words):
    kind, says = error
    return kind == 'DataNotFound' and all(word in says for word in (NAME, 'HH_DATA', *words))

STATUSES = ['401', '403', '404', '416', '500']

@pytest.mark.parametrize('fault', [
    *(dict(fault=status, method=method) for status in STATUSES for method in ('HEAD', 'GET')),
    dict(fault='429', method='HEAD'), dict(fault='portal')], ids=str)
def test_refused(client, fault):
    status = re.findall(r'\d+', fault['fault'])
    with Hub(FAKE, **fault) as hub: assert is_clear(client.find(hub.url, within=60 if OLD else 10), hub.url, *status)
    assert not client.held()

@pytest.mark.slow
@pytest.mark.parametrize('fault', ['cut', 'stall', 'silent', '429'])
def test_gives_up(client, fault):
    "A fault that does not end: the client tries six times, then says so"
    with Hub(FAKE, fault, method='GET') as hub:
        assert is_clear(client.find(hub.url, HF_HUB_DOWNLOAD_TIMEOUT='1', within=40), hub.url)
    assert not client.held()

NO_NAME = """
import socket
def getaddrinfo(*args, **kwargs): raise socket.gaierror('no such name')
socket.getaddrinfo = getaddrinfo
"""
SLOW_NAME = """
import socket, time
def getaddrinfo(*args, **kwargs): time.sleep(99)
socket.getaddrinfo = getaddrinfo
"""
EIGHT_ADDRESSES = """
import socket
one = socket.getaddrinfo
def getaddrinfo(*args, **kwargs): return one(*args, **kwargs) * 8  # as big hosts have
socket.getaddrinfo = getaddrinfo
"""

@pytest.fixture
def hole():
    "The address of a host that never answers a call"
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # they fill its queue
        for caller in waiting:
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield f'http://127.0.0.1:{server.getsockname()[1]}'
        for caller in waiting: caller.close()

@pytest.mark.slow
def test_no_network(tmp_path, hole):
    "However the network fails, all four files together are given up well within 20 seconds, and the process ends"
    with Hub(FAKE, 'silent') as hub:
        cases = dict(refused=('http://127.0.0.1:9', ''), silent=(hub.url, ''), no_name=('http://hub.test', NO_NAME),
                     slow_name=('http://hub.test', SLOW_NAME), black_hole=(hole, EIGHT_ADDRESSES))
        start = time.monotonic()
        clients = {case: Client(tmp_path/case) for case in cases}
        running = {case: clients[case].start(url, *SOURCES, first=first) for case, (url, first) in cases.items()}
        ends = {case: clients[case].end(process) for case, process in running.items()}
        assert time.monotonic() - start < 20
    for kind, says in ends.values(): assert kind == 'DataNotFound' and 'HH_DATA' in says

def test_offline(client):
    "Nothing in the cache and no leave to ask: what is missing is named, and nobody is called"
    with Hub(FAKE) as hub:
        assert is_clear(client.find(hub.url, HF_HUB_OFFLINE='1'), 'HF_HUB_OFFLINE') and not hub.log

# Wrong bytes

def test_not_official(client):
    "Bytes that are not the official ones are refused, however well they came, and nothing of them stays"
    with Hub(FAKE) as hub:
        for _ in range(2):
            kind, says = client.find(hub.url)
            assert kind == 'BadFile' and NAME in says and not client.held()
    assert len(hub.gets()) == 2  # the second run did not trust the first one's file

@pytest.mark.real
def test_another_official_file_from_the_hub(client, real):
    with Hub(real | {NAME: real[TEST_NAMES[0]]}) as hub:
        kind, says = client.find(hub.url)
        assert kind == 'BadFile' and NAME in says and not client.held()

@pytest.mark.real
@pytest.mark.parametrize('links', ['0', '1'])
def test_one_bit(client, real, links):
    "One wrong bit, on the way or in the cache later, is found; the next run has a good file"
    settings = {'HF_HUB_DISABLE_SYMLINKS': links}
    with Hub(real, 'wrong', method='GET', times=1) as hub:
        assert NAME in client.find(hub.url, **settings)[1] and not client.held()
        assert is_good(client.find(hub.url, **settings), real)
        [blob] = [path for path in client.held() if not path.is_symlink()]
        blob.write_bytes(real[NAME][:-1] + b'x')
        assert NAME in client.find(hub.url, **settings)[1] and not client.held()
        assert is_good(client.find(hub.url, **settings), real)
