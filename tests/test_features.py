"What features promises beyond its notebook: any text is measured, quick patterns find what plain ones find, nothing is counted in silence."
import io, itertools, math, os, random, re, subprocess, sys, threading
from contextlib import redirect_stderr
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings, strategies as st
from hh_nbdev.basics import progress
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.features import FEATURES, Phrases, _WARNINGS, _fold_case, _offers_help, find_continuations, length, measure, oddities, replies_to_judge
from hh_nbdev.verdicts import read_codes

np = pytest.importorskip('numpy')
pytest.importorskip('sklearn')
ROOT = Path(__file__).parent.parent
VERDICTS = ROOT/'nbs/verdicts'

def made_up(conversations, seed=0):
    "Conversations of one to four pairs, with replies of 1 to 39 words"
    rng, pairs = random.Random(seed), []
    for i in range(conversations):
        for _ in range(rng.randint(1, 4)):
            chosen, rejected = 'word ' * rng.randint(1, 39), 'word ' * rng.randint(1, 39)
            pairs.append(Pair(f'Question {i}?', chosen, rejected, 'helpful-base', 'train', len(pairs)))
    return HH(pairs)

def test_import_needs_no_extra():
    code = 'import sys, hh_nbdev.features; sys.exit(bool({"numpy", "sklearn", "matplotlib"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(ROOT)}).returncode == 0

def test_error_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'numpy', None)
    with pytest.raises(ImportError, match=r"hh_nbdev\[measure\]"): measure(made_up(2))

def test_exchanged_sides_give_differences_of_the_other_sign():
    hh = made_up(60)
    exchanged = HH(pair._replace(chosen=pair.rejected, rejected=pair.chosen) for pair in hh)
    assert (measure(hh).columns() == -measure(exchanged).columns()).all()

@pytest.mark.parametrize('text', ['', ' ', '?', '\n\n', '“', '\u200b', '- ', 'I'*100_000, "I don't " * 20_000, '1) ' * 20_000])
def test_every_feature_has_an_answer_to_any_text_and_soon(text):
    assert all(isinstance(feature(text), (bool, int, float)) for feature in FEATURES.values())

@pytest.mark.parametrize('wrong', [math.nan, math.inf, -math.inf, None, 'many', '3', [1]])
@pytest.mark.parametrize('side', ['chosen', 'rejected'])
def test_a_feature_that_gives_no_number_is_named_with_the_pair(wrong, side):
    hh = made_up(5)
    text = getattr(hh[3], side)
    def strange(reply): return wrong if reply is text else 1
    with pytest.raises(ValueError, match=rf"'strange' of the {side} reply of {re.escape(hh[3].id)} is {re.escape(repr(wrong))}"):
        measure(hh, {'length': length, 'strange': strange})

def test_a_feature_may_give_numbers_of_any_kind():
    kinds = {'bool': lambda text: True, 'int': len, 'numpy': lambda text: np.float32(2), 'numpy bool': lambda text: np.bool_(True)}
    assert measure(made_up(3), kinds).chosen[0].tolist() == [1, len(made_up(3)[0].chosen), 2, 1]

PATTERNS = (r"i (\w+ )?(can't|won't)", 'sorry', 'seems? to', r"i('m| am) not", 'ask', 'kiss', r'be (\w+ )?careful')
PIECES = ['I', 'i', 'ı', 'İ', "can't", 'can’t', "won't", 'sorry', 'ſorry', 'SORRY', 'seem', 'seems', 'to', "I'm", 'I’M', 'am', 'not',
          'ask', 'kiss', '\u212aiſS', 'be', 'Be', 'careful', 'CAREFUL', 'really', 'x', '5', '_']
BETWEEN = [' '] * 9 + ['', '  ', '\n', '\t', '\u3000', '-', '_', '.', "'", '\u200b', 'é']

def test_phrases_find_what_the_plain_pattern_finds():
    "The patterns of `Phrases` skip ahead; the plain pattern, without regard to case, is tried everywhere"
    plain = '|'.join(f'(?:{pattern})' for pattern in PATTERNS).replace("'", "['’]").replace(' ', r'\s+')
    plain, quick = re.compile(rf'\b(?:{plain})\b', re.I), Phrases('Does it?', *PATTERNS)
    rng, found = random.Random(0), 0
    for _ in range(20_000):
        text = ''.join(rng.choice(PIECES) + rng.choice(BETWEEN) for _ in range(rng.randint(1, 6)))
        assert quick(text) == bool(plain.search(text)), ascii(text)
        found += quick(text)
    assert 4_000 < found < 16_000  # both answers are common

