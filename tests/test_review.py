"A blind reading: no answer that was acknowledged is ever lost, nothing gives the label away, and any terminal will do."
import errno, io, os, random, re, resource, shutil, signal, subprocess, sys, time, warnings
from functools import partial
from pathlib import Path

import pexpect
import pytest
from hypothesis import given, settings, strategies as st

import hh_nbdev.verdicts
from hh_nbdev.files import BadFile
from hh_nbdev.load import HH
from hh_nbdev.review import KEYS, Review, review_widget, side_at_a
from hh_nbdev.verdicts import ANSWERS, QUESTIONS, read_verdicts
from readings import make_pairs, verdict_on, verdicts_in, write_verdicts

def answers_in(file): return [verdict.answer for verdict in verdicts_in(file)]

def in_child(function):
    "Run a function in a child process that may lose its rights; what it raised there, as text, or ''"
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = ''
        try: function()
        except BaseException as e: said = f'{type(e).__name__}: {e}'
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, 'rb') as pipe: said = pipe.read().decode()
    os.waitpid(pid, 0)
    return said

# -- nothing is lost

class SlowFile(io.FileIO):
    "A disk that takes a few bytes at a time, so that a kill hits the middle of a line"
    def write(self, data):
        time.sleep(.0002)
        return super().write(bytes(data[:9]))

def slow_open(name, mode, buffering=-1):
    return SlowFile(name, mode) if buffering == 0 else open(name, mode)

def answer_until_killed(file, hh, acknowledge, slow):
    "Answer, tell the parent, answer, …"
    warnings.simplefilter('ignore')
    if slow: hh_nbdev.verdicts.open = slow_open
    review = Review(hh, file, seed=1)
    while review.left:
        letter = 'abts'[review.done % 4]
        review.answer(letter)
        os.write(acknowledge, letter.encode())
    os._exit(0)

def acknowledged_before_kill(file, hh, seconds, slow):
    "The letters that a session had acknowledged when it was killed"
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0: answer_until_killed(file, hh, writer, slow)
    os.close(writer)
    letters = os.read(reader, 1)  # it is at work
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open(reader, 'rb') as pipe: letters += pipe.read()
    return letters.decode()

def test_kill_at_50_random_moments(tmp_path):
    hh, file, rng = make_pairs(5_000), tmp_path/'v.jsonl', random.Random(0)
    before, times_torn = [], 0
    for kill in range(50):
        letters = acknowledged_before_kill(file, hh, rng.random() * .03, slow=kill % 2)
        found, torn = read_verdicts(file)
        new = [verdict.answer for verdict in found[len(before):]]
        assert found[:len(before)] == before                                      # nothing that was there has changed
        assert new[:len(letters)] == [ANSWERS[letter] for letter in letters]      # all that was acknowledged is there
        assert len(new) <= len(letters) + 1                                       # and at most the one under way besides
        before, times_torn = found, times_torn + bool(torn)
    assert times_torn > 5 and 100 < len(before) < len(hh)
    with pytest.warns(UserWarning, match='damaged') if torn else warnings.catch_warnings():
        review = Review(hh, file, seed=1)
    ids = {verdict.id for verdict in before}
    assert len(ids) == len(before) == review.done                                 # none was asked twice
    assert len((tmp_path/'v.jsonl.damaged').read_bytes().splitlines()) == times_torn

def test_read_only_folder(tmp_path):
    file = tmp_path/'v.jsonl'
    Review(make_pairs(3), file).answer('a')
    before = file.read_bytes()
    file.chmod(0o444)
    tmp_path.chmod(0o555)
    for folder in tmp_path.parent, tmp_path.parent.parent: folder.chmod(0o755)
    def open_as_nobody(name):
        if os.getuid() == 0: os.setuid(65534)
        Review(make_pairs(3), tmp_path/name)
    for name in 'v.jsonl', 'new.jsonl':
        said = in_child(partial(open_as_nobody, name))
        assert said == (f'PermissionError: [Errno 13] cannot write {tmp_path/name}: Permission denied. '
                        'Choose a place that can be written')
    tmp_path.chmod(0o755)
    assert file.read_bytes() == before and os.listdir(tmp_path) == ['v.jsonl']

