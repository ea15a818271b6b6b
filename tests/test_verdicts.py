"The file of verdicts: any damage is named or set aside, verdicts on other texts are refused, and the numbers are right."
import os, re, warnings
from collections import Counter
from math import isnan

import pytest
from hypothesis import given, settings, strategies as st

from hh_nbdev.files import SOURCES, BadFile
from hh_nbdev.load import load_hh
from hh_nbdev.review import Review
from hh_nbdev.stats import Rate
from hh_nbdev.verdicts import (QUESTIONS, Agreement, agreement, kappa, open_verdicts, parse_verdict,
                               text_digest, verdict_line)
from readings import make_pairs, verdict_on, verdicts_in, write_verdicts

# -- a file that is damaged

def test_a_last_line_torn_anywhere_is_set_aside_and_asked_again(tmp_path):
    hh, file, aside = make_pairs(5), tmp_path/'v.jsonl', tmp_path/'v.jsonl.damaged'
    review = Review(hh, file)
    for letter in 'ab': review.answer(letter)
    whole, third = file.read_bytes(), review.current
    review.answer('t', 'naïve')
    last = file.read_bytes()[len(whole):]
    for cut in range(len(last)):
        file.write_bytes(whole + last[:cut])
        aside.unlink(missing_ok=True)
        complete = cut == len(last) - 1  # all but its newline: a verdict like any other
        torn = 0 < cut and not complete
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            review = Review(hh, file)
        assert review.done == 2 + complete
        assert len(said) == aside.exists() == torn
        if torn:
            assert aside.read_bytes() == last[:cut].rstrip() + b'\n'
            assert 'damaged' in str(said[0].message) and str(aside) in str(said[0].message)
        if not complete: assert review.current == third
        review.answer('s')
        assert len(verdicts_in(file)) == 3 + complete
        assert file.read_bytes().startswith(whole)

def test_reading_a_torn_file_changes_nothing(tmp_path):
    hh, file = make_pairs(2), tmp_path/'v.jsonl'
    Review(hh, file).answer('a')
    before = file.read_bytes() + b'{"id": "help'
    file.write_bytes(before)
    with pytest.warns(UserWarning, match='left out'): assert agreement(file, hh).rate().n == 1
    assert file.read_bytes() == before and os.listdir(tmp_path) == ['v.jsonl']

GOOD = verdict_line(verdict_on(make_pairs(2)[1])).rstrip()
OLD = b'{"id": "helpful-base/test:1", "a": "chosen", "answer": "A", "remark": "", "reader": "", "time": ""}'

BAD_LINES = {
    b'{': 'Expecting property name', b'[]': 'not a JSON object', b'null': 'not a JSON object', b'17': 'not a JSON object',
    b'\0\0\0': 'Expecting value', b'\xff\xfe': 'unexpected end of data|codec', b'[' * 100_000: 'nested too deep',
    b'{"id": "x"}': "field 'digest' is missing", OLD: "field 'digest' is missing",
    GOOD.replace(b'"A"', b'"C"'): "field 'answer' is 'C'", GOOD.replace(b'chosen', b'left'): "field 'a' is 'left'",
    GOOD.replace(b'"A"', b'1'): "field 'answer' is 1, which is not a text",
    GOOD.replace(b'helps more', b'helps'): "field 'question' is 'helps'",
    GOOD.replace(b'"digest": "', b'"digest": "x'): "not 16 hexadecimal digits",
    GOOD[:-1] + b', "text": "x"}': "no field 'text'", GOOD[:-1] + b', "answer": "B"}': "field 'answer' stands there 2 times"}

@pytest.mark.parametrize('bad, why', BAD_LINES.items(), ids=range(len(BAD_LINES)))
def test_a_damaged_line_is_named_with_its_field(tmp_path, bad, why):
    file = tmp_path/'v.jsonl'
    before = GOOD + b'\n' + bad + b'\n' + GOOD + b'\n'
    file.write_bytes(before)
    with pytest.raises(BadFile, match=f'{re.escape(str(file))}, line 1 .*({why})'): Review(make_pairs(4), file)
    assert file.read_bytes() == before

def test_a_whole_line_that_is_wrong_is_an_error_also_at_the_end(tmp_path):
    "Only what a crash can leave behind is set aside: lines of an older form, say, are not"
    file = tmp_path/'v.jsonl'
    file.write_bytes(GOOD + b'\n' + OLD + b'\n')
    with pytest.raises(BadFile, match="line 1 .*'digest' is missing"): open_verdicts(file)

@settings(deadline=None)  # a disk may be slow
@given(st.lists(st.sampled_from([GOOD, GOOD + b'\r', b'', b' ', b'{', GOOD[:20], b'\0']) | st.binary(max_size=20)),
       st.sampled_from([b'\n', b'']))
