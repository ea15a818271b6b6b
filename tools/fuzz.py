"""Coverage-guided fuzzing: files of a few lines, loaded, and read a second time by the reference parse.

    pip install atheris                          # it has builds for Python 3.11 to 3.13 on Linux
    python tools/fuzz.py -max_total_time=600     # seconds; other options: llvm.org/docs/LibFuzzer.html

Ends at the first disagreement or crash, with its input in a file `crash-…`: test_transcript.py keeps those as cases.
"""
import json.decoder, json.scanner, sys, tempfile
from contextlib import suppress
from pathlib import Path
import atheris

with atheris.instrument_imports(include=['hh_nbdev', 'reference']):
    from hh_nbdev.transcript import HUMAN
    from test_transcript import BYTES, Writer, originals, same_load

# JSON read in Python as well: its branches guide the fuzzer, its results do not count
guide = json.JSONDecoder()
guide.parse_string, guide.parse_object, guide.parse_array = map(atheris.instrument_func, (json.decoder.py_scanstring, json.decoder.JSONObject, json.decoder.JSONArray))
guide.scan_once = atheris.instrument_func(json.scanner.py_make_scanner)(guide)

FIRST = json.dumps(dict.fromkeys(('chosen', 'rejected'), HUMAN)).encode() + b'\n'  # so that it is a file of rows, whatever follows
folder = Path(tempfile.mkdtemp(dir='/dev/shm'))

def one(data):
    for line in data.split(b'\n'):
        with suppress(ValueError, RecursionError): guide.decode(line.decode())
    same_load(folder/'helpful-base.jsonl', FIRST + data, trim=len(data) % 2 == 0)

if __name__ == '__main__':
    seeds = folder/'seeds'
    seeds.mkdir()
    for i in range(400): (seeds/str(i)).write_bytes(Writer(i, originals()[:200]).file(1 + i % 3)[:2000])
    (folder/'words').write_text('\n'.join('"' + ''.join(f'\\x{b:02x}' for b in o) + '"' for o in BYTES))
    atheris.Setup([sys.argv[0], str(seeds), f'-dict={folder}/words', '-max_len=2000', '-timeout=30', *sys.argv[1:]], one)
    atheris.Fuzz()
