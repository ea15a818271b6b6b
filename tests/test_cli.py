"The commands, run as a person runs them: as programs, in a terminal or a pipe, with and without data."
import errno, json, os, pty, re, select, subprocess, sys, time
from pathlib import Path

import pytest

from hh_nbdev.load import load_hh
from hh_nbdev.look import _UNSEEN as UNSEEN, examples, visible
from hostile import HOSTILE

BIN = Path(sys.executable).parent
SAMPLE = load_hh('sample')

def environ(tmp_path, **more):
    "A person with an empty home, no data and no network"
    keep = {k: v for k, v in os.environ.items() if k in ('PATH', 'LANG', 'LC_ALL', 'SYSTEMROOT', 'COVERAGE_PROCESS_START')}
    return {**keep, 'HOME': str(tmp_path), 'HF_HOME': str(tmp_path/'hf'), 'HF_ENDPOINT': 'http://127.0.0.1:9', **more}

def run(tmp_path, *args, command='hh-look', **env):
    return subprocess.run([BIN/command, *args], env=environ(tmp_path, **env), capture_output=True, text=True, encoding='utf-8', timeout=120)

def in_terminal(tmp_path, *args, command='hh-look', columns=100, **env):
    "What a terminal of so many columns is sent"
    import fcntl, struct, termios
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BIN/command, [command, *args], environ(tmp_path, TERM='xterm-256color', **env))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, columns, 0, 0))
    got, end = b'', time.time() + 60
    while time.time() < end and select.select([fd], [], [], 30)[0]:
        try: block = os.read(fd, 1 << 16)
        except OSError as e:
            if e.errno == errno.EIO: break
            raise
        if not block: break
        got += block
    os.close(fd)
    os.waitpid(pid, 0)
    return got.decode().replace('\r\n', '\n')

def ids(text): return re.findall(r'^(\S+/(?:train|test):\d+) ', text, flags=re.M)

def test_sample(tmp_path):
    got = run(tmp_path, '--path', 'sample', '--seed', '1')
    assert got.returncode == 0 and not got.stderr
    assert got.stdout.startswith(str(SAMPLE.report)) and 'Content warning' not in got.stdout
    assert ids(got.stdout) == examples(SAMPLE, 3, 1)['id']
    assert '\x1b' not in got.stdout

def test_without_data_and_network_it_says_so_and_shows_the_sample(tmp_path):
    start = time.time()
    got = run(tmp_path)
    assert time.time() - start < 20
    assert got.returncode == 0 and 'THIS IS NOT HH' in got.stderr and len(ids(got.stdout)) == 6

@pytest.mark.parametrize('how', ['path', 'HH_DATA'])
def test_a_wrong_place_is_an_error(tmp_path, how):
    nowhere = str(tmp_path/'nowhere')
    got = run(tmp_path, '--path', nowhere) if how == 'path' else run(tmp_path, HH_DATA=nowhere)
    assert got.returncode == 1 and not got.stdout and got.stderr.startswith(f'hh-look: {nowhere} ({how}) does not exist') and got.stderr.count('\n') == 1

def test_filters(tmp_path):
    def look(*args):
        got = run(tmp_path, '--path', 'sample', *args)
        assert got.returncode == 0, got.stderr
        return ids(got.stdout)
    assert look('--n', '1', '--kind', 'harmless') == SAMPLE.harmless.sample(1, 0)['id']
    assert {o.split('/')[0] for o in look('--source', 'helpful-online', '--n', '99')} == {'helpful-online'}
    assert set(look('--grep', 'CHEWING gum')) == {o.id for o in SAMPLE if 'chewing gum' in o.instruction}
    assert look('--grep', 'no such words') == [] and look('--n', '0') == []

def test_id_shows_one_pair_in_full(tmp_path):
    text = 'word ' * 2_000
    (tmp_path/'helpful-base.jsonl').write_text(json.dumps(dict(chosen=f'\n\nHuman: a\n\nAssistant: {text}', rejected='\n\nHuman: a\n\nAssistant: no')))
    where = '--path', str(tmp_path), '--source', 'helpful-base'
    one, drawn = run(tmp_path, '--path', str(tmp_path), '--id', 'helpful-base/train:0'), run(tmp_path, *where)
    assert one.stdout.count('word') == 2_000 and 'Content warning' in one.stdout.split('\n')[0]
    assert drawn.stdout.count('word') == 200 and '8,999 more characters' in re.sub(r'\s*│\s*', ' ', drawn.stdout.replace('\n', ''))