def answer_until_full(file, refused):
    "Answer until the disk is full; what was answered is there, what was not is not"
    review = Review(make_pairs(1000), file)
    with pytest.raises(OSError, match='This answer was not kept; all earlier ones were') as e:
        while review.left: review.answer('a', 'x' * 100)
    assert e.value.errno == refused and str(file) in str(e.value)
    assert 5 < review.done == len(verdicts_in(file))
    assert read_verdicts(file)[1] == b'' and file.read_bytes().endswith(b'\n')
    assert Review(make_pairs(1000), file).current == review.current               # the pair is asked again

def test_a_limit_on_the_size_of_files(tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        answer_until_full(tmp_path/'v.jsonl', errno.EFBIG)
    assert in_child(limited) == ''

def test_full_disk(tmp_path):
    file = tmp_path/'v.jsonl'
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tmp_path]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip('may not mount a small disk')
    try:
        answer_until_full(file, errno.ENOSPC)
        file.write_bytes(file.read_bytes()[:2000])                                # room again
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            Review(make_pairs(1000), file).answer('b')
        assert answers_in(file)[-1] == 'B'
    finally: subprocess.run(['umount', tmp_path])

def test_folders_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path/'pipe')
    for path in tmp_path, tmp_path/'pipe':
        with pytest.raises(BadFile, match='is not a regular file'): Review(make_pairs(2), path)
    with pytest.raises(FileNotFoundError, match='cannot write'): Review(make_pairs(2), tmp_path/'missing'/'v.jsonl')

def test_two_sessions_do_not_mix(tmp_path):
    file = tmp_path/'v.jsonl'
    one, two = Review(make_pairs(9), file), Review(make_pairs(9), file)
    one.answer('a')
    for _ in range(2):
        with pytest.raises(RuntimeError, match='another session'): two.answer('b')
    assert answers_in(file) == ['A'] and two.done == 0
    file.unlink()
    with pytest.raises(RuntimeError, match='changed'): one.answer('a')

# -- the order, and what is hidden

def test_order_is_the_same_everywhere(tmp_path):
    review = Review(make_pairs(6), tmp_path/'v.jsonl', seed=3)
    seen = []
    while review.left:
        pair = review.current
        seen.append((pair.instruction, pair.A.split()[0]))
        review.answer('s')
    assert seen == [('Question 1?', 'Good'), ('Question 3?', 'Good'), ('Question 0?', 'Good'),
                    ('Question 4?', 'Bad'), ('Question 5?', 'Good'), ('Question 2?', 'Good')]
    sides = ['chosen' if first == 'Good' else 'rejected' for _, first in seen]
    assert [verdict.a for verdict in verdicts_in(review.file)] == sides

def test_the_toss_is_fair_and_depends_on_nothing_else():
    for seed in range(3):
        tosses = [side_at_a(pair.id, seed) for pair in make_pairs(4000)]
        assert abs(tosses.count('chosen') - 2000) < 130                           # four standard deviations
        same = sum(a == b for a, b in zip(tosses, tosses[1:]))
        assert abs(same - 2000) < 130
    assert [side_at_a(pair.id, 0) for pair in make_pairs(40)] != [side_at_a(pair.id, 1) for pair in make_pairs(40)]

def test_pairs_that_come_later_are_asked_too(tmp_path):
    hh = make_pairs(8)
    review = Review(hh[:4], tmp_path/'v.jsonl', seed=1)
    for letter in 'abts': review.answer(letter)
    more = Review(hh, tmp_path/'v.jsonl', seed=1)
    assert (more.done, more.left) == (4, 4)

def test_a_pair_given_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match='twice'): Review([*make_pairs(2), make_pairs(1)[0]], tmp_path/'v.jsonl')

