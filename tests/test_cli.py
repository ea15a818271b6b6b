"The commands, run as a person runs them: as programs, in a terminal or a pipe, with and without data."
import json, os, re, shutil, subprocess, sys, time
from pathlib import Path

import pexpect
import pytest

import hh_nbdev
from hh_nbdev.cli import COMMANDS, WARNING, not_looked_at
from hh_nbdev.files import SOURCES, find_files
from hh_nbdev.load import load_hh, read_lines
from hh_nbdev.look import _UNSEEN as UNSEEN, examples, visible
from hh_nbdev.transcript import FLAGS, SKIP_REASONS, parse_line
from hh_nbdev.verdicts import QUESTIONS, read_verdicts
from hostile import HOSTILE

BIN = Path(sys.executable).parent
SAMPLE = load_hh('sample')

def environ(tmp_path, **more):
    "A person with an empty home, no data and no network"
    keep = {name: os.environ[name] for name in ('PATH', 'LANG', 'LC_ALL', 'SYSTEMROOT', 'COVERAGE_PROCESS_START') if name in os.environ}
    return {**keep, 'HOME': str(tmp_path), 'HF_HOME': str(tmp_path/'hf'), 'HF_ENDPOINT': 'http://127.0.0.1:9', **more}

def run(tmp_path, *args, command='hh-look', typed=None, **env):
    return subprocess.run([BIN/command, *args], env=environ(tmp_path, **env), input=typed, capture_output=True, text=True,
                          encoding='utf-8', timeout=120, cwd=tmp_path)

def look(tmp_path, *args, **env):
    "What hh-look prints of the sample"
    got = run(tmp_path, '--path', 'sample', *args, **env)
    assert got.returncode == 0, got.stderr
    return got.stdout

def in_terminal(tmp_path, *args, columns=100, command='hh-look', typed='', **env):
    "What a terminal of so many columns is sent by a command"
    terminal = pexpect.spawn(str(BIN/command), list(args), cwd=str(tmp_path), env=environ(tmp_path, TERM='xterm-256color', **env),
                             dimensions=(30, columns), encoding='utf-8', timeout=60)
    if typed: terminal.send(typed)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.before.replace('\r\n', '\n')

def without_colours(text): return re.sub(r'\x1b\[(0|[1234](;[34][12]?)?)m', '', text)

def ids(text): return re.findall(r'^(\S+/(?:train|test):\d+) ', text, flags=re.M)

def json_lines(text):
    "Rows of JSON; a text in them may hold a character that `splitlines` takes for the end of a line"
    return [json.loads(line) for line in text.split('\n') if line]

def assert_one_line(got, start):
    "A command failed, and said why in one line"
    assert got.returncode == 1 and got.stderr.startswith(start) and got.stderr.count('\n') == 1, got.stderr

# -- hh-look

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
    assert not got.stdout
    assert_one_line(got, f'hh-look: {nowhere}')

@pytest.mark.parametrize('args', [['--id', 'helpful-base/train:3'], ['--path', '']], ids=' '.join)
def test_the_sample_does_not_take_the_place_of_what_was_asked_for(tmp_path, args):
    got = run(tmp_path, *args)
    assert got.returncode == 1 and not got.stdout and 'THIS IS NOT HH' not in got.stderr

def test_a_folder_without_its_option_gets_a_hint(tmp_path):
    assert_one_line(run(tmp_path, str(tmp_path)), f'hh-look: give the folder as --path {tmp_path}')

def test_filters(tmp_path):
    def shown(*args): return ids(look(tmp_path, *args))
    assert shown('-n', '1', '--kind', 'harmless') == shown('--n', '1', '-k', 'harmless') == SAMPLE.harmless.sample(1, 0)['id']
    assert {id.split('/')[0] for id in shown('--source', 'helpful-online', '--n', '99')} == {'helpful-online'}
    assert set(shown('--grep', 'CHEWING gum')) == {pair.id for pair in SAMPLE if 'chewing gum' in pair.instruction}
    assert shown('--grep', 'no such words') == [] and shown('--n', '0') == []
    assert shown('-s', '3') == examples(SAMPLE, 3, 3)['id']
    clean = load_hh('sample', exclude=FLAGS)
    assert len(clean) < len(SAMPLE)
    assert sorted(shown('-n', '99', '-x', ','.join(FLAGS))) == sorted(clean['id'])

