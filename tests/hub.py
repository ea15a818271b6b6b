"A Hub on loopback: as much of its protocol as the real client speaks, with faults to switch on"
import hashlib, re, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = '09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa'
FAULTS = {
    '401': 'a status, without its body', '403': '', '404': '', '416': '', '429': '', '500': '',
    'cut': 'closes the connection after `at` bytes of the body',
    'stall': 'sends `at` bytes of the body and no more',
    'silent': 'takes the request and never answers',
    'slow': 'answers after a second',
    'wrong': 'sends the right length, with one bit in the middle turned over',
    'redirect': 'answers as for an LFS file: 302 to another host name, which has the bytes',
    'portal': 'answers 200 with a page of its own, as the log-in page of a hotel does',
    'xet': 'says that the bytes lie in a Xet store, and names one that nobody runs',
}

class Hub(ThreadingHTTPServer):
    """Serves `files` (name -> bytes) as the dataset at its pinned commit; `log` keeps each request.

    `fault` meets the requests of `method`, and of those the first `times` (None: all)."""
    daemon_threads = True

    def __init__(self, files, fault=None, method='HEAD GET', times=None, at=1000):
        assert fault is None or fault in FAULTS
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.fault, self.method, self.times, self.at = dict(files), fault, method, times, at
        self.log, self.closing = [], threading.Event()
        self.url = f'http://127.0.0.1:{self.server_port}'

    def strike(self, method):
        "The fault that meets this request, or None"
        if method not in self.method or self.times == 0: return None
        if self.times: self.times -= 1
        return self.fault

    def gets(self): return [o for o in self.log if o['method'] == 'GET']

    def handle_error(self, request, client_address): "A client that goes away is part of the test"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_): "Not to the terminal"

    def answer(self, status, body=b'', upto=None, **headers):
        "Announce all of `body`, send it up to byte `upto`"
        self.send_response(status)
        for k, v in {'Content-Length': len(body), **headers}.items(): self.send_header(k.replace('_', '-'), str(v))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body[:upto])
            self.wfile.flush()

    def do_GET(self):
        hub, span, auth = self.server, self.headers.get('Range'), self.headers.get('Authorization')
        found = re.search(rf'/(?:cdn|datasets/Anthropic/hh-rlhf/resolve/{COMMIT})/(.+)', self.path)
        missing = dict(X_Error_Code='EntryNotFound', X_Repo_Commit=COMMIT)
        if not found: return self.answer(404)  # what a client asks besides is not our business
        name, fault = found[1], hub.strike(self.command)
        hub.log.append(dict(method=self.command, name=name, range=span, auth=auth))
        if name not in hub.files or fault == '404': return self.answer(404, **missing)
        if fault == 'silent': return hub.closing.wait()
        if fault == 'slow': time.sleep(1)
        if fault == 'portal': return self.answer(200, b'<html>Please log in</html>')
        if fault and fault.isdigit(): return self.answer(int(fault))

        data = hub.files[name]
        about = dict(ETag=f'"{hashlib.sha256(data).hexdigest()}"', X_Repo_Commit=COMMIT, X_Linked_Size=len(data))
        if fault == 'xet': about |= dict(X_Xet_Hash='0'*64, X_Xet_Refresh_Route=f'{hub.url}/no-such-store')
        if fault == 'redirect' and '/cdn/' not in self.path:
            return self.answer(302, Location=f'http://localhost:{hub.server_port}/cdn/{name}', **about)
        if fault == 'wrong': data = data[:len(data)//2] + bytes([data[len(data)//2] ^ 1]) + data[len(data)//2+1:]
        start = int(re.search(r'\d+', span)[0]) if span else 0
        if start >= len(data): return self.answer(416, Content_Range=f'bytes */{len(data)}')
        if span: about['Content_Range'] = f'bytes {start}-{len(data)-1}/{len(data)}'
        broken = fault in ('cut', 'stall')
        self.answer(206 if span else 200, data[start:], hub.at if broken else None, **about)
        if fault == 'stall': hub.closing.wait()
        if broken: self.close_connection = True

    do_HEAD = do_GET
