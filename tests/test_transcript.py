"The parser beside a second, plain one: on a million rows edited at random, and on the cases that came up"
import gzip, json, os, random, re
from collections import Counter
from pathlib import Path
import pytest
from hh_nbdev import FLAGS, BadRow, load_hh
from hh_nbdev.transcript import ASSISTANT, BAD_REASONS, HUMAN, SKIP_REASONS
from hh_nbdev.transcript import flags_of, line_parser, parse_line, parse_row
from hh_nbdev.files import SAMPLE
import reference

TEXT = [  # pieces that are put into texts
    HUMAN, ASSISTANT, HUMAN[:-1], ASSISTANT[1:], '\n', '\n\n', '\r\n\r\n', ' ', '  ', '\t', 'Human:', ' Assistant: ',
    '\\n\\nHuman:', '\\', '\\\\', '"', '\\"', '", "rejected": "', '"}', '’', '\u2028', '\x85', '\xa0', '\x00', '\x1f', '\x7f',
    '\ufeff', '\ufffd', '😀', '\ud83d', '\u0301', 'ᴴuman:', '{"', '']
BYTES = [  # pieces that are put into lines
    b'"', b'\\', b'\\\\', b'\\"', b'\\n', b'\\n\\nHuman:', b'\\u000a', rb'\u000A\u000aAssistant:', rb'\u0048uman:', rb'\ud83d',
    rb'\ud83d\ude00', rb'\ude00', rb'\u0000', b'\\u', b'\\x', b'\\/', b'{', b'}', b'[', b']', b',', b':', b'": "', b'", "rejected": "',
    b', "chosen": "', b', "x": 1', b'{"chosen": 1, ', b'null', b'NaN', b'1e9', b'1e999', b'-', b'0', b' ', b'\t', b'\r', b'\x0b', b'\x0c',
    b'\x00', b'\x1f', b'\x7f', b'\x80', b'\xc3', b'\xe2\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xef\xbb\xbf', b'\xff',
    b'true', b'//', b"'"]
SPACING = [(', ', ': '), (', ', ': '), (',', ':'), (' ,\t', ' :\r ')]  # what stands between fields, and between name and value
ODD_VALUES = [None, 1, 1.5, True, [], {}]
ODD_NAMES = ['"chosen"', '"rejected"', '"prompt"', '"Chosen"', r'"chose\u006e"', '""']
ODD_LINES = [b'', b' ', b'\r', b'\x0b\x0c', b'[]', b'{}', b'"', b'null']

def originals():
    "(chosen, rejected) of the sample's rows, and of the shorter real ones where they are here"
    files = [*SAMPLE.glob('*.gz'), *Path(os.environ.get('HH_DATA', SAMPLE)).glob('*/test.jsonl.gz')]
    rows = [tuple(row.values()) for file in sorted(files) for _, row in reference.rows(file)]
    return [(chosen, rejected) for chosen, rejected in rows if len(chosen) + len(rejected) < 600]