EVERY_PHRASES = [_offers_help, *_WARNINGS, *(feature for feature in FEATURES.values() if isinstance(feature, Phrases))]

@pytest.mark.parametrize('phrases', EVERY_PHRASES, ids=repr)
@settings(max_examples=25)
@given(data=st.data())
def test_what_a_pattern_finds_is_found_also_behind_the_words_that_are_looked_for_first(phrases, data):
    "A text that any of the patterns matches holds one of the words in `needs`, and that pattern's first word"
    for pattern in phrases.patterns.values(): assert phrases(data.draw(st.from_regex(pattern)))

def test_folding_keeps_letters_letters_and_matches_as_ignorecase_does():
    "Every character: of the same length, a word character if it was one, white space if it was, and an ASCII letter where `re.I` says so"
    letters = [re.compile(letter, re.I) for letter in 'abcdefghijklmnopqrstuvwxyz']
    word, space = re.compile(r'\w'), re.compile(r'\s')
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        folded = _fold_case(char)
        assert len(folded) == 1, hex(code)
        assert bool(word.match(char)) == bool(word.match(folded)) and bool(space.match(char)) == bool(space.match(folded)), hex(code)
        if folded.isascii() and folded.isalpha(): assert letters[ord(folded) - ord('a')].match(char), hex(code)
        elif not char.isascii() and code < 0x3000: assert not any(letter.match(char) for letter in letters), hex(code)

@pytest.mark.parametrize('pattern', ['', ' sorry', r'\w+ sorry', '(a|b)', 's?orry', 'Sorry', "'sorry"])
def test_a_pattern_that_does_not_begin_with_a_letter_is_refused(pattern):
    with pytest.raises(ValueError, match='must begin with a lower-case letter'): Phrases('Does it?', pattern)

def test_an_entry_in_the_table_is_all_that_a_feature_needs(monkeypatch):
    hh = made_up(3)
    monkeypatch.setitem(FEATURES, 'thanks', Phrases('Does it thank?', 'thanks', 'thank you'))
    measures = measure(hh)
    assert measures.names[-1] == 'thanks' and measures['thanks'].tolist() == [0] * len(hh)
    assert len(replies_to_judge(hh, 'thanks', 2, found=False)) == 2

def test_no_pairs_and_no_rows_are_no_error():
    assert len(measure(HH())) == 0 and oddities(HH()) == {} and find_continuations([]) == []

@pytest.mark.real
def test_judgements_are_on_the_replies_that_the_seed_draws_and_hold_no_text():
    hh = load_hh(split='test')
    rows = read_codes(VERDICTS/'precision.jsonl', hh)
    assert all(set(row) == {'feature', 'found', 'id', 'digest', 'side', 'right'} for row in rows)
    for name, found in dict.fromkeys((row['feature'], row['found']) for row in rows):
        judged = [(row['id'], row['side']) for row in rows if (row['feature'], row['found']) == (name, found)]
        assert judged == replies_to_judge(hh if found else hh.harmless, name, 40, found)
    rows = read_codes(VERDICTS/'compliance.jsonl', hh)
    assert all(set(row) == {'id', 'digest', 'side', 'reply'} for row in rows)
    assert {row['id'] for row in rows} == set(hh.harmless.sample(100, seed=0)['id']) and len(rows) == 200

class Terminal(io.StringIO):
    def isatty(self): return True

@pytest.mark.parametrize('pause, shown', [(0, False), (.15, True)])
def test_a_progress_bar_appears_after_a_second_and_leaves_no_thread(pause, shown):
    threads = threading.enumerate()
    with redirect_stderr(Terminal()) as terminal:
        assert list(progress((sleep(pause) for _ in range(9)), 'waiting', 9)) == [None] * 9
    assert ('waiting' in terminal.getvalue()) == shown
    assert threading.enumerate() == threads

def test_loading_and_measuring_say_how_far_they_are(monkeypatch):
    monkeypatch.setattr('hh_nbdev.basics.monotonic', itertools.count().__next__)  # a second later at each look
    with redirect_stderr(Terminal()) as terminal: measure(load_hh('sample'))
    assert 'loading pairs' in terminal.getvalue() and 'measuring' in terminal.getvalue()