def test_going_back_answers_a_pair_again(tmp_path):
    review = Review(make_pairs(3), tmp_path/'v.jsonl')
    with pytest.raises(ValueError, match='no answer'): review.back()
    first = review.current
    review.answer('a')
    review.answer('b')
    review.back()
    review.back()
    assert review.current == first and review.done == 0
    for letter in 'ttt': review.answer(letter)
    with pytest.raises(ValueError, match='all pairs are answered'): review.answer('a')
    assert review.result().choices() == ['tie']*3 and len(verdicts_in(review.file)) == 5

def test_going_back_shows_the_old_answer_and_remark_and_keeps_a_remark_not_yet_used(tmp_path):
    review = Review(make_pairs(3), tmp_path/'v.jsonl')
    assert (review.earlier, review.remark) == ('', '')
    review.answer('b', 'on the question')
    review.remark = 'half typed'
    review.back()
    assert (review.earlier, review.remark) == ('B', 'on the question')
    review.answer('tie')                                                          # the remark stays
    assert (review.earlier, review.remark) == ('', 'half typed')
    review.answer('a')
    assert [(verdict.answer, verdict.remark) for verdict in verdicts_in(review.file)] == [
        ('B', 'on the question'), ('tie', 'on the question'), ('A', 'half typed')]

def test_an_answer_taken_back_stands_in_the_count_as_in_the_file_until_there_is_another(tmp_path):
    hh, file = make_pairs(6), tmp_path/'v.jsonl'
    review = Review(hh, file)
    for letter in 'abt': review.answer(letter)
    review.back()
    assert (review.done, review.kept, len(verdicts_in(file))) == (2, 3, 3)
    assert repr(review) == f'Review(3 of 6 answered, in {file})'
    again = Review(hh, file)
    assert (again.done, again.kept) == (3, 3)
    review.answer('a')
    assert (review.done, review.kept, Review(hh, file).kept) == (3, 3, 3)

def test_undo_and_quit_tells_what_the_file_keeps(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file)
    press(terminal, 'a', 'b', 'u')
    said = end(terminal, 'q')
    assert f'2 of 4 answered, kept in {file}; the same command goes on.' in said
    assert answers_in(file) == ['A', 'B']

def test_an_old_answer_under_another_seed_is_told_by_the_letters_of_this_one(tmp_path):
    pair = make_pairs(1)[0]
    for a in 'chosen', 'rejected':
        file = write_verdicts(tmp_path/a, [verdict_on(pair, a, 'A')])
        review = Review([pair], file)
        review.back()
        assert review.earlier == ('A' if side_at_a(pair.id, 0) == a else 'B')

def test_result_waits_for_the_end(tmp_path):
    review = Review(make_pairs(2), tmp_path/'v.jsonl')
    review.answer('a')
    with pytest.raises(ValueError, match='labels stay hidden'): review.result()

def test_an_answer_can_be_taken_back_in_a_later_session_but_not_once_the_result_is_seen(tmp_path):
    hh, file = make_pairs(2), tmp_path/'v.jsonl'
    for letter in 'ab': Review(hh, file).answer(letter)
    review = Review(hh, file)
    review.back()
    review.answer('t')
    assert answers_in(file) == ['A', 'B', 'tie'] and Review(hh, file).left == 0
    review.result()
    with pytest.raises(ValueError, match='no answer'): review.back()

@settings(deadline=None)  # a disk may be slow
@given(st.text() | st.text(st.characters(codec=None)))
def test_any_remark_is_one_line(tmp_path_factory, remark):
    file = tmp_path_factory.mktemp('v')/'v.jsonl'
    Review(make_pairs(1), file, reader='me').answer('tie', remark)
    assert file.read_bytes().count(b'\n') == 1
    assert [(verdict.remark, verdict.reader) for verdict in verdicts_in(file)] == [(remark, 'me')]

@pytest.mark.parametrize('answer', ['', 'x', 'AB', 'Tie', 'chosen'])
def test_any_other_answer_is_refused(tmp_path, answer):
    review = Review(make_pairs(2), tmp_path/'v.jsonl')
    with pytest.raises(ValueError, match='the answer is one of'): review.answer(answer)
    assert review.done == 0 and review.file.read_bytes() == b''

