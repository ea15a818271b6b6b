"Verdicts: none that was acknowledged is ever lost, nothing gives the label away, and the numbers are right."
import errno, io, os, pty, random, re, resource, select, signal, subprocess, sys, time, warnings
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

import hh_nbdev.review as R
import hh_nbdev.verdicts as V
from hh_nbdev.files import BadFile
from hh_nbdev.load import HH
from hh_nbdev.review import Review, side_at_a
from hh_nbdev.verdicts import read_verdicts
from readings import make_pairs as pairs, verdicts_in as lines

def forked(f):
    "Run `f` in a child that may lose its rights; what it raised there, as text, or ''"
    r, w = os.pipe()
    if not (pid := os.fork()):
        try: f(); said = ''
        except BaseException as e: said = f'{type(e).__name__}: {e}'
        os.write(w, said.encode()); os._exit(0)
    os.close(w)
    with open(r, 'rb') as g: said = g.read().decode()
    os.waitpid(pid, 0)
    return said

# -- nothing is lost

class Slow(io.FileIO):
    "A disk that takes a few bytes at a time, so that a kill hits the middle of a line"
    def write(self, b): time.sleep(.0002); return super().write(bytes(b[:9]))

def answering(file, hh, ack, slow):
    "A session: answer, tell the parent, answer, …"
    warnings.simplefilter('ignore')
    if slow: V.open = lambda name, mode, buffering=-1: Slow(name, mode) if buffering == 0 else open(name, mode)
    review = Review(hh, file, seed=1)
    while review.left:
        answer = 'abts'[review.done % 4]
        review.answer(answer)
        os.write(ack, answer.encode())
    os._exit(0)

def test_kill_at_50_random_moments(tmp_path):
    hh, file, rng, torn, before = pairs(5_000), tmp_path/'v.jsonl', random.Random(0), 0, []
    for kill in range(50):
        r, w = os.pipe()
        if not (pid := os.fork()): answering(file, hh, w, slow=kill % 2)
        os.close(w)
        acked = os.read(r, 1)                                  # at work
        time.sleep(rng.random() * .03)
        os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
        with open(r, 'rb') as f: acked += f.read()
        found, tail = read_verdicts(file)
        torn += bool(tail)
        new = [o.answer for o in found[len(before):]]
        assert found[:len(before)] == before                                 # nothing that was there has changed
        assert new[:len(acked)] == [R.ANSWERS[chr(o)] for o in acked]        # all that was acknowledged is there
        assert len(new) <= len(acked) + 1                                    # and at most the one under way besides
        before = found
    assert torn > 5 and 100 < len(before) < len(hh)
    with pytest.warns(UserWarning, match='damaged') if tail else warnings.catch_warnings(): review = Review(hh, file, seed=1)
    ids = [o.id for o in before]
    assert len(set(ids)) == len(ids) == review.done                          # none was asked twice
    assert len((tmp_path/'v.jsonl.damaged').read_bytes().splitlines()) == torn

# -- where it cannot be written

def test_read_only_folder(tmp_path):
    file = tmp_path/'v.jsonl'
    Review(pairs(3), file).answer('a')
    before = file.read_bytes()
    file.chmod(0o444); tmp_path.chmod(0o555)
    for o in tmp_path.parent, tmp_path.parent.parent: o.chmod(0o755)
    def open_as_nobody(name):
        if os.getuid() == 0: os.setuid(65534)
        Review(pairs(3), tmp_path/name)
    for name in 'v.jsonl', 'new.jsonl':
        assert forked(partial(open_as_nobody, name)) == f'PermissionError: [Errno 13] cannot write {tmp_path/name}: Permission denied. Choose a place that can be written'
    tmp_path.chmod(0o755)
    assert file.read_bytes() == before and os.listdir(tmp_path) == ['v.jsonl']

def full(file, refused):
    "Answer until the disk is full; what was answered is there, what was not is not"
    review = Review(pairs(1000), file)
    with pytest.raises(OSError, match=r'This answer was not kept; all earlier ones were') as e:
        while review.left: review.answer('a', 'x' * 100)
    assert e.value.errno in refused and str(file) in str(e.value)
    assert 5 < review.done == len(lines(file)) and read_verdicts(file)[1] == b'' and file.read_bytes().endswith(b'\n')
    current = review.current
    assert Review(pairs(1000), file).current == current                      # the pair is asked again

def test_a_limit_on_the_size_of_files(tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        full(tmp_path/'v.jsonl', [errno.EFBIG])
    assert forked(limited) == ''

def test_full_disk(tmp_path):
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tmp_path], capture_output=True).returncode: pytest.skip('may not mount a small disk')
    try:
        full(tmp_path/'v.jsonl', [errno.ENOSPC])
        (tmp_path/'v.jsonl').write_bytes((tmp_path/'v.jsonl').read_bytes()[:2000])   # room again
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            Review(pairs(1000), tmp_path/'v.jsonl').answer('b')
        assert lines(tmp_path/'v.jsonl')[-1].answer == 'B'
    finally: subprocess.run(['umount', tmp_path])