@pytest.fixture
def long_text(tmp_path):
    "A folder with one pair whose chosen reply is long, and holds one word near its end"
    chosen = 'word ' * 1_990 + 'needle ' + 'word ' * 10
    row = dict(chosen=f'\n\nHuman: a\n\nAssistant: {chosen}', rejected='\n\nHuman: a\n\nAssistant: no')
    (tmp_path/'helpful-base.jsonl').write_text(json.dumps(row))
    return ['--path', str(tmp_path), '--source', 'helpful-base']

def test_long_texts_are_folded_unless_one_asks_for_all_for_a_row_or_for_a_match(tmp_path, long_text):
    folded = run(tmp_path, *long_text).stdout
    assert folded.count('word') == 200 and 'more characters' in ' '.join(re.sub('│', ' ', folded).split())
    for args in ['--full'], ['-f'], ['--id', 'helpful-base/train:0'], ['--grep', 'needle']:
        shown = run(tmp_path, *long_text, *args).stdout
        assert shown.count('word') == 2_000 and 'more characters' not in shown
        assert shown.startswith('Content warning')

def test_a_match_is_marked(tmp_path, long_text):
    assert '[[needle]]' in run(tmp_path, *long_text, '--grep', 'NEEDLE').stdout
    assert '\x1b[1;4mneedle\x1b[0m' in in_terminal(tmp_path, *long_text, '--grep', 'NEEDLE')

def test_a_row_that_is_no_pair_is_shown_with_its_reason_and_its_turns(tmp_path):
    seen = set()
    for file in find_files('sample'):
        for line, row in enumerate(read_lines(file.path)):
            reason = parse_line(row)
            if not isinstance(reason, str) or reason in seen: continue
            seen.add(reason)
            shown = look(tmp_path, '--id', f'{file.source}/train:{line}')
            card = ' '.join(shown.split())
            assert f'not a pair: {reason} ({SKIP_REASONS[reason]})' in card
            assert 'Human:' in card
    assert seen == set(SKIP_REASONS)

def test_turns_of_a_hostile_row_are_escaped(tmp_path):
    turns = f'\n\nHuman: {HOSTILE["terminal control"]}\n\nAssistant: a\n\nHuman: b\n\nAssistant: '
    row = dict(chosen=turns + 'c', rejected=turns + 'd')
    (tmp_path/'helpful-base.jsonl').write_text(json.dumps(row))
    shown = run(tmp_path, '--path', str(tmp_path), '--id', 'helpful-base/train:0').stdout
    assert 'multi-turn' in shown and not UNSEEN.search(shown)
    assert 'Human: b' in shown and shown.count('Assistant: a') == 1               # what both sides share is shown once

def test_a_pair_that_is_excluded_can_still_be_looked_up(tmp_path):
    id = next(pair.id for pair in SAMPLE if 'identical' in pair.flags)
    assert 'left out by --exclude' in look(tmp_path, '--id', id, '--exclude', 'identical')

MISTAKES = [
    (['--id', 'helpful-base/train:99'], 'has no row at line 99'), (['--id', 'nonsense'], '--id is like'),
    (['--id', 'helpfulbase/train:3'], '--id is like'),
    (['--kind', 'x'], '--kind'), (['--source', 'x'], '--source'), (['--grep', '('], '--grep'), (['--split', 'dev'], 'split'),
    (['--n', '-1'], '--n is 0 or more'), (['--kind', 'helpful', '--source', 'harmless-base'], 'is not helpful'),
    (['--exclude', 'x'], '--exclude takes'), (['--notebook', 'x.txt'], 'ends in .ipynb'),
    (['--id', 'helpful-base/train:3', '--grep', 'x'], 'leave out --grep'),
    (['--id', 'helpful-base/train:3', '--source', 'harmless-base'], 'is not in --source harmless-base'),
    (['--grep', 'x', '--notebook', 'x.ipynb'], 'leave out --grep')]

