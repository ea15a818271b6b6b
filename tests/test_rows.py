"Rows that nobody would write, a million of them, each read as a second, plain parse reads it"
import gzip, json, os, random, re
from collections import Counter
from pathlib import Path
import pytest
from hh_nbdev import FLAGS, BadRow, load_hh
from hh_nbdev.transcript import ASSISTANT, BAD_REASONS, HUMAN, SKIP_REASONS
from hh_nbdev.transcript import parse_line
from hh_nbdev.files import SAMPLE
import reference

TEXT = [HUMAN, ASSISTANT, HUMAN[:-1], ASSISTANT[1:], '\n', '\n\n', '\r\n\r\n', ' ', '  ', '\t', 'Human:', ' Assistant: ', '\\n\\nHuman:', '\\', '\\\\', '"', '\\"',
        '", "rejected": "', '"}', '’', '\u2028', '\x85', '\xa0', '\x00', '\x1f', '\x7f', '\ufeff', '\ufffd', '😀', '\ud83d', '\u0301', 'ᴴuman:', '{"', '']
BYTES = [b'"', b'\\', b'\\\\', b'\\"', b'\\n', b'\\n\\nHuman:', b'\\u000a', rb'\u000A\u000aAssistant:', rb'\u0048uman:', rb'\ud83d', rb'\ud83d\ude00', rb'\ude00', rb'\u0000',
         b'\\u', b'\\x', b'\\/', b'{', b'}', b'[', b']', b',', b':', b'": "', b'", "rejected": "', b', "chosen": "', b', "x": 1', b'{"chosen": 1, ', b'null', b'NaN', b'1e9', b'1e999', b'-', b'0',
         b' ', b'\t', b'\r', b'\x0b', b'\x0c', b'\x00', b'\x1f', b'\x7f', b'\x80', b'\xc3', b'\xe2\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xef\xbb\xbf', b'\xff', b'true', b'//', b"'"]

def originals():
    "(chosen, rejected) of the sample's rows, and of the shorter real ones where they are here"
    files = [*SAMPLE.glob('*.gz'), *Path(os.environ.get('HH_DATA', SAMPLE)).glob('*/test.jsonl.gz')]
    return [tuple(row.values()) for file in sorted(files) for _, row in reference.rows(file) if len(row['chosen']) + len(row['rejected']) < 600]

class Writer:
    "Writes rows, most of them a little wrong, the same for each seed"
    def __init__(self, seed, rows):
        self.rng, self.rows = random.Random(seed), rows
        self.pick, self.one = self.rng.choice, self.rng.random  # one() < p: with probability p

    def edit(self, text, pieces):
        "`text` with a piece put in, taken out or doubled, often next to a turn's beginning"
        marks = [m.start() + self.pick((-1, 0, 1, 8, 9, 12, 13)) for m in re.finditer(r'\n\n' if isinstance(text, str) else rb'\\n\\n|"', text)]
        i = min(max(0, self.pick(marks) if marks and self.one() < .6 else int(self.one()*(len(text) + 1))), len(text))
        j = i + int(self.one()**4 * 40)
        how = self.one()
        if how < .6: return text[:i] + self.pick(pieces) + text[i:]
        if how < .8: return text[:i] + text[j:]
        return text[:j] + text[i:]

    def row(self):
        "Two transcripts, edited one by one or both alike"
        a, b = self.pick(self.rows)
        how = self.one()
        if how < .05: b = a
        elif how < .1: b = self.pick(self.rows)[1]
        for _ in range(int(self.one()*3)):
            if self.one() < .5: a = self.edit(a, TEXT)
            elif self.one() < .5: b = self.edit(b, TEXT)
            else:
                piece, i = self.pick(TEXT), int(self.one()*40)
                a, b = a[:i] + piece + a[i:], b[:i] + piece + b[i:]
        return a, b

    def line(self):
        "A row in one of the ways to write it; now and then with the bytes edited too"
        a, b = self.row()
        ascii = self.one() < .3 or bool(re.search('[\ud800-\udfff]', a + b))
        def value(text): return json.dumps(text if self.one() < .99 else self.pick((None, 1, 1.5, True, [], {}, [text], {'chosen': text})), ensure_ascii=ascii)
        items = [('"chosen"', value(a)), ('"rejected"', value(b))]
        if self.one() < .03: items.insert(int(self.one()*3), (self.pick(('"chosen"', '"rejected"', '"prompt"', '"Chosen"', r'"chose\u006e"', '""')), value(b)))
        if self.one() < .02: items.pop(int(self.one()*len(items)))
        if self.one() < .05: items.reverse()
        if self.one() < .03: items[0] = (r'"\u0063hosen"', items[0][1])
        comma, colon = self.pick(((', ', ': '), (', ', ': '), (',', ':'), (' ,\t', ' :\r ')))
        line = ('{' + comma.join(f'{k}{colon}{v}' for k, v in items) + '}').encode()
        if self.one() < .05: line = re.sub(rb'\\n', rb'\\u000a', line, count=int(self.one()*5))
        if self.one() < .02: line = self.pick((b' ', b'\t', b'\r')) + line + b' '
        for _ in range(int(self.one()*3) if self.one() < .3 else 0): line = self.edit(line, BYTES)
        if self.one() < .01: line = self.pick((b'', b' ', b'\r', b'\x0b\x0c', b'[]', b'{}', b'"', b'null', b'[' + line + b']', line + line))
        return line.replace(b'\n', b' ')

    def file(self, n):
        "A file of `n` lines"
        start, end = self.pick((b'', b'', b'\xef\xbb\xbf')), self.pick((b'\n', b'\n', b'\r\n'))
        return start + end.join(self.line() for _ in range(n)) + self.pick((b'', end))