class Writer:
    "Writes rows, most of them a little wrong, the same for each seed"
    def __init__(self, seed, rows):
        self.rng, self.rows = random.Random(seed), rows
        self.pick = self.rng.choice

    def chance(self, probability): return self.rng.random() < probability

    def below(self, n): return int(self.rng.random() * n)

    def place(self, text):
        "Somewhere in a text, often next to the beginning of a turn"
        pattern = r'\n\n' if isinstance(text, str) else rb'\\n\\n|"'
        marks = [match.start() for match in re.finditer(pattern, text)]
        if not marks or self.chance(.4): return self.below(len(text) + 1)
        return min(max(0, self.pick(marks) + self.pick((-1, 0, 1, 8, 9, 12, 13))), len(text))

    def edit(self, text, pieces):
        "A text with a piece put in, taken out or doubled"
        start = self.place(text)
        end = start + int(self.rng.random()**4 * 40)
        how = self.rng.random()
        if how < .6: return text[:start] + self.pick(pieces) + text[start:]
        if how < .8: return text[:start] + text[end:]
        return text[:end] + text[start:]

    def row(self):
        "Two transcripts, edited one by one or both alike"
        chosen, rejected = self.pick(self.rows)
        if self.chance(.05): rejected = chosen
        elif self.chance(.05): rejected = self.pick(self.rows)[1]
        for _ in range(self.below(3)):
            how = self.rng.random()
            if how < .5: chosen = self.edit(chosen, TEXT)
            elif how < .75: rejected = self.edit(rejected, TEXT)
            else:
                piece, i = self.pick(TEXT), self.below(40)
                chosen, rejected = (text[:i] + piece + text[i:] for text in (chosen, rejected))
        return chosen, rejected

    def value(self, text, as_ascii):
        "A text as JSON, now and then something else in its place"
        if self.chance(.01): text = self.pick([*ODD_VALUES, [text], {'chosen': text, '"': text}])
        return json.dumps(text, ensure_ascii=as_ascii)

    def fields(self):
        "Names and values of a row as JSON; now and then a field more or less, or in another order"
        chosen, rejected = self.row()
        as_ascii = self.chance(.3) or bool(re.search('[\ud800-\udfff]', chosen + rejected))
        fields = [('"chosen"', self.value(chosen, as_ascii)), ('"rejected"', self.value(rejected, as_ascii))]
        if self.chance(.03): fields.insert(self.below(3), (self.pick(ODD_NAMES), self.value(rejected, as_ascii)))
        if self.chance(.02): fields.pop(self.below(len(fields)))
        if self.chance(.05): fields.reverse()
        if self.chance(.03): fields[0] = (r'"\u0063hosen"', fields[0][1])
        return fields

    def line(self):
        "A row in one of the ways to write it; now and then with the bytes edited too"
        comma, colon = self.pick(SPACING)
        line = ('{' + comma.join(name + colon + value for name, value in self.fields()) + '}').encode()
        if self.chance(.05): line = re.sub(rb'\\n', rb'\\u000a', line, count=self.below(5))
        if self.chance(.02): line = self.pick((b' ', b'\t', b'\r')) + line + b' '
        if self.chance(.3):
            for _ in range(self.below(3)): line = self.edit(line, BYTES)
        if self.chance(.01): line = self.pick([*ODD_LINES, b'[' + line + b']', line + line])
        return line.replace(b'\n', b' ')

    def file(self, n):
        "A file of `n` lines"
        start, end = self.pick((b'', b'', b'\xef\xbb\xbf')), self.pick((b'\n', b'\n', b'\r\n'))
        return start + end.join(self.line() for _ in range(n)) + self.pick((b'', end))

def same_load(path, content, **options):
    "Load a file's bytes: its pairs, its report and its first error are the reference's. How many of each there were"
    path.write_bytes(gzip.compress(content, 1) if path.suffix == '.gz' else content)
    pairs, others = reference.load(content, **options)
    hh = load_hh(path.parent, sources='helpful-base', on_bad='skip', **options)
    assert [(*pair[:3], pair.line) for pair in hh] == pairs
    assert hh.report.skipped == Counter(reason for _, reason in others)
    assert hh.report.read == len(pairs) + len(others)
    bad = [(n, reason) for n, reason in others if reason in BAD_REASONS]
    if bad:
        with pytest.raises(BadRow) as e: load_hh(path.parent, sources='helpful-base', **options)
        assert (e.value.line, e.value.reason) == bad[0]
        assert str(path) in str(e.value) and len(str(e.value)) < 1000
    return hh.report.skipped + Counter(pairs=len(hh), rows=hh.report.read)

def options_of(seed):
    "The first seed excludes every flag, the next one none, then one more each time; in the end every combination comes up"
    how_many = (seed - 1) % (len(FLAGS) + 1)
    return dict(trim=seed % 2 == 0, strip_role=seed % 3 == 0, exclude=tuple(FLAGS)[:how_many])

@pytest.mark.usefixtures('either_parser')
@pytest.mark.parametrize('batches, lines', [(1, 3000), pytest.param(52, 20_000, marks=pytest.mark.slow)])
def test_rows_edited_at_random(tmp_path, batches, lines):
    rows, total = originals(), Counter()
    for seed in range(batches):
        total += same_load(tmp_path/'helpful-base.jsonl.gz', Writer(seed, rows).file(lines), **options_of(seed))
    assert total['rows'] > batches * lines * .98  # a few lines are blank
    assert {*SKIP_REASONS, *BAD_REASONS} <= {*total}
    if batches > 4: assert {*FLAGS} <= {*total}
    assert total['pairs'] > total['rows'] / 5

