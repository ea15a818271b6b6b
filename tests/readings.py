"Pairs, verdicts and files of them, for the tests of verdicts and reviews."
from hh_nbdev.files import SOURCES
from hh_nbdev.load import HH, Pair
from hh_nbdev.verdicts import ASKED, Verdict, read_verdicts, text_digest, verdict_line

def make_pairs(n):
    "Pairs from all collections, their replies of different lengths"
    pairs = []
    for i in range(n):
        good, bad = f'Good {i}' + '!' * (i % 7), f'Bad {i}' + '?' * (i % 5)
        pairs.append(Pair(f'Question {i}?', good, bad, SOURCES[i % 4], 'test', i))
    return HH(pairs)

def verdict_on(pair, a='chosen', answer='A', **more):
    "A verdict on a pair, under the question that its kind is asked"
    return Verdict(pair.id, text_digest(pair), ASKED[pair.kind], a, answer)._replace(**more)

def write_verdicts(file, verdicts):
    file.write_bytes(b''.join(map(verdict_line, verdicts)))
    return file

def verdicts_in(file): return read_verdicts(file)[0]
