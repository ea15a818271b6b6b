"""Coverage-guided fuzzing: files of a few lines, loaded, and read a second time by the reference parser.

    pip install atheris                          # it has builds for Python 3.11 to 3.13 on Linux
    python tools/fuzz.py -max_total_time=600     # seconds; other options: llvm.org/docs/LibFuzzer.html

Ends at the first disagreement or crash, with its input in a file `crash-…`: test_transcript.py keeps those as cases.
"""
import json.decoder, json.scanner, sys, tempfile
from contextlib import suppress
from pathlib import Path
import atheris

sys.path.append(str(Path(__file__).parent.parent/'tests'))
with atheris.instrument_imports(include=['hh_nbdev', 'reference']):
    from hh_nbdev.transcript import HUMAN
    from test_transcript import BYTES, Writer, options_of, originals, same_load

# JSON read in Python as well: its branches guide the fuzzer, its results do not count
guide = json.JSONDecoder()
guide.parse_string = atheris.instrument_func(json.decoder.py_scanstring)
guide.parse_object = atheris.instrument_func(json.decoder.JSONObject)
guide.parse_array = atheris.instrument_func(json.decoder.JSONArray)
guide.scan_once = atheris.instrument_func(json.scanner.py_make_scanner)(guide)

FIRST = json.dumps(dict.fromkeys(('chosen', 'rejected'), HUMAN)).encode() + b'\n'  # so that it is a file of rows, whatever follows

def try_one(data):
    "One input of the fuzzer"
    for line in data.split(b'\n'):
        with suppress(ValueError, RecursionError): guide.decode(line.decode())
    same_load(folder/'helpful-base.jsonl', FIRST + data, **options_of(len(data)))

def quoted(piece):
    "A piece as a line of libFuzzer's dictionary"
    return '"' + ''.join(f'\\x{byte:02x}' for byte in piece) + '"'

if __name__ == '__main__':
    folder = Path(tempfile.mkdtemp(dir='/dev/shm'))
    seeds, words, rows = folder/'seeds', folder/'words', originals()[:200]
    seeds.mkdir()
    for i in range(400): (seeds/str(i)).write_bytes(Writer(i, rows).file(1 + i % 3)[:2000])
    words.write_text('\n'.join(map(quoted, BYTES)))
    atheris.Setup([sys.argv[0], str(seeds), f'-dict={words}', '-max_len=2000', '-timeout=30', *sys.argv[1:]], try_one)
    atheris.Fuzz()
