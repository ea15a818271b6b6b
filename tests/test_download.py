"The download, by the real client in processes of its own, from a Hub on loopback. See hub.py"
import json, os, re, socket, subprocess, sys, time
from pathlib import Path
from random import Random
import pytest
from hub import Hub
from hh_nbdev.files import SOURCES

CLIENT = '''
import json, pathlib, sys
from hh_nbdev import files
files.CLUSTER = pathlib.Path('/nowhere')
try: print(json.dumps([[str(o.path), o.origin] for o in files.find_files(split='test', sources=sys.argv[1:])]))
except Exception as e: print(json.dumps([type(e).__name__, str(e)]))
'''

class Client:
    "One user: a home with a cache in it, and processes that look for the test files"
    def __init__(self, home): self.home, self.cache = home, home/'hub'

    def start(self, endpoint, *sources, first='', **env):
        ours = {k: v for k, v in os.environ.items() if not re.match('HF_|HH_|HUGGING|.*_PROXY', k.upper())}
        env = ours | dict(HF_ENDPOINT=endpoint, HF_HOME=str(self.home), HF_HUB_DISABLE_TELEMETRY='1') | env
        return subprocess.Popen([sys.executable, '-c', first + CLIENT, *(sources or ('helpful-base',))],
                                env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process, within=20):
        out, err = process.communicate(timeout=within)
        assert process.returncode == 0, err
        return json.loads(out)

    def find(self, endpoint, *sources, within=20, **kw):
        return self.end(self.start(endpoint, *sources, **kw), within)

    def held(self):
        "Everything in the cache that could be read as data"
        return [o for o in self.cache.rglob('*') if o.is_file() and not {'.locks', 'CACHEDIR.TAG'} & {*o.parts}]

@pytest.fixture
def client(tmp_path): return Client(tmp_path)

@pytest.fixture(scope='session')
def real():
    "The four official test files, name -> bytes"
    root = Path(os.environ.get('HH_DATA') or pytest.skip('HH_DATA is not set'))
    return {f'{o}/test.jsonl.gz': (root/o/'test.jsonl.gz').read_bytes() for o in SOURCES}

FAKE = {f'{o}/test.jsonl.gz': o.encode()*1000 for o in SOURCES}  # enough where no good file is to come of it
NAME = 'helpful-base/test.jsonl.gz'

def is_good(found, data, origin='download'):
    [[path, came]] = found
    return came == origin and Path(path).read_bytes() == data[NAME]

# A good file in the end

@pytest.mark.real
def test_download_then_cache(client, real):
    with Hub(real) as hub:
        first = client.find(hub.url, *SOURCES, HF_TOKEN='secret')
        assert [o for _, o in first] == ['download']*4 and len(hub.gets()) == 4
        assert not any(o['auth'] for o in hub.log)  # a public dataset: nobody's token goes to a mirror
    for env in {}, {'HF_HUB_OFFLINE': '1'}:         # the server is gone
        again = client.find(hub.url, *SOURCES, **env)
        assert again == [[path, 'cache'] for path, _ in first]
    assert [Path(path).read_bytes() for path, _ in first] == [real[f'{o}/test.jsonl.gz'] for o in SOURCES]

@pytest.mark.real
@pytest.mark.parametrize('fault', [
    dict(fault='redirect'), dict(fault='xet'), dict(fault='429', method='GET', times=1),
    *(dict(fault='cut', method='GET', times=1, at=at) for at in (0, 1, 875_190, *Random(5).sample(range(875_191), 3))),
    dict(fault='stall', method='GET', times=1, at=500_000)], ids=str)
def test_fault_overcome(client, real, fault):
    with Hub(real, **fault) as hub: assert is_good(client.find(hub.url, HF_HUB_DOWNLOAD_TIMEOUT='1'), real)

