"Marking texts: where two replies differ, and what a pattern finds. Whatever the texts hold, none of it is lost."
import random, re, time

from hypothesis import given, strategies as st

from hh_nbdev.compare import _WORD, compare, mark_matches
from hostile import TEXTS

SENTENCES = st.lists(st.text('abcde', min_size=1), max_size=20).map(' '.join)

def joined(runs): return ''.join(run.text for run in runs)
def without_space(text): return re.sub(r'\s', '', text)
def unmarked_letters(runs): return without_space(joined(run for run in runs if not run.marked))

@given(TEXTS)
def test_words_joined_give_the_text(text):
    assert ''.join(_WORD.findall(text)) == text

@given(TEXTS, TEXTS)
def test_runs_joined_give_the_texts(a, b):
    runs_a, runs_b = compare(a, b)
    assert (joined(runs_a), joined(runs_b)) == (a, b)

@given(TEXTS, TEXTS)
def test_what_is_not_marked_is_the_same_on_both_sides(a, b):
    runs_a, runs_b = compare(a, b)
    if any(run.marked for run in runs_a + runs_b): assert unmarked_letters(runs_a) == unmarked_letters(runs_b)

@given(TEXTS)
def test_equal_texts_have_no_marks(text):
    for side in compare(text, text): assert not any(run.marked for run in side)

@given(SENTENCES, SENTENCES, SENTENCES)
def test_what_both_begin_with_is_not_marked(start, one, two):
    for side in compare(f'Once upon a time {start} {one}', f'Once upon a time {start} {two}'):
        first = side[0]
        assert first.text.startswith('Once upon a time')
        assert not first.marked

@given(SENTENCES, SENTENCES, SENTENCES)
def test_what_both_end_with_is_not_marked(end, one, two):
    for side in compare(f'Here, {one} {end} they lived happily.', f'There, {two} {end} they lived happily.'):
        last = side[-1]
        assert last.text.endswith(' lived happily.')
        assert not last.marked

def test_any_two_texts_are_compared_in_bounded_time():
    rng = random.Random(0)
    for n in 300, 600, 100_000:
        of_two_letters = [' '.join(rng.choices('ab', k=n)) for _ in range(2)]
        cases = [('a b ' * (n//2), 'b a ' * (n//2)), ('a b ' * (n//2), 'a a b ' * (n//3)), of_two_letters]
        for a, b in cases:
            start = time.perf_counter()
            compare(f'x {a} x', f'y {b} y')
            assert time.perf_counter() - start < 5

PATTERNS = st.sampled_from(['a', r'\w+', r'\s*', 'x|<', '[^a]', '$', '', re.compile('A')])

@given(TEXTS, PATTERNS)
def test_marked_runs_are_the_matches(text, pattern):
    runs = mark_matches(text, pattern)
    matches = [match[0] for match in re.finditer(pattern, text, 0 if isinstance(pattern, re.Pattern) else re.I)]
    assert joined(runs) == text
    assert [run.text for run in runs if run.marked] == [match for match in matches if match]
    for run, following in zip(runs, runs[1:]): assert run.marked or following.marked