def test_no_plain_file(tmp_path):
    os.mkfifo(tmp_path/'pipe')
    for o in tmp_path, tmp_path/'pipe':
        with pytest.raises(BadFile, match='not a regular file'): Review(pairs(2), o)
    with pytest.raises(FileNotFoundError, match='cannot write'): Review(pairs(2), tmp_path/'missing'/'v.jsonl')

def test_two_sessions_do_not_mix(tmp_path):
    one, two = (Review(pairs(9), tmp_path/'v.jsonl') for _ in range(2))
    one.answer('a')
    for _ in range(2):
        with pytest.raises(RuntimeError, match='another session'): two.answer('b')
    assert [o.answer for o in lines(tmp_path/'v.jsonl')] == ['A'] and two.done == 0
    (tmp_path/'v.jsonl').unlink()
    with pytest.raises(RuntimeError, match='changed'): one.answer('a')

# -- the order, and what is hidden

def test_order_is_the_same_everywhere(tmp_path):
    review = Review(pairs(6), tmp_path/'v.jsonl', seed=3)
    seen = []
    while o := review.current: seen.append((o.instruction, o.A.split()[0])); review.answer('s')
    assert seen == [('Question 1?', 'Good'), ('Question 3?', 'Good'), ('Question 0?', 'Good'), ('Question 4?', 'Bad'), ('Question 5?', 'Good'), ('Question 2?', 'Good')]
    assert [o.a for o in lines(tmp_path/'v.jsonl')] == ['chosen' if a == 'Good' else 'rejected' for _, a in seen]

def test_the_toss_is_fair_and_depends_on_nothing_else():
    for seed in range(3):
        tosses = [side_at_a(o.id, seed) for o in pairs(4000)]
        assert abs(tosses.count('chosen') - 2000) < 130                      # four standard deviations
        same = sum(a == b for a, b in zip(tosses, tosses[1:]))
        assert abs(same - 2000) < 130
    assert [side_at_a(o.id, 0) for o in pairs(40)] != [side_at_a(o.id, 1) for o in pairs(40)]

def test_pairs_that_come_later_are_asked_too(tmp_path):
    hh = pairs(8)
    review = Review(hh[:4], tmp_path/'v.jsonl', seed=1)
    for o in 'abts': review.answer(o)
    more = Review(hh, tmp_path/'v.jsonl', seed=1)
    assert (more.done, more.left) == (4, 4)

def test_back(tmp_path):
    review = Review(pairs(3), tmp_path/'v.jsonl')
    with pytest.raises(ValueError, match='no answer'): review.back()
    first = review.current
    review.answer('a'); review.answer('b'); review.back(); review.back()
    assert review.current == first and review.done == 0
    for o in 'ttt': review.answer(o)
    with pytest.raises(ValueError, match='all pairs are answered'): review.answer('a')
    assert review.result().choices() == ['tie']*3 and len(lines(tmp_path/'v.jsonl')) == 5

def test_result_waits_for_the_end(tmp_path):
    review = Review(pairs(2), tmp_path/'v.jsonl')
    review.answer('a')
    with pytest.raises(ValueError, match='labels stay hidden'): review.result()

@settings(deadline=None)  # a disk may be slow
@given(st.text() | st.text(st.characters(codec=None)))
def test_any_remark_is_one_line(tmp_path_factory, remark):
    file = tmp_path_factory.mktemp('v')/'v.jsonl'
    Review(pairs(1), file, reader='me').answer('tie', remark)
    assert file.read_bytes().count(b'\n') == 1 and (lines(file)[0].remark, lines(file)[0].reader) == (remark, 'me')

@pytest.mark.parametrize('answer', ['', 'x', 'AB', 'Tie', 'chosen'])
def test_no_other_answer(tmp_path, answer):
    review = Review(pairs(2), tmp_path/'v.jsonl')
    with pytest.raises(ValueError, match='the answer is one of'): review.answer(answer)
    assert review.done == 0 and (tmp_path/'v.jsonl').read_bytes() == b''

HOSTILE = '\x1b]0;title\x07\x1b[2J<script>alert(1)</script><img src=x onerror=alert(2)>[a](javascript:b)\u202e\x9b31m\u200b'

def test_nothing_shown_gives_the_label_away(tmp_path):
    w = pytest.importorskip('ipywidgets')
    hh = HH(o._replace(instruction=o.instruction + HOSTILE, chosen=o.chosen + HOSTILE, rejected=o.rejected + HOSTILE) for o in pairs(8))
    review = Review(hh, tmp_path/'v.jsonl')
    widget = R.review_widget(review)
    def html(o): return ''.join(map(html, o.children)) if isinstance(o, w.Box) else getattr(o, 'value', '') if isinstance(o, w.HTML) else ''
    key = widget.children[1].children[0]
    for letter in 'abtsab':
        shown = re.sub('<style>.*?</style>', '', html(widget), flags=re.S)
        assert 'Question' in shown and 'Good' in shown and 'Bad' in shown
        assert not re.search(r'chosen|rejected|test:|-base|-online|-sampled', shown)
        assert '<script' not in shown and '<img' not in shown and '\u202e' not in shown and '\x1b' not in shown
        key.value = letter
    assert review.done == 6 and key.value == ''