def test_each_kind_is_asked_what_its_labels_answer_or_all_are_asked_one_question(tmp_path):
    for question, expected in (None, {'less harm', 'helps more'}), ('rather', {'rather'}):
        review = Review(make_pairs(4), tmp_path/f'{question}.jsonl', question=question)
        asked = set()
        while review.left:
            asked.add(review.current.question)
            review.answer('a')
        assert asked == {QUESTIONS[name] for name in expected}
        assert {verdict.question for verdict in verdicts_in(review.file)} == expected
    with pytest.raises(ValueError, match='question is one of'): Review(make_pairs(1), tmp_path/'v.jsonl', question='x')

def test_one_file_takes_one_question(tmp_path):
    file = tmp_path/'v.jsonl'
    Review(make_pairs(2), file, question='rather').answer('a')
    before = file.read_bytes()
    with pytest.raises(ValueError, match="asks 'rather' about .* Give each question a file of its own"): Review(make_pairs(2), file)
    assert file.read_bytes() == before

def test_a_file_of_other_pairs_or_of_another_reader_is_named(tmp_path):
    file, elsewhere = tmp_path/'v.jsonl', HH(pair._replace(line=9) for pair in make_pairs(1))
    Review(make_pairs(2), file, reader='ann').answer('a')
    with pytest.warns(UserWarning, match="verdicts of 'ann'") as said:
        assert Review(make_pairs(2), file, reader='bob').done == 1
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match='on 1 pairs that are not among these'):
        assert Review(elsewhere, file, reader='ann').done == 0

def test_a_file_that_holds_something_else_is_left_alone(tmp_path):
    notes = tmp_path/'notes'
    for text in 'a shopping list', '{"chosen": "", "rejected": ""}\n':
        notes.write_text(text)
        with pytest.raises(BadFile, match='line 0'): Review(make_pairs(2), notes)
        assert notes.read_text() == text and os.listdir(tmp_path) == ['notes']

# -- the widget

HOSTILE = '\x1b]0;title\x07\x1b[5m<script>alert(1)</script><img src=x onerror=alert(2)>[a](javascript:b)\u202e\x9b31m\u200b'

def hostile_pairs(n):
    "Pairs whose texts try to be more than text"
    pairs = []
    for pair in make_pairs(n):
        texts = {name: getattr(pair, name) + HOSTILE for name in ('instruction', 'chosen', 'rejected')}
        pairs.append(pair._replace(**texts))
    return HH(pairs)

def test_nothing_that_a_widget_shows_gives_the_label_away(tmp_path):
    pytest.importorskip('ipywidgets')
    review = Review(hostile_pairs(8), tmp_path/'v.jsonl')
    page, fields, buttons, said = review_widget(review).children
    key, _ = fields.children
    for letter in 'abtsab':
        shown = re.sub('<style>.*?</style>', '', page.value + said.value, flags=re.S)
        for part in 'Question', 'Good', 'Bad': assert part in shown
        assert not re.search(r'chosen|rejected|test:|-base|-online|-sampled', shown)
        for part in '<script', '<img', '\u202e', '\x1b': assert part not in shown
        key.value = letter
    assert review.done == 6 and key.value == ''

def test_a_widget_takes_no_answer_to_a_pair_that_it_does_not_show(tmp_path):
    "Neither the second half of a double click, nor one meant for a pair that another widget has had answered"
    pytest.importorskip('ipywidgets')
    review = Review(make_pairs(9), tmp_path/'v.jsonl')
    _, _, buttons, _ = review_widget(review).children
    _, other_fields, _, other_said = review_widget(review).children
    other_key, _ = other_fields.children
    buttons.children[0].click()
    buttons.children[0].click()
    assert review.done == 1
    other_key.value = 'b'
    assert review.done == 1 and 'answered elsewhere' in other_said.value
    other_key.value = 'b'
    assert review.done == 2