@pytest.mark.parametrize('args, word', [
    (['--id', 'helpful-base/train:4'], 'no pair'), (['--id', 'nonsense'], '--id is like'), (['--kind', 'x'], '--kind'), (['--source', 'x'], '--source'),
    (['--grep', '('], '--grep'), (['--split', 'dev'], 'split'), (['--n', '-1'], 'cannot draw'), (['--kind', 'helpful', '--source', 'harmless-base'], 'is not helpful')])
def test_mistakes_get_one_line(tmp_path, args, word):
    got = run(tmp_path, '--path', 'sample', *args)
    assert got.returncode == 1 and word in got.stderr and got.stderr.startswith('hh-look: ') and got.stderr.count('\n') == 1

def test_bad_rows_and_files_get_one_line(tmp_path):
    for row, word in ('{"chosen": null}', 'missing field'), ('<html>', 'a web page'), ('{"chosen": 1, "rejected": 2}', 'is no string'):
        (tmp_path/'helpful-base.jsonl').write_text(row)
        got = run(tmp_path, '--path', str(tmp_path), '--source', 'helpful-base')
        assert got.returncode == 1 and got.stderr.count('\n') == 1 and got.stderr.startswith(f'hh-look: {tmp_path}'), (word, got.stderr)

def test_narrow_terminal(tmp_path):
    got = in_terminal(tmp_path, '--path', 'sample', '--id', 'harmless-base/train:17', columns=40)
    plain = re.sub(r'\x1b\[[\d;]*m', '', got)
    _, pair = plain.split('harmless-base/train:17', 1)
    assert max(map(len, plain.split('\n'))) <= 40 and '│' not in pair
    assert 'harmless-base/train: 25 rows, 16 pairs, ' in ' '.join(plain.split())
    assert pair.index('chosen') < pair.index('rejected')

def test_wide_terminal(tmp_path):
    got = in_terminal(tmp_path, '--path', 'sample', '--id', 'harmless-base/train:17', columns=120)
    assert '│' in got and '\x1b[1;32mchosen' in got
    assert '\x1b[' not in re.sub(r'\x1b\[[1234](;[1234])*m|\x1b\[0m', '', in_terminal(tmp_path, '--path', 'sample', '--id', 'harmless-base/train:17', NO_COLOR='1'))

def test_hostile_rows_in_a_terminal(tmp_path):
    "Not one escape, control or direction character of the data reaches the terminal, and all of each text is shown"
    texts = {k: v for k, v in HOSTILE.items() if k not in ('lone surrogate', 'long word of tags')}  # JSON holds no surrogate
    rows = [json.dumps(dict(chosen=f'\n\nHuman: {o}\n\nAssistant: yes', rejected=f'\n\nHuman: {o}\n\nAssistant: no {o}')) for o in texts.values()]
    (tmp_path/'harmless-base.jsonl').write_text('\n'.join(rows))
    hh = load_hh(tmp_path, sources='harmless-base')
    assert len(hh) == len(texts)
    got = in_terminal(tmp_path, '--path', str(tmp_path), '--source', 'harmless-base', '--n', '99', columns=60)
    plain = re.sub(r'\x1b\[(0|[1234](;[34][12]?)?)m', '', got)
    assert not UNSEEN.search(plain), UNSEEN.search(plain)
    def squeeze(text): return re.sub(r'\s', '', text)
    for o in hh: assert squeeze(visible(o.instruction)[:900]) in squeeze(plain)

