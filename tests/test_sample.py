"The shipped sample: every reason and every oddity occurs in it, and nothing is touched on the way in."
import gzip, json
from collections import Counter

import pytest

from hh_nbdev.files import SAMPLE, SOURCES
from hh_nbdev.load import load_hh
from hh_nbdev.transcript import ASSISTANT, FLAGS, HUMAN, SKIP_REASONS, parse_row

def lines(source):
    "The lines of a file as JSON text: split at newlines only, as U+2028 inside a text ends no line"
    return gzip.decompress((SAMPLE/f'{source}.jsonl.gz').read_bytes()).decode().removesuffix('\n').split('\n')

ROWS = {source: [json.loads(o) for o in lines(source)] for source in SOURCES}
HH = load_hh('sample', trim=False)
def pair(source, line): return HH.find(f'{source}/train:{line}')

@pytest.mark.parametrize('source', SOURCES)
def test_gzip_is_deterministic(source):
    head = (SAMPLE/f'{source}.jsonl.gz').read_bytes()[:8]
    assert head == b'\x1f\x8b\x08\x00\0\0\0\0'  # no file name, no time

@pytest.mark.parametrize('source', SOURCES)
def test_rows_are_written_as_in_the_real_files(source):
    escaped = []
    for n, (line, row) in enumerate(zip(lines(source), ROWS[source])):
        assert list(row) == ['chosen', 'rejected']
        assert all(text.startswith(HUMAN + ' ') for text in row.values())
        if line != json.dumps(row, ensure_ascii=False): escaped.append(n)
    assert escaped == {'helpful-base': [15], 'helpful-rejection-sampled': [14]}.get(source, [])

def test_every_row_is_accounted_for():
    for o in HH.report: assert o.read == len(ROWS[o.file.source]) == o.kept + o.skipped.total() and o.status == 'sample'
    assert (HH.report.read, HH.report.kept) == (97, 65) == (sum(map(len, ROWS.values())), len(HH))
    assert Counter(o.source for o in HH) == {o.file.source: o.kept for o in HH.report}
    assert all(not o.skipped.keys() - SKIP_REASONS.keys() for o in HH.report)

def test_every_skip_reason_and_every_flag_occurs():
    assert HH.report.skipped == {'multi-turn': 24, 'no assistant message': 2, 'several assistant messages': 3, 'prompts differ': 3}
    assert HH.report.skipped.keys() == SKIP_REASONS.keys()
    assert Counter(flag for o in HH for flag in o.flags) == {'empty': 3, 'leading-role': 1, 'run-on': 4, 'identical': 1}
    assert {flag for o in HH for flag in o.flags} == FLAGS.keys()

def test_pairs_stand_in_their_rows_word_for_word():
    for o in HH:
        row = ROWS[o.source][o.line]
        for side in 'chosen', 'rejected': assert row[side] == HUMAN + o.instruction + ASSISTANT + getattr(o, side)

def test_oddities_survive():
    assert pair('harmless-base', 12).chosen.startswith('  Human:')             # white space before, and a role word
    assert pair('helpful-base', 9).rejected == ''                              # nothing after the marker
    assert pair('helpful-online', 5).instruction.endswith('\n')                # three newlines before a marker
    assert pair('helpful-online', 5).rejected.endswith('\n')
    assert 'think!  In spring' in pair('helpful-rejection-sampled', 0).chosen  # two spaces
    assert 'C:\\new\\table.txt' in pair('helpful-base', 3).instruction
    assert '谢谢 (xièxie)' in pair('helpful-base', 8).chosen
    assert '5 &lt; 7 &amp; 8' in pair('helpful-base', 14).chosen
    assert '\u2028–' in pair('helpful-rejection-sampled', 21).chosen

def test_what_only_looks_like_a_marker_is_none():
    o = pair('helpful-base', 12)
    assert '\\n\\nHuman:' in o.instruction                       # backslashes, no newlines
    assert 'goodbye!\\n\nHuman:' in o.rejected                   # backslash, n, one newline: a run-on, no marker,
    assert json.dumps(HUMAN)[1:-1] in json.dumps(o.rejected)     # though its JSON text holds the very bytes of one

def test_escaped_markers_are_markers():
    o = pair('helpful-base', 15)
    assert '\\u000a' in lines('helpful-base')[15] and o.instruction.startswith(' Don’t laugh') and o.chosen.endswith('\N{RELIEVED FACE}')
    assert parse_row(**ROWS['helpful-rejection-sampled'][14]) == 'multi-turn'

def test_rows_hang_together():
    one, two, three = (ROWS['harmless-base'][n] for n in (4, 5, 6))            # the conversation went on from the rejected reply
    assert two['chosen'].startswith(one['rejected'] + HUMAN) and three['chosen'].startswith(two['rejected'] + HUMAN)
    assert ROWS['helpful-base'][7]['chosen'].startswith(ROWS['helpful-base'][6]['chosen'] + HUMAN)
    a, b = pair('harmless-base', 16), pair('harmless-base', 21)                # one pair, labelled both ways
    assert (a.instruction, a.chosen, a.rejected) == (b.instruction, b.rejected, b.chosen)
    gum = [o.id for o in HH if o.instruction == pair('helpful-base', 5).instruction]
    assert gum == ['helpful-base/train:5', 'helpful-base/train:17', 'helpful-rejection-sampled/train:7']