def test_a_widget_keeps_remarks_on_going_back_and_lists_disagreements_at_the_end(tmp_path):
    pytest.importorskip('ipywidgets')
    review = Review(make_pairs(2), tmp_path/'v.jsonl')
    page, fields, buttons, said = review_widget(review).children
    key, remark = fields.children
    remark.value = 'first'
    key.value = 'a'
    remark.value = 'half typed'
    key.value = 'u'
    assert remark.value == 'first' and 'Your answer A stands' in said.value and '1 of 2 answered' in said.value
    key.value = 'b'
    assert remark.value == 'half typed'
    key.value = 'b'
    against = review.result().against
    assert len(against) and all(pair.id in page.value for pair in against)

# -- a terminal

SESSION = '''
import sys; sys.path.insert(0, sys.argv[2])
from test_review import *
from hh_nbdev.review import review_terminal
review_terminal(Review(globals()[sys.argv[3]](int(sys.argv[4])), sys.argv[1]))
'''
TESTS = str(Path(__file__).parent)
CLEAR = '\x1b[2J\x1b[H'
PROMPT, REMARK = '\n> ', 'words: '

def session_of(file, pairs='make_pairs', n=4): return [sys.executable, '-c', SESSION, str(file), TESTS, pairs, str(n)]

def session(file, pairs='make_pairs', n=4, columns=80, lines=24, **env):
    "A review in a terminal of its own, its first pair on the screen"
    environ = {**os.environ, 'TERM': 'xterm', **env}
    for name in {'COLUMNS', 'LINES'} - set(env): environ.pop(name, None)
    command, *args = session_of(file, pairs, n)
    terminal = pexpect.spawn(command, args, env=environ, dimensions=(lines, columns), encoding='utf-8', timeout=60)
    terminal.expect_exact(PROMPT)
    return terminal

def press(terminal, *keys):
    "Send keys, each once the prompt is there; what the screen showed before the last prompt"
    for key in keys:
        terminal.send(key)
        terminal.expect_exact(REMARK if key == 'r' else PROMPT)
    return screen(terminal)

def screen(terminal):
    "The lines on the screen, without colours"
    shown = terminal.before.rpartition(CLEAR)[2]
    return re.sub(r'\x1b\[[\d;]*m', '', shown).replace('\r\n', '\n').split('\n')

def end(terminal, key=''):
    "Send the last key; what was printed at the end"
    if key: terminal.send(key)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0, terminal.before
    return '\n'.join(screen(terminal))

def remarks_in(file): return [(verdict.answer, verdict.remark) for verdict in verdicts_in(file)]

def test_keys_in_a_terminal(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file)
    press(terminal, 'a', '\x1b[A', 'ab', 'x')                                     # an arrow key is no A
    assert remarks_in(file) == [('A', '')]
    shown = press(terminal, 'r', 'shorter\n', 'b', 'u')
    assert 'Your answer B stands until you give another. Your remark: shorter' in shown
    press(terminal, 't')
    assert remarks_in(file) == [('A', ''), ('B', 'shorter'), ('tie', 'shorter')]
    said = end(terminal, 'q')
    assert f'2 of 4 answered, kept in {file}; the same command goes on.' in said and 'agrees' not in said
    terminal = session(file)
    press(terminal, 's')
    assert '3 of 4 answered' in end(terminal, '\x04')                                 # Ctrl-D
    assert answers_in(file)[3:] == ['skip']

def test_a_letter_and_enter_in_one_answer_once(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file)
    press(terminal, 'a\n', '\n', 'b\r', 'u\n', 't\n')
    end(terminal, 'q\n')
    assert answers_in(file) == ['A', 'B', 'tie']

def test_a_key_pressed_before_its_pair_was_shown_is_dropped(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file)
    terminal.send('ab')                                                           # both at once: neither is a key
    terminal.expect_exact(PROMPT)
    assert file.read_bytes() == b'' and "'ab' is not one of the keys" in screen(terminal)
    end(terminal, 'q')

def test_hostile_texts_in_a_terminal(tmp_path):
    terminal = session(tmp_path/'v.jsonl', 'hostile_pairs')
    shown = terminal.before
    for part in '\x1b]0', '\x1b[5m', '\u202e', '\x9b', '\u200b': assert part not in shown
    assert '<script>' in shown and not re.search(r'chosen|rejected|test:|-base', shown)
    end(terminal, 'q')