@pytest.mark.real
def test_resume(client, real):
    "A cut download goes on from its last whole chunk (10 MB; here smaller, as the files are)"
    smaller = 'from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = 100_000\n'
    with Hub(real, 'cut', method='GET', times=1, at=250_000) as hub:
        assert is_good(client.find(hub.url, first=smaller), real)
        assert [o['range'] for o in hub.gets()] == [None, 'bytes=200000-']

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
        for process in both: assert is_good([[client.end(process)[0][0], 'download']], real)
    assert sorted(o.is_symlink() for o in client.held()) == [False, True]  # the bytes once, and the link to them

@pytest.mark.real
def test_mirror_and_no_links(client, real):
    "A mirror may live under a path; a file system may have no links"
    with Hub(real) as hub: assert is_good(client.find(hub.url+'/mirror', HF_HUB_DISABLE_SYMLINKS='1'), real)

# A clear error in the end

def is_clear(error, *words):
    kind, says = error
    return kind == 'DataNotFound' and all(o in says for o in (NAME, 'HH_DATA', *words))

@pytest.mark.parametrize('fault', [
    *(dict(fault=o, method=m) for o in ('401', '403', '404', '416', '500') for m in ('HEAD', 'GET')),
    dict(fault='429', method='HEAD'), dict(fault='portal')], ids=str)
def test_refused(client, fault):
    with Hub(FAKE, **fault) as hub: assert is_clear(client.find(hub.url, within=10), hub.url, *re.findall(r'\d+', fault['fault']))
    assert not client.held()

@pytest.mark.slow
@pytest.mark.parametrize('fault', ['cut', 'stall', 'silent', '429'])
def test_gives_up(client, fault):
    "A fault that does not end: the client tries six times, then says so"
    with Hub(FAKE, fault, method='GET') as hub:
        assert is_clear(client.find(hub.url, HF_HUB_DOWNLOAD_TIMEOUT='1', within=40), hub.url)
    assert not client.held()

DNS = """
import socket, time
real = socket.getaddrinfo
def getaddrinfo(*args, **kw): {}
socket.getaddrinfo = getaddrinfo
"""

@pytest.fixture
def hole():
    "The address of a host that never answers a call"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        s.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # they fill its queue
        for o in waiting: o.setblocking(False), o.connect_ex(s.getsockname())
        yield f'http://127.0.0.1:{s.getsockname()[1]}'
        for o in waiting: o.close()

@pytest.mark.slow
def test_no_network(tmp_path, hole):
    "However the network fails, all four files together are given up well within 20 seconds, and the process ends"
    with Hub(FAKE, 'silent') as hub:
        cases = dict(refused=('http://127.0.0.1:9', ''), silent=(hub.url, ''),
            no_name=('http://hub.test', DNS.format('raise socket.gaierror("no such name")')),
            slow_name=('http://hub.test', DNS.format('time.sleep(99)')),
            black_hole=(hole, DNS.format('return real(*args, **kw)*8')))  # eight addresses, as big hosts have
        clients, start = {o: Client(tmp_path/o) for o in cases}, time.monotonic()
        running = {o: clients[o].start(url, *SOURCES, first=first) for o, (url, first) in cases.items()}
        ends = {o: clients[o].end(process) for o, process in running.items()}
        assert time.monotonic()-start < 15
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
            assert kind != 'DataNotFound' and NAME in says and not client.held()
    assert len(hub.gets()) == 2  # the second run did not trust the first one's file

@pytest.mark.real
@pytest.mark.parametrize('links', ['0', '1'])
def test_one_bit(client, real, links):
    "One wrong bit, on the way or in the cache later, is found; the next run has a good file"
    env = {'HF_HUB_DISABLE_SYMLINKS': links}
    with Hub(real, 'wrong', method='GET', times=1) as hub:
        assert NAME in client.find(hub.url, **env)[1] and not client.held()
        assert is_good(client.find(hub.url, **env), real)
        [blob] = [o for o in client.held() if not o.is_symlink()]
        blob.write_bytes(real[NAME][:-1] + b'x')
        assert NAME in client.find(hub.url, **env)[1] and not client.held()
        assert is_good(client.find(hub.url, **env), real)
