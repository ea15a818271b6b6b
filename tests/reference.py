"A second parse of HH, written plainly and apart from the package, for the tests to compare with"
import gzip, json, re
from pathlib import Path

TURN = re.compile(r'\n\n(Human|Assistant):')

def turns(text):
    "[(role, message)] of a transcript"
    assert text.startswith('\n\nHuman:'), text[:40]
    _, *parts = TURN.split(text)
    return list(zip(parts[::2], parts[1::2]))

def classify(chosen, rejected):
    "(instruction, chosen, rejected) of a row, or the reason why it is no pair"
    c, r = turns(chosen), turns(rejected)
    roles = [[role for role, _ in o] for o in (c, r)]
    if any(o.count('Human') > 1 for o in roles): return 'multi-turn'
    if any(o.count('Assistant') == 0 for o in roles): return 'no assistant message'
    if any(o.count('Assistant') > 1 for o in roles): return 'several assistant messages'
    if c[0] != r[0]: return 'prompts differ'
    return c[0][1], c[1][1], r[1][1]

def rows(path):
    "(line number, row) of a gzipped JSON-lines file"
    for n, line in enumerate(gzip.open(path, 'rt', encoding='utf-8', newline='\n')): yield n, json.loads(line)