def same_load(path, content, trim=True, exclude=()):
    "Load a file's bytes: its pairs, its report and its first error are those of the reference. How many of each there were"
    path.write_bytes(gzip.compress(content, 1) if path.suffix == '.gz' else content)
    pairs, others = reference.load(content, trim, exclude)
    hh = load_hh(path.parent, sources='helpful-base', trim=trim, on_bad='skip', exclude=exclude)
    assert [(*o[:3], o.line) for o in hh] == pairs
    assert hh.report.skipped == Counter(o for _, o in others)
    assert hh.report.read == len(pairs) + len(others)
    bad = [o for o in others if o[1] in BAD_REASONS]
    if bad:
        try: load_hh(path.parent, sources='helpful-base', trim=trim, exclude=exclude)
        except BadRow as e: assert (e.line, e.reason) == bad[0] and str(path) in str(e) and len(str(e)) < 1000
        else: raise AssertionError(f'no error: {bad[0]}')
    return hh.report.skipped + Counter(pairs=len(hh), rows=hh.report.read)

@pytest.mark.parametrize('batches, lines', [(1, 3000), pytest.param(52, 20_000, marks=pytest.mark.slow)])
def test_rows_that_nobody_would_write(tmp_path, batches, lines):
    rows, total = originals(), Counter()
    for seed in range(batches):
        total += same_load(tmp_path/"helpful-base.jsonl.gz", Writer(seed, rows).file(lines), trim=seed % 2 == 0, exclude=tuple(FLAGS)[:seed % 4])
    assert total['rows'] > batches * lines * .98                               # a few lines are blank
    assert {*SKIP_REASONS, *BAD_REASONS, *(FLAGS if batches > 4 else ())} <= {*total}           # each reason came up
    assert total['pairs'] > total['rows'] / 5


A, B = (json.dumps(f'{HUMAN} a{ASSISTANT} {o}').encode() for o in ('b', 'c"\\'))
TWICE = [b'1', b'"x"', b'"\\\\"', b'[{"chosen": "\\""}]', b'{"": {}}', b'[' * 1010 + b']' * 1010]

@pytest.mark.parametrize('lost', TWICE, ids=lambda o: o[:20].decode())
def test_a_pair_from_a_line_that_has_a_field_twice_is_refused(lost):
    "JSON readers take the last without a word. Whatever the lost value is, and whatever quotes and backslashes the texts hold"
    for a, b in (A, A), (A, B), (B, A), (B, B), (B.replace(b'c\\"', b'c\\u0022'), B):
        line = b'{"chosen": %b, "rejected": %b}' % (a, b)
        assert len(parse_line(line)) == 3
        twice = [line.replace(b'{', b'{%b: %b, ' % (name, lost)) for name in (b'"chosen"', b'"rejected"', rb'"\u0063hosen"')]
        for o in *twice, line.replace(b', "r', b' ,"rejected" :%b, "r' % lost):
            with pytest.raises(BadRow) as e: parse_line(o)
            assert e.value.reason == 'extra field'