A, B = (json.dumps(f'{HUMAN} a{ASSISTANT} {reply}').encode() for reply in ('b', 'c"\\'))
VALUES = [b'1', b'"x"', b'"\\\\"', b'[{"chosen": "\\""}]', b'{"": {}}', b'[' * 1010 + b']' * 1010]

@pytest.mark.usefixtures('either_parser')
@pytest.mark.parametrize('value', VALUES, ids=lambda value: value[:20].decode())
def test_a_pair_from_a_line_with_a_repeated_field_is_bad(value):
    "JSON parsers silently keep the last value. Whatever the lost value is, and whatever quotes and backslashes the texts hold"
    for chosen, rejected in (A, A), (A, B), (B, A), (B, B), (B.replace(b'c\\"', b'c\\u0022'), B):
        line = b'{"chosen": %b, "rejected": %b}' % (chosen, rejected)
        assert len(parse_line(line)) == 3
        names = b'"chosen"', b'"rejected"', rb'"\u0063hosen"'
        repeated = [line.replace(b'{', b'{%b: %b, ' % (name, value)) for name in names]
        repeated.append(line.replace(b', "r', b' ,"rejected" :%b, "r' % value))
        repeated.append(line.replace(b'}', b', "note": 1, "note": %b}' % value))
        for bad in repeated:
            with pytest.raises(BadRow) as e: line_parser()(bad, True, False)
            assert e.value.reason == 'repeated field' and e.value.field in ('chosen', 'rejected', 'note')

@pytest.mark.parametrize('value', VALUES, ids=lambda value: value[:20].decode())
def test_more_fields_than_two_are_ignored(value):
    line = b'{"chosen": %b, "rejected": %b}' % (A, B)
    for more in b'"note": %b', b'"note": %b, "chosen ": "x"', b'"note": {"chosen": %b, "rejected": 1}':
        assert parse_line(line.replace(b'}', b', %b}' % (more % value))) == parse_line(line)
        assert parse_line(line.replace(b'{', b'{%b, ' % (more % value))) == parse_line(line)

@pytest.mark.parametrize('reply, stripped, flags', [
    (' Human: Hello', 'Hello', ('leading-role',)),
    ('\n Assistant:Hello', 'Hello', ('leading-role',)),
    (' Human: Human: Hello', 'Human: Hello', ('leading-role', 'run-on')),
    (' Hello. Human: Hi', 'Hello. Human: Hi', ('run-on',)),
    (' A human: hello', 'A human: hello', ()),
    (' Superhuman: a film', 'Superhuman: a film', ()),
    (' Human:', '', ('leading-role',)),
])
def test_a_role_word_in_a_reply(reply, stripped, flags):
    sides = f'{HUMAN} hi{ASSISTANT} x', f'{HUMAN} hi{ASSISTANT}{reply}'
    assert parse_row(*sides, strip_role=True) == ('hi', 'x', stripped)
    assert parse_row(*sides) == ('hi', 'x', reply.strip())
    assert flags_of(*parse_row(*sides)) == flags

@pytest.mark.real
def test_role_words_in_the_official_test_files():
    "47 pairs begin with one, 6 have one later, none has both; stripping it changes nothing else"
    hh, stripped = load_hh(split='test'), load_hh(split='test', strip_role=True)
    counts = Counter(flag for pair in hh for flag in pair.flags)
    assert counts == {'empty': 6, 'identical': 1, 'leading-role': 47, 'run-on': 6}
    begins = [side for pair in hh for side in pair[1:3] if side.startswith(('Human:', 'Assistant:'))]
    assert Counter(side.partition(':')[0] for side in begins) == {'Human': 46, 'Assistant': 1}
    changed = [(pair, other) for pair, other in zip(hh, stripped) if pair != other]
    assert [pair for pair, _ in changed] == [pair for pair in hh if 'leading-role' in pair.flags]
    assert Counter(flag for pair in stripped for flag in pair.flags) == {'empty': 6, 'identical': 1, 'run-on': 6}
    assert {pair.flags for _, pair in changed} == {()}