def test_any_file_is_read_or_refused_and_no_byte_is_lost(tmp_path_factory, parts, end):
    file = tmp_path_factory.mktemp('v')/'v.jsonl'
    before = b'\n'.join(parts) + end
    file.write_bytes(before)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try: verdicts = open_verdicts(file)
        except BadFile:
            assert file.read_bytes() == before
            return
    assert all(verdict == parse_verdict(GOOD) for verdict in verdicts)
    assert open_verdicts(file) == verdicts
    aside = file.with_name('v.jsonl.damaged')
    both = file.read_bytes() + (aside.read_bytes() if aside.exists() else b'')
    assert both.split() == before.split()

# -- verdicts on other texts

def test_the_digest_tells_texts_apart_and_nothing_else():
    pair = make_pairs(1)[0]
    assert text_digest(pair) == text_digest(pair._replace(source='harmless-base', split='train', line=9))
    others = [pair._replace(instruction='x'), pair._replace(chosen='x'), pair._replace(rejected='x'),
              pair._replace(chosen=pair.rejected, rejected=pair.chosen), pair._replace(rejected=pair.rejected + ' '),
              pair._replace(instruction=pair.instruction + pair.chosen, chosen=''), pair._replace(chosen='\ud800')]
    digests = {text_digest(other) for other in [pair, *others]}
    assert len(digests) == len(others) + 1

@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec=None)), min_size=3, max_size=3))
def test_any_texts_have_a_digest(texts):
    pair = make_pairs(1)[0]._replace(instruction=texts[0], chosen=texts[1], rejected=texts[2])
    assert re.fullmatch('[0-9a-f]{16}', text_digest(pair))

def test_verdicts_on_the_sample_are_not_verdicts_on_other_rows_with_its_ids(tmp_path):
    sample = load_hh('sample')
    file = write_verdicts(tmp_path/'v.jsonl', [verdict_on(pair) for pair in sample[:9]])
    assert agreement(file, sample).rate().n == 9
    rows = [pair._replace(instruction=f'{pair.instruction} Really?') for pair in sample]
    with pytest.raises(ValueError, match='9 of 9 verdicts were given on other texts'): agreement(file, rows)
    with pytest.raises(ValueError, match='on other texts, such as'): Review(rows, file)

def test_verdicts_on_trimmed_texts_are_not_verdicts_on_untrimmed_ones(tmp_path):
    trimmed, whole = load_hh('sample'), load_hh('sample', trim=False)
    differ = sum(a != b for a, b in zip(trimmed, whole))
    assert differ > 0
    file = write_verdicts(tmp_path/'v.jsonl', [verdict_on(pair) for pair in trimmed])
    with pytest.raises(ValueError, match=rf'{differ} of {len(trimmed)} verdicts .*trim=False'): agreement(file, whole)

def test_kappa_of_readers_of_other_texts_or_of_other_questions_is_refused(tmp_path):
    hh = make_pairs(3)
    one = write_verdicts(tmp_path/'1.jsonl', [verdict_on(pair) for pair in hh])
    two = write_verdicts(tmp_path/'2.jsonl', [verdict_on(pair) for pair in (*hh[:2], hh[2]._replace(chosen='x'))])
    with pytest.raises(ValueError, match=r'2\.jsonl: 1 of 3 verdicts were given on other texts'): kappa(one, two)
    write_verdicts(two, [verdict_on(pair, question='rather') for pair in hh])
    with pytest.raises(ValueError, match="asks 'rather'"): kappa(one, two)

def test_a_file_that_asks_two_questions_about_a_pair_is_refused(tmp_path):
    hh = make_pairs(2)
    file = write_verdicts(tmp_path/'v.jsonl', [verdict_on(hh[0]), verdict_on(hh[0], question='rather')])
    with pytest.raises(BadFile, match='asks two questions about harmless-base/test:0'): agreement(file, hh)

def test_verdicts_on_pairs_that_are_not_given(tmp_path):
    file = write_verdicts(tmp_path/'v.jsonl', [verdict_on(pair) for pair in make_pairs(5)])
    with pytest.raises(ValueError, match='3 of 5 verdicts are on pairs that are not given, such as helpful-online/test:2'):
        agreement(file, make_pairs(2))

# -- the numbers

CHOICE = {('chosen', 'A'): 'chosen', ('chosen', 'B'): 'rejected', ('rejected', 'A'): 'rejected', ('rejected', 'B'): 'chosen'}
ANSWER = st.tuples(st.sampled_from(['chosen', 'rejected']), st.sampled_from(['A', 'B', 'tie', 'skip']))
ANSWERS = st.lists(ANSWER, min_size=1, max_size=40)

def choice_of(answer): return CHOICE.get(answer, answer[1])