@pytest.mark.parametrize('args, word', MISTAKES, ids=[' '.join(args) for args, _ in MISTAKES])
def test_mistakes_get_one_line(tmp_path, args, word):
    got = run(tmp_path, '--path', 'sample', *args)
    assert_one_line(got, 'hh-look: ')
    assert word in got.stderr

SEEN_AT_ONCE = [
    ('hh-look', ['--notebook', 'x.txt'], 'ends in .ipynb'), ('hh-look', ['--notebook', 'there.ipynb'], 'may hold your comments'),
    ('hh-look', ['--notebook', 'no/such/x.ipynb'], 'there is no folder no'), ('hh-look', ['-n', '-1'], '--n is 0 or more'),
    ('hh-review', ['v.jsonl', '-q', 'best'], '--question is one of'), ('hh-review', ['v.jsonl', '-n', '-1'], '--n is 0 or more'), ('hh-review', ['no/v.jsonl'], 'there is no folder no'),
    ('hh-review', ['there.ipynb'], 'is not a verdict file'), ('hh-export', ['there.jsonl'], 'exists'),
    ('hh-export', ['no/x.jsonl'], 'there is no folder no'),
    ('hh-export', ['x.parquet', '--template', 'alpaca'], 'the format parquet takes none')]

@pytest.mark.parametrize('command, args, word', SEEN_AT_ONCE, ids=[' '.join([name, *args]) for name, args, _ in SEEN_AT_ONCE])
def test_what_can_be_seen_at_once_is_said_before_the_load(tmp_path, command, args, word):
    "The folder holds no data, so a load would fail for that reason"
    for name in 'there.ipynb', 'there.jsonl': (tmp_path/name).write_text('{\n "cells": []\n}\n')
    got = run(tmp_path, *args, '--path', str(tmp_path), command=command)
    assert_one_line(got, f'{command}: ')
    assert word in got.stderr and 'looked for' not in got.stderr
    assert (tmp_path/'there.jsonl').read_text() == '{\n "cells": []\n}\n'

@pytest.mark.parametrize('command, args', [('hh-look', []), ('hh-review', ['v.jsonl']), ('hh-export', ['x.jsonl', '--force'])])
def test_a_command_at_a_terminal_says_what_it_reads(tmp_path, long_text, command, args):
    said = in_terminal(tmp_path, *args, *long_text, command=command, columns=300, typed='\x04')   # Ctrl-D
    assert f'Reading 1 file in {tmp_path} …' in said
    got = run(tmp_path, *args, *long_text, command=command, typed='')
    assert got.returncode == 0 and not got.stderr

def test_bad_rows_and_files_get_one_line(tmp_path):
    for row in '{"chosen": null}', '<html>', '{"chosen": 1, "rejected": 2}':
        (tmp_path/'helpful-base.jsonl').write_text(row)
        assert_one_line(run(tmp_path, '--path', str(tmp_path), '--source', 'helpful-base'), f'hh-look: {tmp_path}')

# -- terminals, encodings, pipes

ONE = ['--path', 'sample', '--id', 'harmless-base/train:17']

def test_narrow_terminal(tmp_path):
    plain = re.sub(r'\x1b\[[\d;]*m', '', in_terminal(tmp_path, *ONE, columns=40))
    _, pair = plain.split('harmless-base/train:17', 1)
    assert max(map(len, plain.split('\n'))) <= 40 and '│' not in pair
    assert 'harmless-base/train: 25 rows, 16 pairs, ' in ' '.join(plain.split())
    assert pair.index('chosen') < pair.index('rejected')

