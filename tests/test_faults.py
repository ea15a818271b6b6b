"Damaged, odd and hostile files: each is read whole, or ends in one error that names the file and says what to do"
import bz2, gzip, io, json, lzma, os, random, subprocess, sys, tarfile, threading, zipfile, zlib
import pytest
from hh_nbdev import BadFile, BadRow, iter_hh, load_hh
from hh_nbdev.transcript import ASSISTANT, HUMAN
from hh_nbdev.load import MAX_LINE

NAME = 'helpful-base.jsonl.gz'
ROW = dict(chosen=f'{HUMAN} hi{ASSISTANT} a’b', rejected=f'{HUMAN} hi{ASSISTANT} c')
LINE = json.dumps(ROW, ensure_ascii=False).encode()
rng = random.Random(0)
MANY = b''.join(json.dumps({k: v + f' {rng.random()}' * 9 for k, v in ROW.items()}).encode() + b'\n'
                for _ in range(3000))
GOOD = gzip.compress(MANY, mtime=0)

def load(folder, content, name=NAME, **kwargs):
    "Load one file with this content, as the only collection"
    (folder/name).write_bytes(content)
    return load_hh(folder, sources='helpful-base', **kwargs)

def fails(folder, content, *says, name=NAME, error=BadFile):
    "Loading it is an error that names the file and says these things"
    before = threading.active_count()
    with pytest.raises(error) as e: load(folder, content, name)
    for words in (name, *says): assert words in str(e.value)
    assert threading.active_count() == before  # nothing left behind
    return e.value

# What is not an HH file at all

def tar_of(content):
    "A tar archive with one file"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as archive:
        member = tarfile.TarInfo('train.jsonl')
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()

def zip_of(content):
    "A zip archive with one file"
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive: archive.writestr('train.jsonl', content)
    return out.getvalue()

UTF_16 = [LINE.decode().encode(encoding) for encoding in ('utf-16', 'utf-16-le', 'utf-16-be')]
ZSTD, PARQUET = bytes.fromhex('28b52ffd'), b'PAR1'  # what such files begin with

@pytest.mark.parametrize('content, name, says', [
    (b'', NAME, ['is empty', 'Fetch it again']),
    (b'', 'helpful-base.jsonl', ['is empty']),
    (gzip.compress(b''), NAME, ['holds no rows']),
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', NAME, ['git-LFS pointer', 'git lfs pull']),
    (b'\n<!DOCTYPE html><html>404</html>', NAME, ['web page', 'what the server says']),
    (LINE, NAME, ['named .gz but not gzipped', 'Rename']),
    (gzip.compress(LINE), 'helpful-base.jsonl', ['gzipped but not named .gz', 'Rename']),
    (gzip.compress(gzip.compress(LINE)), NAME, ['gzipped twice', 'Unzip it once']),
    (gzip.compress(tar_of(LINE)), NAME, ['unzipped', 'tar archive', 'Unpack it']),
    (tar_of(LINE), NAME, ['tar archive', 'Unpack it']),
    (zip_of(LINE), NAME, ['zip archive', 'Unpack it']),
    (PARQUET + b'...', NAME, ['Parquet file']),
    (gzip.compress(PARQUET + b'...'), NAME, ['unzipped', 'Parquet file']),
    (PARQUET + b'...', 'helpful-base.jsonl', ['Parquet file']),
    (ZSTD + b'...', NAME, ['zstd', 'Decompress it']),
    (lzma.compress(LINE), NAME, ['xz', 'Decompress it']),
    (bz2.compress(LINE), NAME, ['bzip2', 'Decompress it']),
    *((text, 'helpful-base.jsonl', ['UTF-16', 'Convert it to UTF-8']) for text in UTF_16),
    *((gzip.compress(text), NAME, ['unzipped', 'UTF-16', 'Convert it to UTF-8']) for text in UTF_16),
])
def test_not_the_file_it_seems(tmp_path, content, name, says): fails(tmp_path, content, *says, name=name)

@pytest.mark.parametrize('on_bad', ['error', 'skip'])
def test_a_file_with_nothing_but_bad_rows(tmp_path, on_bad):
    "on_bad='skip' counts bad rows among others; a file without a single transcript is another file"
    (tmp_path/NAME).write_bytes(gzip.compress(b'{"prompt": "hi"}\n{"prompt": "ho"}\n[]'))
    if on_bad == 'error':
        with pytest.raises(BadRow, match='line 0'): load_hh(tmp_path, sources='helpful-base')
    else:
        says = r'all 3 rows are bad \(1 not an object, 2 missing field\)\. This is not an HH file'
        with pytest.raises(BadFile, match=says): load_hh(tmp_path, sources='helpful-base', on_bad='skip')

def test_a_file_without_a_pair_whose_rows_are_transcripts(tmp_path):
    "Is fine: they may all be multi-turn"
    longer = {side: text + HUMAN + ' and?' for side, text in ROW.items()}
    assert load(tmp_path, gzip.compress(json.dumps(longer).encode())).report.skipped == {'multi-turn': 1}

@pytest.mark.parametrize('at', sorted(rng.sample(range(11, len(GOOD) - 1), 20)))
def test_truncated(tmp_path, at): fails(tmp_path, GOOD[:at], 'cannot unzip', 'lines', 'fetch it again')

@pytest.mark.parametrize('at', sorted(rng.sample(range(10, len(GOOD)), 20)))
def test_flipped_bit(tmp_path, at):
    "Whatever the bit does (unzipping fails, the checksum does not match, a row breaks first), the load does not end well"
    content = bytearray(GOOD)
    content[at] ^= 1 << rng.randrange(8)
    fails(tmp_path, bytes(content), error=(BadFile, BadRow))