@settings(deadline=None)  # a disk may be slow
@given(ANSWERS)
def test_agreement_against_plain_counting(tmp_path_factory, answers):
    hh = make_pairs(50)
    given = list(zip(hh, answers))
    file = write_verdicts(tmp_path_factory.mktemp('v')/'v.jsonl', [verdict_on(pair, *answer) for pair, answer in given])
    told = agreement(file, hh)
    for part in told.parts:
        took = Counter(choice_of(answer) for pair, answer in given if part in ('all', pair.kind, pair.source))
        assert Counter(told.choices(part)) == took
        assert told.rate(part) == (took['chosen'], took['chosen'] + took['rejected'])
    assert len(told.choices('helpful')) + len(told.choices('harmless')) == len(given)
    assert sum(len(told.choices(source)) for source in SOURCES) == len(given)
    assert told.took_a.hits == sum(letter == 'A' for _, (_, letter) in given)
    judged = [(pair, CHOICE[answer]) for pair, answer in given if answer in CHOICE and len(pair.chosen) != len(pair.rejected)]
    longer = ['chosen' if len(pair.chosen) > len(pair.rejected) else 'rejected' for pair, _ in judged]
    assert told.took_longer == (sum(side == choice for side, (_, choice) in zip(longer, judged)), len(judged))
    assert told.label_longer == (longer.count('chosen'), len(judged))
    assert len(repr(told).splitlines()) == 1 + len(told.parts) + 3
    assert len(told._repr_markdown_().splitlines()) == 1 + 1 + len(told.parts) + 3

@given(ANSWERS)
def test_swapping_the_sides_swaps_the_letters_and_nothing_else(answers):
    hh, other = make_pairs(50), dict(chosen='rejected', rejected='chosen', A='B', B='A')
    swapped = [(other[a], other.get(answer, answer)) for a, answer in answers]
    one = Agreement((pair, verdict_on(pair, *answer)) for pair, answer in zip(hh, answers))
    two = Agreement((pair, verdict_on(pair, *answer)) for pair, answer in zip(hh, swapped))
    assert one.choices() == two.choices() and one.took_longer == two.took_longer
    assert one.took_a.hits + two.took_a.hits == one.took_a.n

@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals(rate):
    hits, n = rate
    low, high = Rate(hits, n).interval
    assert 0 <= low <= high <= 1
    assert Rate(n - hits, n).interval == pytest.approx((1 - high, 1 - low))
    if not n:
        assert isnan(Rate(hits, n).rate)
        return
    share = hits / n
    assert low - 1e-12 <= share <= high + 1e-12
    tenfold_low, tenfold_high = Rate(10 * hits, 10 * n).interval
    assert tenfold_high - tenfold_low < high - low
    for end in low, high:  # what defines the interval: its ends lie 1.96 standard errors off
        if 0 < end < 1: assert abs(share - end) == pytest.approx(1.96 * (end * (1 - end) / n) ** .5, abs=1e-7)

def test_the_last_verdict_counts(tmp_path):
    hh = make_pairs(1)
    file = write_verdicts(tmp_path/'v.jsonl', [verdict_on(hh[0], answer=answer) for answer in ('A', 'tie', 'B')])
    assert agreement(file, hh).rate() == (0, 1) and agreement(file, hh).against == hh

def test_an_agreement_says_what_was_asked(tmp_path):
    hh = make_pairs(4)
    assert Agreement((pair, verdict_on(pair)) for pair in hh).questions == ['less harm', 'helps more']
    assert set(QUESTIONS) >= {'less harm', 'helps more', 'rather'}

@settings(max_examples=50, deadline=None)
@given(ANSWERS, ANSWERS)
def test_kappa(tmp_path_factory, one, two):
    folder, hh = tmp_path_factory.mktemp('v'), make_pairs(40)
    files = []
    for name, answers in ('1', one), ('2', two):
        verdicts = [verdict_on(pair, *answer) for pair, answer in zip(hh, answers)]
        files.append(write_verdicts(folder/name, verdicts))
    both = [(choice_of(a), choice_of(b)) for a, b in zip(one, two)]
    both = [choices for choices in both if 'skip' not in choices]
    if not both:
        with pytest.raises(ValueError, match='no pair in common'): kappa(*files)
        return
    n = len(both)
    chance = sum(sum(a == c for a, _ in both) * sum(b == c for _, b in both) for c in ('chosen', 'rejected', 'tie')) / n**2
    got = kappa(*files)
    assert got[1:] == pytest.approx((n, sum(a == b for a, b in both) / n, chance))
    if chance == 1:
        assert isnan(got.kappa)
        return
    assert got.kappa == pytest.approx((got.observed - chance) / (1 - chance)) and -1 <= got.kappa <= 1
    assert kappa(*reversed(files)) == pytest.approx(got)
    assert got.kappa == 1 or any(a != b for a, b in both)