def test_wide_terminal(tmp_path):
    shown = in_terminal(tmp_path, *ONE, columns=120)
    assert '│' in shown and '\x1b[1;32mchosen' in shown
    plain = re.sub(r'\x1b\[[1234](;[1234])*m|\x1b\[0m', '', in_terminal(tmp_path, *ONE, NO_COLOR='1'))
    assert '\x1b[' not in plain

def test_the_warning_breaks_between_words(tmp_path, long_text):
    for columns in 40, 33, 50:
        said = in_terminal(tmp_path, *long_text, columns=columns)
        warning = said[said.index('Content'):].split('\n\n')[0]
        assert warning.split('\n') == [line.strip() for line in warning.split('\n')] and '\n' in warning
        assert max(map(len, warning.split('\n'))) < columns
        assert ' '.join(warning.split()) == WARNING

def test_hostile_rows_in_a_terminal(tmp_path):
    "Not one escape, control or direction character of the data reaches the terminal, and all of each text is shown"
    texts = [text for name, text in HOSTILE.items() if name not in ('lone surrogate', 'long word of tags')]  # JSON holds no surrogate
    rows = []
    for text in texts:
        turns = f'\n\nHuman: {text}\n\nAssistant: '
        rows.append(json.dumps(dict(chosen=f'{turns}yes', rejected=f'{turns}no {text}')))
    (tmp_path/'harmless-base.jsonl').write_text('\n'.join(rows))
    hh = load_hh(tmp_path, sources='harmless-base')
    assert len(hh) == len(texts)
    got = in_terminal(tmp_path, '--path', str(tmp_path), '--source', 'harmless-base', '--n', '99', columns=60)
    plain = without_colours(got)
    assert not UNSEEN.search(plain), UNSEEN.search(plain)
    def squeeze(text): return re.sub(r'\s', '', text)
    for pair in hh: assert squeeze(visible(pair.instruction)[:900]) in squeeze(plain)

ENVIRONMENTS = [dict(LC_ALL='C'), dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0'), dict(PYTHONIOENCODING='ascii'),
                dict(TERM='dumb'), dict(COLUMNS='10'), dict(COLUMNS='0')]

@pytest.mark.parametrize('env', ENVIRONMENTS, ids=str)
def test_any_locale_and_terminal(tmp_path, env):
    got = run(tmp_path, '--path', 'sample', '--n', '99', **env)
    assert got.returncode == 0 and not got.stderr
    if 'COLUMNS' not in env: assert ids(got.stdout) == examples(SAMPLE, 99)['id']
    assert 'chosen' in got.stdout and 'rejected' in got.stdout

def test_a_closed_pipe_or_a_full_disk_ends_without_a_traceback(tmp_path):
    piped = f'{BIN}/hh-look --path sample --n 99 | head -1'
    got = subprocess.run(piped, shell=True, env=environ(tmp_path), capture_output=True, text=True)
    assert got.stdout.count('\n') == 1 and not got.stderr
    with open('/dev/full', 'w') as full:
        got = subprocess.run([BIN/'hh-look', '--path', 'sample'], stdout=full, stderr=subprocess.PIPE, text=True, env=environ(tmp_path))
    assert got.returncode and 'Traceback' not in got.stderr

@pytest.mark.real
def test_real_rows_come_with_a_warning(tmp_path):
    got = run(tmp_path, '--split', 'test', HH_DATA=os.environ['HH_DATA'])
    assert got.returncode == 0 and got.stdout.startswith('Content warning') and len(ids(got.stdout)) == 6

@pytest.mark.real
def test_a_real_row_that_is_no_pair_says_why(tmp_path):
    shown = run(tmp_path, '--id', 'harmless-base/test:1950', HH_DATA=os.environ['HH_DATA']).stdout
    assert 'several assistant messages' in ' '.join(shown.split())

# -- help and version

SHORT = {'look': dict(n='n', k='kind', s='seed', i='id', g='grep', f='full', x='exclude'),
         'review': dict(n='n', k='kind', s='seed', r='reader', q='question', x='exclude'),
         'export': dict(f='format', k='kind', x='exclude')}