def test_garbage_behind_the_end(tmp_path): fails(tmp_path, gzip.compress(LINE) + b'garbage', 'cannot unzip')

# What is odd and yet valid

def test_several_members_and_zero_padding(tmp_path):
    assert len(load(tmp_path, gzip.compress(LINE + b'\n') + gzip.compress(LINE) + bytes(512))) == 2

def test_bom_crlf_blank_lines_no_last_newline(tmp_path):
    hh = load(tmp_path, gzip.compress(b'\xef\xbb\xbf' + LINE + b'\r\n\r\n  \n' + LINE))
    assert (hh['line'], hh.report.read, hh['chosen']) == ([0, 3], 2, ['a’b'] * 2)

def test_a_first_row_with_the_mark_of_a_tar_archive_in_its_text(tmp_path):
    "tar archives have the word ustar at byte 257; so may a text. Found by fuzzing"
    row = json.dumps(dict(chosen=f'{HUMAN} {"ustar " * 80}{ASSISTANT} a', rejected=f'{HUMAN} hi'))
    for shift in range(6): assert load(tmp_path, gzip.compress(b' ' * shift + row.encode())).report.read == 1

def test_plain_jsonl(tmp_path): assert len(load(tmp_path, LINE, 'helpful-base.jsonl')) == 1

# Rows

deep = b'[' * 100_000 + b']' * 100_000
@pytest.mark.usefixtures('either_parser')
@pytest.mark.parametrize('line, reason, says', [
    (b'{"chosen": "\xff"}', 'not UTF-8', ['xff']),
    (rb'{"chosen": "\ud800", "rejected": ""}', 'not JSON', []),
    (LINE[:-1], 'not JSON', []),
    (LINE + LINE, 'not JSON', []),
    (b'NaN', 'not JSON', []),
    (deep, 'not JSON', []),
    (b'{"chosen": ' + deep + b'}', 'not JSON', []),
    (b'[]', 'not an object', ['[]']),
    (b'17', 'not an object', ['17']),
    (b'{"rejected": ""}', 'missing field', ["field 'chosen'"]),
    (b'{"chosen": null, "rejected": ""}', 'not a string', ["field 'chosen'", 'None']),
    (json.dumps({**ROW, 'rejected': 1.5}).encode(), 'not a string', ["field 'rejected'", '1.5']),
    (LINE[:-1] + b', "chosen": ' + json.dumps(ROW['chosen']).encode() + b'}', 'repeated field', ["field 'chosen'", '{"chosen"']),
    (b'[' * 1010 + b']' * 1010, 'not an object', ['found']),
    (b'{"chosen": ' + b'[' * 1010 + b']' * 1010 + b', ' + LINE[1:], 'repeated field', ["field 'chosen'"]),
    (json.dumps({**ROW, 'rejected': 'hi'}).encode(), 'no human turn first', ["field 'rejected'", "'hi'"]),
])
def test_bad_rows(tmp_path, line, reason, says):
    content = gzip.compress(LINE + b'\n' + line + b'\n' + LINE)
    error = fails(tmp_path, content, 'line 1 (counted from 0)', 'on_bad="skip"', *says, error=BadRow)
    assert (error.reason, error.line) == (reason, 1) and len(str(error)) < 500
    hh = load(tmp_path, content, on_bad='skip')
    assert hh['line'] == [0, 2] and hh.report.skipped == {reason: 1} and hh.report.read == 3

def test_a_line_of_50_MB(tmp_path): fails(tmp_path, gzip.compress(LINE + b'\n' + b'x' * 50_000_000), 'line 1', f'{MAX_LINE:,} bytes')

def test_a_bomb_is_told_in_bounded_memory(tmp_path):
    "A gigabyte of one line in a megabyte"
    with open(tmp_path/NAME, 'wb') as f:
        z = zlib.compressobj(9, wbits=31)
        for _ in range(1024): f.write(z.compress(bytes(1 << 20)))
        f.write(z.flush())
    code = ('import hh_nbdev\n'
            f'try: hh_nbdev.load_hh({str(tmp_path)!r}, sources="helpful-base")\n'
            'except hh_nbdev.BadFile as e: print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0], e)')
    peak, _, message = subprocess.check_output([sys.executable, '-c', code], text=True).partition(' ')
    assert 'longer than' in message and int(peak) < 100_000  # KiB

# Files and folders

def test_a_file_that_changes_while_it_is_read(tmp_path):
    (tmp_path/NAME).write_bytes(GOOD)
    pairs = iter_hh(tmp_path, sources='helpful-base')
    next(pairs)
    with open(tmp_path/NAME, 'ab') as f: f.write(gzip.compress(LINE))
    with pytest.raises(BadFile, match='changed while it was read'): list(pairs)

def test_unreadable(tmp_path):
    "As a user without the right to read it; root may read all, so in a process of its own that is not root"
    (tmp_path/NAME).write_bytes(GOOD)
    os.chmod(tmp_path/NAME, 0)
    code = ('import hh_nbdev, os\n'
            'if os.getuid() == 0: os.setuid(65534)\n'
            f'try: hh_nbdev.load_hh({str(tmp_path)!r}, sources="helpful-base")\n'
            'except PermissionError as e: print(e)')
    for o in (tmp_path, *list(tmp_path.parents)[:-2]): os.chmod(o, 0o755)
    assert NAME in subprocess.check_output([sys.executable, '-c', code], text=True)

@pytest.mark.parametrize('kwargs', [
    dict(split='dev'), dict(sources=['helpful']), dict(sources=[]), dict(on_bad='ignore'), dict(exclude=['long']), dict(exclude='empty')])
def test_arguments_that_make_no_sense(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))): load_hh('sample', **kwargs)
