"A second parse of HH, written plainly and apart from the package, for the tests to compare with"
import gzip, json, math, re

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

def no_constant(name): raise ValueError(f'{name} is Python, not JSON')

def finite(number):
    if math.isinf(float(number)): raise ValueError('more than a double holds')

def classify_line(line):
    "The same of a line of bytes; a line that is no row gives the reason why it is bad"
    try: text = line.decode()
    except UnicodeDecodeError: return 'not UTF-8'
    try:
        row = json.loads(text, object_pairs_hook=list, parse_constant=no_constant, parse_int=finite, parse_float=finite)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair, wherever it stands, is no text
    except ValueError: return 'not JSON'
    if text.lstrip()[0] != '{': return 'not an object'
    names = [name for name, _ in row]
    if not {'chosen', 'rejected'} <= set(names): return 'missing field'
    if len({*names}) > 2: return 'extra field'
    row = dict(row)
    for o in row['chosen'], row['rejected']:
        if not isinstance(o, str): return 'not a string'
        if not o.startswith('\n\nHuman:'): return 'no human turn first'
    got = classify(**row)
    return 'extra field' if len(names) > 2 and not isinstance(got, str) else got  # a pair from a row with a field twice: which one?

def flags(instruction, chosen, rejected):
    "What a pair is flagged with"
    if not all(o.strip() for o in (instruction, chosen, rejected)): yield 'empty'
    if chosen.strip() == rejected.strip(): yield 'identical'
    if re.search(r'(?<!\w)(Human|Assistant):', chosen + '\n' + rejected): yield 'run-on'

def load(content, trim=True, exclude=()):
    "([(instruction, chosen, rejected, line number)], [(line number, reason)]) of all rows in a file's bytes"
    pairs, others = [], []
    for n, line in enumerate(content.removeprefix(b'\xef\xbb\xbf').split(b'\n')):
        if not line.strip(): continue
        got = classify_line(line)
        if not isinstance(got, str): got = next((o for o in flags(*got) if o in exclude), got)
        if isinstance(got, str): others.append((n, got))
        else: pairs.append((*(o.strip() if trim else o for o in got), n))
    return pairs, others