def test_an_answer_can_be_taken_back_in_a_later_session_but_not_once_the_result_is_seen(tmp_path):
    hh, file = pairs(2), tmp_path/'v.jsonl'
    for o in 'ab': Review(hh, file).answer(o)
    review = Review(hh, file)
    review.back(); review.answer('t')
    assert [o.answer for o in lines(file)] == ['A', 'B', 'tie'] and Review(hh, file).left == 0
    review.result()
    with pytest.raises(ValueError, match='no answer'): review.back()

def test_a_file_of_other_pairs_or_of_another_reader_is_named(tmp_path):
    file = tmp_path/'v.jsonl'
    Review(pairs(2), file, reader='ann').answer('a')
    with pytest.warns(UserWarning, match="verdicts of 'ann'"): assert Review(pairs(2), file, reader='bob').done == 1
    with pytest.warns(UserWarning, match='on 1 pairs that are not among these'): assert Review(HH(o._replace(line=9) for o in pairs(1)), file, reader='ann').done == 0

def test_a_file_that_holds_something_else_is_left_alone(tmp_path):
    for text in 'a shopping list', '{"chosen": "", "rejected": ""}\n':
        (tmp_path/'notes').write_text(text)
        with pytest.raises(BadFile, match='line 0'): Review(pairs(2), tmp_path/'notes')
        assert (tmp_path/'notes').read_text() == text and len([*tmp_path.iterdir()]) == 1

def test_a_widget_takes_no_answer_to_a_pair_that_it_does_not_show(tmp_path):
    "Neither the second half of a double click, nor one meant for a pair that another widget has had answered"
    review = Review(pairs(9), tmp_path/'v.jsonl')
    (_, (key, _), buttons, said), (_, (other, _), _, also) = [(a, b.children, c.children, d) for a, b, c, d in (R.review_widget(review).children for _ in range(2))]
    buttons[0].click(); buttons[0].click()
    assert review.done == 1
    other.value = 'b'
    assert review.done == 1 and 'answered elsewhere' in also.value
    other.value = 'b'
    assert review.done == 2

# -- a terminal

TERMINAL = '''
import sys; sys.path.insert(0, sys.argv[2])
from test_review import *
R.review_terminal(Review(HH(o._replace(instruction=o.instruction + HOSTILE) for o in pairs(4)), sys.argv[1]))
'''

def terminal(file, keys, columns=80, **env):
    "What a session at a real terminal prints; each key is sent once its prompt stands at a line's begin, when it is listened for"
    pid, fd = pty.fork()
    if not pid:
        os.environ.update(env, COLUMNS=str(columns), TERM='xterm')
        os.execv(sys.executable, [sys.executable, '-c', TERMINAL, str(file), os.path.dirname(__file__)])
    out, keys, end = b'', list(keys), time.time() + 120
    try:
        while select.select([fd], [], [], max(0, end - time.time()))[0]:
            try: out += (new := os.read(fd, 65536))
            except OSError: break                                            # it has ended
            if not new: break
            if keys and out.endswith((b'\n> ', b'words: ')): os.write(fd, keys.pop(0))
        else: os.kill(pid, signal.SIGKILL); pytest.fail(f'still there: {out[-500:]!r}')
    finally: os.close(fd)
    assert os.waitpid(pid, 0)[1] == 0, out
    return out.decode()

def test_a_terminal(tmp_path):
    file = tmp_path/'v.jsonl'
    out = terminal(file, [b'a', b'\x1b[A', b'ab', b'x', b'r', b'shorter\n', b'b', b'u', b't', b'q'])
    assert [(o.answer, o.remark) for o in lines(file)] == [('A', ''), ('B', 'shorter'), ('tie', 'shorter')]   # an arrow key is no A
    assert '2 of 4 done' in out and 'agrees' not in out
    assert '\x1b]0' not in out and '\x1b[2J' not in out and '\u202e' not in out and '<script>' in out
    out = terminal(file, [b'\x04'])                                          # Ctrl-D
    assert '2 of 4 done' in out and 'chosen' not in out
    out = terminal(file, [b'S', b'\x03'], columns=40)                        # Ctrl-C
    assert '3 of 4 done' in out
    out = terminal(file, [b's'], columns=40, LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    assert '4 of 4 done' in out and 'agrees, all' in out

def test_no_terminal(tmp_path):
    def run(text): return subprocess.run([sys.executable, '-c', TERMINAL, tmp_path/'v.jsonl', os.path.dirname(__file__)], input=text, capture_output=True, text=True, check=True).stdout
    assert '2 of 4 done' in run('a\nr\nthis one\nB \n')
    assert [(o.answer, o.remark) for o in lines(tmp_path/'v.jsonl')] == [('A', ''), ('B', 'this one')]
    assert '2 of 4 done' in run('') and '4 of 4 done' in run('t\ns\n')