def test_a_narrow_terminal_that_knows_ascii_only(tmp_path):
    ascii_only = dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    terminal = session(tmp_path/'v.jsonl', columns=40, **ascii_only)
    press(terminal, 's', 's', 's')
    said = end(terminal, 'b')
    assert f'4 of 4 answered, kept in {tmp_path}/v.jsonl.' in said and 'agrees, all' in said
    assert max(map(len, said.split('\n'))) <= max(40, len(f'4 of 4 answered, kept in {tmp_path}/v.jsonl.'))

def long_pairs(n):
    "Pairs of which each text is longer than any screen"
    pairs = []
    for number, pair in enumerate(make_pairs(n)):
        words = [' '.join(f'{name}{number}-{i}' for i in range(900)) for name in ('question', 'good', 'bad')]
        pairs.append(pair._replace(instruction=words[0], chosen=words[1], rejected=words[2]))
    return HH(pairs)

@pytest.mark.parametrize('columns, lines', [(80, 24), (120, 40), (50, 20)])
def test_long_pairs_fit_the_screen_and_their_whole_text_is_a_key_away(tmp_path, columns, lines):
    terminal = session(tmp_path/'v.jsonl', 'long_pairs', columns=columns, lines=lines)
    def check(shown):
        assert len(shown) <= lines - 1 and max(map(len, shown)) <= columns
        assert 'quit' in shown[-1]
    folded = screen(terminal)
    check(folded)
    text = '\n'.join(folded)
    assert 'Which reply' in text and 'more characters' in ' '.join(text.split())
    for part in 'question0-0', 'good0-0', 'bad0-0': assert part.replace('0-0', '') in text
    words, pages = set(), set()
    while True:
        shown = press(terminal, 'w')
        check(shown)
        page, of = re.search(r'Page (\d+) of (\d+)', '\n'.join(shown)).groups()
        if page in pages: break                                                   # after the last comes the first
        pages.add(page)
        words |= set(re.findall(r'[a-z]+\d-\d+', '\n'.join(shown)))
    assert len(pages) == int(of) > 3
    number = re.search(r'question(\d)', text)[1]
    assert {f'{name}{number}-{i}' for name in ('question', 'good', 'bad') for i in range(900)} <= words
    assert press(terminal, 'f') == folded
    press(terminal, 'w', 'a')
    assert 'Page' not in '\n'.join(screen(terminal))                              # the next pair begins folded
    end(terminal, 'q')

def test_a_window_in_which_a_pair_does_not_fit_takes_no_answer(tmp_path):
    file = tmp_path/'v.jsonl'
    for size, env in (dict(columns=10), {}), (dict(lines=6), {}), ({}, dict(COLUMNS='0')), ({}, dict(COLUMNS='1')):
        terminal = session(file, **size, **env)
        shown = press(terminal, 'a')
        if 'Which reply' in '\n'.join(shown):                                     # the pair was shown after all
            assert env and answers_in(file) == ['A']
            file.unlink()
        else:
            assert 'Make the window larger' in ''.join(shown)
            assert file.read_bytes() == b''
        end(terminal, 'q')

def test_a_new_size_redraws_the_pair(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file, 'long_pairs', columns=80, lines=8)
    assert 'Make the window larger' in ''.join(screen(terminal))
    terminal.setwinsize(24, 60)
    terminal.expect_exact(PROMPT)
    shown = screen(terminal)
    assert 40 < max(map(len, shown)) <= 60 and 'more characters' in ' '.join(' '.join(shown).split())
    press(terminal, 'b')
    assert answers_in(file) == ['B']
    end(terminal, 'q')