@pytest.mark.parametrize('env', [dict(LC_ALL='C'), dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0'), dict(PYTHONIOENCODING='ascii'), dict(TERM='dumb'), dict(COLUMNS='10')])
def test_any_locale_and_terminal(tmp_path, env):
    got = run(tmp_path, '--path', 'sample', '--n', '99', **env)
    assert got.returncode == 0 and not got.stderr
    if 'COLUMNS' not in env: assert ids(got.stdout) == examples(SAMPLE, 99)['id']

def test_a_reader_who_has_seen_enough(tmp_path):
    got = subprocess.run(f'{BIN}/hh-look --path sample --n 99 | head -1', shell=True, env=environ(tmp_path), capture_output=True, text=True)
    assert got.stdout.count('\n') == 1 and not got.stderr
    got = subprocess.run([BIN/'hh-look', '--path', 'sample'], stdout=open('/dev/full', 'w'), stderr=subprocess.PIPE, text=True, env=environ(tmp_path))
    assert got.returncode and 'Traceback' not in got.stderr

def test_help(tmp_path):
    got = run(tmp_path, '--help')
    assert got.returncode == 0
    for o in 'n kind seed id grep split source path'.split(): assert re.search(rf'^  --{o} \(\w+\) +\w+ \w+', got.stdout, re.M)

@pytest.mark.parametrize('args', [['--id', 'helpful-base/train:3'], ['--path', '']], ids=' '.join)
def test_no_sample_in_place_of_what_was_asked_for(tmp_path, args):
    got = run(tmp_path, *args)
    assert got.returncode == 1 and not got.stdout and 'THIS IS NOT HH' not in got.stderr

def test_names_that_the_terminal_cannot_show(tmp_path):
    got = run(tmp_path, str(tmp_path/'données.jsonl'), '--path', 'sample', command='hh-export', PYTHONIOENCODING='ascii')
    assert got.returncode == 0 and r'donn\xe9es.jsonl' in got.stdout

@pytest.mark.real
def test_real_rows_come_with_a_warning(tmp_path):
    got = run(tmp_path, '--split', 'test', HH_DATA=os.environ['HH_DATA'])
    assert got.returncode == 0 and got.stdout.startswith('Content warning') and len(ids(got.stdout)) == 6

def test_review_goes_on_where_it_was(tmp_path):
    file = tmp_path/'verdicts.jsonl'
    def review(keys): return subprocess.run([BIN/'hh-review', str(file), '--path', 'sample', '--n', '2'], input=keys, env=environ(tmp_path), capture_output=True, text=True)
    def answers(): return [json.loads(o)['answer'] for o in file.read_text().splitlines()]
    assert review('a\nb\nq\n').returncode == 0 and answers() == ['A', 'B']
    with open(file, 'a') as f: f.write('{"id": "helpful')
    got = review('t\ns\n')
    assert got.returncode == 0 and answers() == ['A', 'B', 'tie', 'skip']
    assert got.stderr.startswith(f'hh-review: {file}: the last line is damaged') and got.stderr.count('\n') == 1
    file.write_text('no verdict\n' + file.read_text())
    assert review('').returncode == 1

def test_export(tmp_path, monkeypatch):
    def export(*args): return run(tmp_path, 'out.jsonl', '--path', 'sample', *args, command='hh-export')
    monkeypatch.chdir(tmp_path)
    got = export('--exclude', 'empty,identical,leading-role,run-on')
    assert got.returncode == 0 and '56 pairs written to out.jsonl' in got.stdout and len((tmp_path/'out.jsonl').read_bytes().splitlines()) == 56
    got = export()
    assert got.returncode == 1 and got.stderr.startswith('hh-export: out.jsonl exists') and got.stderr.count('\n') == 1
    assert export('--force', '--format', 'trl-chat', '--kind', 'harmless').returncode == 0
    rows = [json.loads(o) for o in (tmp_path/'out.jsonl').read_bytes().splitlines()]
    assert len(rows) == len(SAMPLE.harmless) and rows[0]['prompt'][0]['role'] == 'user'
    for args in (['--format', 'x'], ['--exclude', 'x'], ['--kind', 'x']): assert export('--force', *args).returncode == 1
    assert len((tmp_path/'out.jsonl').read_bytes().splitlines()) == len(rows)

@pytest.mark.parametrize('command', ['hh-review', 'hh-export'])
def test_only_looking_falls_back(tmp_path, command):
    got = run(tmp_path, str(tmp_path/'out.jsonl'), command=command)
    assert got.returncode == 1 and not (tmp_path/'out.jsonl').exists()