@pytest.mark.parametrize('name', COMMANDS)
def test_help_describes_each_option_and_names_what_the_tables_hold(tmp_path, name):
    said = run(tmp_path, '--help', command=f'hh-{name}', COLUMNS='200').stdout
    for short, long in SHORT[name].items(): assert re.search(rf'^  -{short}( \(\w+\))?, --{long}( \(\w+\))? +\w+\S* \w+', said, re.M)
    for long in 'split', 'source', 'path', 'version': assert re.search(rf'^  --{long}( \(\w+\))? +\w+ \w+', said, re.M)
    for word in *SOURCES, *FLAGS: assert word in said
    if name == 'review': assert all(question in said for question in QUESTIONS)

@pytest.mark.parametrize('name', COMMANDS)
def test_version(tmp_path, name):
    assert run(tmp_path, '--version', command=f'hh-{name}').stdout == f'hh_nbdev {hh_nbdev.__version__}\n'

@pytest.mark.parametrize('module', ['hh_nbdev', 'hh_nbdev.cli'])
def test_as_a_module(tmp_path, module):
    def call(*args):
        command = [sys.executable, '-m', module, *args]
        return subprocess.run(command, env=environ(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert call('look', '--path', 'sample').stdout == call('hh-look', '--path', 'sample').stdout == look(tmp_path)
    export = call('export', '-', '--path', 'sample')
    assert len(json_lines(export.stdout)) == len(SAMPLE)
    assert 'usage: hh-review' in call('review', '--help').stdout
    listed = call()
    assert listed.returncode == 0 and all(name in listed.stdout for name in COMMANDS)
    assert call('loook').returncode == 2

# -- hh-review

def test_review_goes_on_where_it_was(tmp_path):
    file = tmp_path/'verdicts.jsonl'
    def review(keys): return run(tmp_path, str(file), '--path', 'sample', '-n', '2', command='hh-review', typed=keys)
    def answers(): return [json.loads(line)['answer'] for line in file.read_text().splitlines()]
    assert review('a\nb\nq\n').returncode == 0 and answers() == ['A', 'B']
    with open(file, 'a') as f: f.write('{"id": "helpful')
    got = review('t\ns\n')
    assert got.returncode == 0 and answers() == ['A', 'B', 'tie', 'skip']
    assert got.stderr.startswith(f'hh-review: {file}: the last line is damaged') and got.stderr.count('\n') == 1
    file.write_text('no verdict\n' + file.read_text())
    assert review('').returncode == 1

def default_draws(hh):
    "What hh-look and hh-review show by default"
    return set(examples(hh)['id']), set(examples(not_looked_at(hh, seed=0, exclude=()), 50)['id'])

def test_review_leaves_out_what_a_look_has_shown(tmp_path):
    file = tmp_path/'verdicts.jsonl'
    assert run(tmp_path, str(file), '--path', 'sample', command='hh-review', typed='s\n' * 99).returncode == 0
    asked = {verdict.id for verdict in read_verdicts(file)[0]}
    seen = set(ids(look(tmp_path)))
    assert len(seen) == 6 and not asked & seen
    assert (seen, asked) == default_draws(SAMPLE)
    assert 'hh-look' in run(tmp_path, '--help', command='hh-review').stdout

@pytest.mark.real
def test_review_leaves_out_what_a_look_has_shown_of_the_real_test_files():
    seen, asked = default_draws(load_hh(split='test'))
    assert (len(seen), len(asked)) == (6, 100) and not seen & asked

def test_the_warning_comes_before_the_load_and_stays_until_enter(tmp_path, long_text):
    terminal = pexpect.spawn(str(BIN/'hh-review'), ['v.jsonl', *long_text], env=environ(tmp_path, TERM='xterm'), cwd=str(tmp_path),
                             dimensions=(30, 300), encoding='utf-8', timeout=60)
    terminal.expect_exact('Enter shows the first pair')
    assert terminal.before.index(WARNING) < terminal.before.index('Reading 1 file')
    assert '\x1b[2J' not in terminal.before
    terminal.close()

def test_review_asks_the_question_of_ones_choice_and_leaves_out_equal_replies(tmp_path):
    file = tmp_path/'verdicts.jsonl'
    got = run(tmp_path, str(file), '--path', 'sample', '-n', '99', '-q', 'rather', '-x', 'identical', '-r', 'me',
              command='hh-review', typed='t\n' * 99)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert got.stdout.count(QUESTIONS['rather']) == len(rows) == len(not_looked_at(SAMPLE, seed=0, exclude=['identical']))
    assert {(row['question'], row['reader'], row['answer']) for row in rows} == {('rather', 'me', 'tie')}
    got = run(tmp_path, str(file), '--path', 'sample', command='hh-review', typed='')
    assert_one_line(got, f'hh-review: {file} asks')

def test_verdicts_on_the_sample_are_not_taken_for_verdicts_on_other_rows(tmp_path):
    "A folder with the sample's ids and other texts"
    for file in find_files('sample'):
        rows = [json.loads(line) for line in read_lines(file.path)]
        for row in rows: row.update({side: f'{text} Really.' for side, text in row.items()})
        (tmp_path/f'{file.source}.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    verdicts = str(tmp_path/'v.jsonl')
    assert run(tmp_path, verdicts, '--path', 'sample', command='hh-review', typed='a\n').returncode == 0
    got = run(tmp_path, verdicts, '--path', str(tmp_path), command='hh-review', typed='a\n')
    assert_one_line(got, f'hh-review: {verdicts}: 1 of 1 verdicts were given on other texts')

# -- hh-export

def export(tmp_path, *args, **more): return run(tmp_path, *args, '--path', 'sample', command='hh-export', **more)

def test_export(tmp_path):
    file = tmp_path/'out.jsonl'
    got = export(tmp_path, 'out.jsonl', '--exclude', ','.join(FLAGS))
    clean = load_hh('sample', exclude=FLAGS)
    assert got.returncode == 0 and f'{len(clean)} pairs written to out.jsonl' in got.stdout
    assert len(file.read_bytes().splitlines()) == len(clean)
    assert_one_line(export(tmp_path, 'out.jsonl'), 'hh-export: out.jsonl exists')
    assert export(tmp_path, 'out.jsonl', '--force', '--format', 'trl-chat', '--kind', 'harmless').returncode == 0
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert len(rows) == len(SAMPLE.harmless) and rows[0]['prompt'][0]['role'] == 'user'
    for mistake in (['--format', 'x'], ['--exclude', 'x'], ['--kind', 'x'], ['--template', 'x']):
        assert_one_line(export(tmp_path, 'out.jsonl', '--force', *mistake), 'hh-export: ')
    assert len(file.read_bytes().splitlines()) == len(rows)

def test_export_to_standard_output_is_rows_and_nothing_else(tmp_path):
    got = export(tmp_path, '-')
    assert got.returncode == 0 and [row['id'] for row in json_lines(got.stdout)] == list(SAMPLE['id'])
    assert f'{len(SAMPLE)} pairs written to standard output' in got.stderr and str(SAMPLE.report) in got.stderr
    piped = subprocess.run(f'{BIN}/hh-export - --path sample | head -1', shell=True, env=environ(tmp_path), capture_output=True, text=True)
    assert json.loads(piped.stdout)['id'] == SAMPLE[0].id and 'Traceback' not in piped.stderr

def test_the_name_decides_the_format(tmp_path):
    for name in 'hh.xyz', 'hh.jsonl.zst', 'hh':
        assert_one_line(export(tmp_path, name), f'hh-export: {name}')
        assert not (tmp_path/name).exists()
    assert export(tmp_path, '~/home.jsonl.gz').returncode == 0 and (tmp_path/'home.jsonl.gz').read_bytes()[:2] == b'\x1f\x8b'

def test_templates(tmp_path):
    (tmp_path/'mine.txt').write_text('Q: {instruction}\nA:')
    first = SAMPLE[0]
    for template, prompt in (('dialogue', f'\n\nHuman: {first.instruction}\n\nAssistant:'), ('mine.txt', f'Q: {first.instruction}\nA:')):
        got = export(tmp_path, '-', '-f', 'trl', '--template', template)
        assert json_lines(got.stdout)[0]['prompt'] == prompt
    plain, alpaca = (export(tmp_path, '-', '-f', 'trl', *args).stdout for args in ([], ['--template', 'alpaca']))
    assert plain == alpaca and '### Instruction:' in plain
    assert_one_line(export(tmp_path, '-', '--template', 'alpaca'), 'hh-export: ')   # this format has none

def test_names_that_the_terminal_cannot_show(tmp_path):
    got = export(tmp_path, str(tmp_path/'données.jsonl'), PYTHONIOENCODING='ascii')
    assert got.returncode == 0 and r'donn\xe9es.jsonl' in got.stdout

@pytest.mark.parametrize('command', ['hh-review', 'hh-export'])
def test_only_looking_falls_back(tmp_path, command):
    got = run(tmp_path, 'out.jsonl', command=command)
    assert got.returncode == 1 and not (tmp_path/'out.jsonl').exists()

# -- a notebook of one's own

def execute(notebook, tmp_path, **env):
    "Run a notebook as `jupyter nbconvert --execute` does; its cells with their outputs"
    command = [BIN/'jupyter', 'nbconvert', '--to', 'notebook', '--execute', '--inplace', notebook.name]
    got = subprocess.run(command, cwd=notebook.parent, env=environ(tmp_path, **env), capture_output=True, text=True)
    assert got.returncode == 0, got.stderr
    return json.loads(notebook.read_text())['cells']

@pytest.mark.parametrize('data', ['sample', 'flat folder'])
def test_a_notebook_of_ones_own_runs_as_it_is_written(tmp_path, data):
    pytest.importorskip('nbconvert')
    env, args, hh = {}, ['--path', 'sample'], SAMPLE
    if data == 'flat folder':
        for file in find_files('sample'):
            shutil.copy(file.path, tmp_path/f'{file.source}.jsonl.gz')
        env, args, hh = dict(HH_DATA=str(tmp_path)), ['--seed', '1'], load_hh(tmp_path)
    got = run(tmp_path, *args, '--notebook', 'my/look.ipynb', **env)
    assert got.returncode == 0 and 'my/look.ipynb is written' in got.stdout, got.stderr
    written = (tmp_path/'my'/'look.ipynb').read_text()
    six = examples(hh, 3, seed=int(data == 'flat folder'))
    assert not any(len(text) > 20 and text[:20] in written for pair in six for text in pair[:3])   # ids, no rows
    cells = execute(tmp_path/'my'/'look.ipynb', tmp_path)  # it names the folder itself
    headings = re.findall(r'pair, `(.+)`', '\n'.join(''.join(cell['source']) for cell in cells))
    assert headings == list(six['id'])
    outputs = json.dumps([output for cell in cells for output in cell.get('outputs', [])])
    for part in 'rows', *six['id'], 'agrees, all': assert part in outputs
    assert 'THIS IS NOT HH' not in outputs
    got = run(tmp_path, *args, '--notebook', 'my/look.ipynb', **env)
    assert got.returncode == 1 and 'may hold your comments' in got.stderr

def test_a_notebook_on_the_sample_if_there_is_no_data(tmp_path):
    got = run(tmp_path, '--notebook', 'look.ipynb')
    assert got.returncode == 0 and 'THIS IS NOT HH' in got.stderr
    assert "load_hh('sample'" in (tmp_path/'look.ipynb').read_text()
    first = ''.join(json.loads((tmp_path/'look.ipynb').read_text())['cells'][0]['source'])
    assert 'THIS IS NOT HH' in first and 'HH_DATA=' in first and 'VS Code' in got.stdout