@pytest.mark.skipif(not shutil.which('bash'), reason='needs bash')
def test_stopped_and_back(tmp_path):
    "Ctrl-Z, a command in the shell, and fg: the pair is drawn again, and a single key answers"
    file = tmp_path/'v.jsonl'
    shell = pexpect.spawn('bash', ['--norc', '--noprofile', '-i'], encoding='utf-8', timeout=60, dimensions=(24, 80),
                          env={**os.environ, 'PS1': 'shell: ', 'TERM': 'xterm'})
    shell.expect_exact('shell: ')
    (tmp_path/'begin').write_text(' '.join(f"'{part}'" for part in session_of(file)))
    shell.sendline(f'. {tmp_path}/begin')
    shell.expect_exact(PROMPT)
    for n in 1, 2:
        shell.sendcontrol('z')
        shell.expect_exact('shell: ')
        shell.sendline('fg')
        shell.expect_exact(PROMPT)
        assert 'Which reply' in shell.before
        shell.send('a')
        shell.expect_exact(PROMPT)
        assert answers_in(file) == ['A'] * n
    shell.send('q')
    shell.expect_exact('shell: ')
    shell.sendline('stty -a')                                                     # the terminal is as it was
    shell.expect(' icanon ')
    shell.close()

def test_100_answers_with_every_kind_of_ending(tmp_path):
    file, n, given = tmp_path/'v.jsonl', 100, []
    def quit(terminal): terminal.send('q')
    def end_of_input(terminal): terminal.sendeof()
    def interrupt(terminal): terminal.sendintr()
    def kill(terminal): terminal.kill(signal.SIGKILL)
    def hang_up(terminal): terminal.kill(signal.SIGHUP)
    def resize_and_quit(terminal):
        terminal.setwinsize(20, 50)
        terminal.expect_exact(PROMPT)
        terminal.send('q')
    endings = [quit, end_of_input, interrupt, kill, hang_up, resize_and_quit]
    while len(given) < n:
        terminal = session(file, n=n)
        for letter in ('abts' * 4)[:min(15, n - len(given))]:
            given.append(ANSWERS[letter])
            terminal.send(letter)
            terminal.expect_exact(PROMPT if len(given) < n else pexpect.EOF)
        if len(given) < n:
            ending = endings.pop(0)
            endings.append(ending)
            ending(terminal)
            terminal.expect(pexpect.EOF)
        terminal.close()
        assert answers_in(file) == given
    ids = [verdict.id for verdict in verdicts_in(file)]
    assert len(set(ids)) == n and not (tmp_path/'v.jsonl.damaged').exists()

def test_the_end_lists_the_pairs_on_which_reader_and_label_disagree(tmp_path):
    file = tmp_path/'v.jsonl'
    terminal = session(file, n=8, columns=50, lines=20)
    press(terminal, 'r', 'B says it better, and it does so in few words\n')
    press(terminal, *'aaabbbb')
    said = end(terminal, 'b')
    against = [verdict for verdict in verdicts_in(file) if verdict.choice == 'rejected']
    assert len(against) >= 2
    assert f'disagree: {len(against)}' in said
    for verdict in against: assert f'{verdict.id}: you took {verdict.answer}\n' in said
    lines = [line for line in said.split('\n') if ' answered, kept in ' not in line]
    assert max(map(len, lines)) <= 50

def test_without_a_terminal_each_line_is_a_key(tmp_path):
    def run(text):
        command = session_of(tmp_path/'v.jsonl')
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    said = run('a\nr\nthis one\nB \n')
    assert '2 of 4 answered' in said and CLEAR not in said
    assert remarks_in(tmp_path/'v.jsonl') == [('A', ''), ('B', 'this one')]
    assert '2 of 4 answered' in run('')
    assert '4 of 4 answered' in run('t\ns\n')

def test_without_a_terminal_as_well_nothing_is_judged_that_was_not_shown(tmp_path):
    file = tmp_path/'v.jsonl'
    env = {**os.environ, 'COLUMNS': '0'}
    got = subprocess.run(session_of(file), input='a\n', capture_output=True, text=True, env=env, timeout=60)
    assert 'Question' in got.stdout or file.read_bytes() == b''

def test_every_key_is_told_on_the_screen(tmp_path):
    terminal = session(tmp_path/'v.jsonl')
    shown = ' '.join(screen(terminal))
    for key, what in KEYS.items(): assert f'{key}: {what}' in shown
    end(terminal, 'q')
